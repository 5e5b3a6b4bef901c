"""The ChimeraX script names files relative to itself and says where the tomogram is."""

import shlex

import numpy as np
import pytest

from membraneseg.io.chimerax import write_cxc
from membraneseg.io.mrc import new_header, read_tomogram
from membraneseg.io.rows import MembraneRow

ROWS = [MembraneRow(1, True), MembraneRow(2, False), MembraneRow(5, True)]
HEADER = new_header((60, 80, 100), 12.5, np.zeros(3))


def add_maps(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("observed", "uncertainty"):
        (folder / f"{name}.mrc").touch()


def commands(path):
    """Words of every line that is no comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [shlex.split(line, comments=False) for line in lines if not line.startswith("# ")]


def test_both_files_are_found_from_the_folder_of_the_script(tmp_path):
    tomogram = tmp_path / "my data" / "tomo 1.mrc"
    script = tmp_path / "my data" / "tomo 1_membraneseg" / "open.cxc"
    add_maps(script.parent)
    write_cxc(script, tomogram, "membranes.glb", HEADER, ROWS)
    opened = [words[1] for words in commands(script) if words[0] == "open"]
    assert opened == ["../tomo 1.mrc", "membranes.glb", "observed.mrc", "uncertainty.mrc"]
    assert (script.parent / opened[0]).resolve() == tomogram.resolve()


def test_the_middle_slice_is_shown_as_an_image(tmp_path):
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, ROWS)
    volume = next(w for w in commands(tmp_path / "open.cxc") if w[0] == "volume")
    assert volume[volume.index("region") + 1] == "0,0,30,99,79,30"
    assert volume[volume.index("style") + 1] == "image"
    last = [words for words in commands(tmp_path / "open.cxc") if words[0] == "view"]
    assert last == [["view"], ["view", "name", "whole"]]


def test_a_voxel_size_that_the_user_gave_is_told_with_the_place(make_mrc, noise, tmp_path):
    path = make_mrc(noise, cella=(0.0, 0.0, 0.0), origin=(1.5, 2.5, 3.5))
    _, header = read_tomogram(path, 13.48)
    write_cxc(tmp_path / "open.cxc", path, "membranes.glb", header, ROWS)
    text = (tmp_path / "open.cxc").read_text()
    assert "volume #1 voxelSize 13.48 origin 1.5,2.5,3.5" in text
    write_cxc(tmp_path / "own.cxc", path, "membranes.glb", HEADER, ROWS)
    assert "voxelSize" not in (tmp_path / "own.cxc").read_text()


def test_only_closed_membranes_are_offered_for_measuring(tmp_path):
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, ROWS)
    lines = (tmp_path / "open.cxc").read_text().splitlines()
    measured = [line.split()[-1] for line in lines if line.startswith("# measure volume")]
    assert measured == ["#2.1", "#2.3"]


@pytest.mark.parametrize("rows", [[], ROWS])
def test_meshes_are_opened_only_if_there_are_any(tmp_path, rows):
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, rows)
    assert ("membranes.glb" in (tmp_path / "open.cxc").read_text().split('"')) == bool(rows)


def test_every_membrane_has_its_number_size_and_state_in_the_list_of_models(tmp_path):
    rows = [MembraneRow(1, True, area_nm2=1234.4), MembraneRow(7, False)]
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, rows)
    names = {w[1]: w[2] for w in commands(tmp_path / "open.cxc") if w[0] == "rename"}
    assert names == {
        "#2": "membranes",
        "#2.1": "membrane 1 (closed, 1234 nm2)",
        "#2.2": "membrane 7 (open)",
    }


def test_the_palettes_sample_the_hidden_maps(tmp_path):
    add_maps(tmp_path)
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, ROWS)
    text = (tmp_path / "open.cxc").read_text()
    shown = [line[2:] for line in text.splitlines() if line.startswith("# color sample")]
    assert shown[0] == "color sample #2 map #3 palette 0,#f0a65c:1,#3a76a8"
    stops = shown[1].split("palette ")[1].split(":")
    assert [float(stop.split(",")[0]) for stop in stops] == [0, 5, 10, 15, 20]
    hidden = [words[1] for words in commands(tmp_path / "open.cxc") if words[0] == "hide"]
    assert hidden == ["#3", "#4"]


def test_no_line_is_taken_for_a_command_that_is_none(tmp_path):
    add_maps(tmp_path)
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, ROWS)
    known = {"set", "open", "volume", "rename", "lighting", "hide", "view"}
    assert {words[0] for words in commands(tmp_path / "open.cxc")} == known


def test_maps_that_are_not_there_are_neither_opened_nor_sampled(tmp_path):
    write_cxc(tmp_path / "open.cxc", tmp_path / "t.mrc", "membranes.glb", HEADER, ROWS)
    text = (tmp_path / "open.cxc").read_text()
    assert "uncertainty" not in text
    assert "color" not in text
