"""`membraneseg simulate`: reproducible, whole or not at all, resumable, and clear when refused."""

import csv
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from small_phantom import small_phantom
from test_cli_bad_input import called

import membraneseg.simulate
from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.phantom.files import PHANTOM_FILES, SCENE_FILE
from membraneseg.phantom.ranges import Ranges, draw_settings
from membraneseg.phantom.simulate import STEPS, simulate_phantom
from membraneseg.progress import SilentReporter
from membraneseg.scene_file import SceneSettings, load_scene, members_of
from membraneseg.simulate import SimulateRequest, simulate_to_folder

TINY = (
    "shape_zyx=20,32,32",
    "liposomes.count=1",
    "liposomes.radius_min_nm=5",
    "liposomes.radius_max_nm=5.5",
    "crowd.gold_count=0",
    "crowd.targets.volume_share=0",
    "crowd.large_distractors.volume_share=0",
    "tilts.step_deg=20",
)


def simulated(output, settings, **request):
    return simulate_to_folder(SimulateRequest(output, **request), settings, SilentReporter())


@pytest.fixture
def drawn(monkeypatch):
    """Put a phantom made by hand in the place of the simulation; return the settings asked for."""
    asked = []

    def instead(config, rng, progress=None, device="cpu", structures=None):
        asked.append(config)
        progress("membranes", 1.0)
        return small_phantom(rng)

    monkeypatch.setattr(membraneseg.simulate, "simulate_phantom", instead)
    return asked


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_scene_file_makes_its_phantom_again_bit_by_bit(tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    simulated(first, load_scene("liposomes", TINY, {"seed": 7}))
    simulated(again, load_scene(str(first / SCENE_FILE)))
    for name in ("tomogram.mrc", "tilt_series.mrc", "truth_meshes.glb", "scene.toml"):
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
    assert sorted(f.name for f in first.iterdir()) == sorted([*PHANTOM_FILES, "contact_sheet.png"])


def test_a_member_of_a_set_is_made_again_by_its_own_scene_file(tmp_path):
    settings = load_scene("liposomes", [*TINY, "voxel_size_A=16"], {"seed": 2})
    simulated(tmp_path / "set", settings, count=2)
    member = tmp_path / "set" / "phantom_0002"
    simulated(tmp_path / "again", load_scene(str(member / SCENE_FILE)))
    again, _ = read_tomogram(tmp_path / "again" / "tomogram.mrc")
    first, _ = read_tomogram(member / "tomogram.mrc")
    other, _ = read_tomogram(tmp_path / "set" / "phantom_0001" / "tomogram.mrc")
    assert np.array_equal(first.voxels, again.voxels)
    assert not np.array_equal(first.voxels, other.voxels)


def test_a_preset_and_the_same_settings_in_a_file_are_one_scene(tmp_path):
    (tmp_path / "s.toml").write_text('preset = "cell"\nseed = 4\n[liposomes]\ncount = 3\n')
    assert load_scene(str(tmp_path / "s.toml")) == load_scene(
        "cell", ["liposomes.count=3"], {"seed": 4}
    )
    assert load_scene("cell").sheets.count == 3


def test_options_win_over_set_and_set_over_the_file(tmp_path):
    (tmp_path / "s.toml").write_text("voxel_size_A = 9.0\n[microscope]\ndose_e_per_A2 = 80.0\n")
    scene = load_scene(
        str(tmp_path / "s.toml"),
        ["voxel_size_A=10", "microscope.dose_e_per_A2=90"],
        {"microscope": {"dose_e_per_A2": 100.0}},
    )
    assert (scene.voxel_size_A, scene.microscope.dose_e_per_A2) == (10.0, 100.0)


def test_drawn_parameters_lie_in_their_ranges_and_fill_them():
    ranges = Ranges(voxel_size_A=(10.0, 12.0), tilt_range_deg=(50.0, 60.0), defocus_um=())
    rng = np.random.default_rng(0)
    base = load_scene("liposomes", ["microscope.defocus_um=4.5"])
    drawn = [draw_settings(base, ranges, rng) for _ in range(200)]
    sizes = np.array([d.voxel_size_A for d in drawn])
    assert sizes.min() >= 10.0
    assert sizes.max() <= 12.0
    assert sizes.mean() == pytest.approx(11.0, abs=0.15)
    assert all(-d.tilts.min_deg == d.tilts.max_deg and d.tilts.max_deg <= 60.0 for d in drawn)
    assert {d.microscope.defocus_um for d in drawn} == {4.5}
    depth_nm = base.shape_zyx[0] * sizes / 10
    shares = np.array([d.ice.thickness_nm for d in drawn]) / depth_nm
    assert 0.8 <= shares.min() <= shares.max() <= 1.0


def test_what_was_asked_for_in_so_many_words_is_not_drawn():
    scene = load_scene("synapse", ["microscope.defocus_um=4"], {"voxel_size_A": 11.0})
    assert (scene.ranges.defocus_um, scene.ranges.voxel_size_A) == ((), ())
    assert scene.ranges.dose_e_per_A2 == Ranges().dose_e_per_A2
    both = load_scene("synapse", ["microscope.defocus_um=4", "ranges.defocus_um=2,3"])
    assert both.ranges.defocus_um == (2.0, 3.0)


def test_a_member_depends_on_the_seed_and_its_number_only():
    scene = load_scene("liposomes", options={"seed": 5})
    few, many = members_of(scene, 2), members_of(scene, 6)
    assert few == many[:2]
    assert len({m.voxel_size_A for m in many}) == 6
    first = [m.generator.integers(2**62) for m in many]
    assert len(set(first)) == 6


def test_a_set_has_a_folder_each_a_table_and_one_contact_sheet(tmp_path, drawn):
    simulated(tmp_path / "set", load_scene("nested", options={"seed": 3}), count=3)
    names = sorted(entry.name for entry in (tmp_path / "set").iterdir())
    folders = ["phantom_0001", "phantom_0002", "phantom_0003"]
    assert names == sorted([*folders, "contact_sheet.png", "phantoms.csv", "scene.toml"])
    with (tmp_path / "set" / "phantoms.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert [row["name"] for row in rows] == folders
    assert [row["preset"] for row in rows] == ["nested"] * 3
    doses = [float(row["dose_e_per_A2"]) for row in rows]
    assert doses == pytest.approx([c.microscope.dose_e_per_A2 for c in drawn], abs=1e-3)
    assert [(row["membranes"], row["vesicles"], row["particles"]) for row in rows] == [
        ("4", "2", "3")
    ] * 3


def test_resuming_leaves_the_finished_phantoms_alone_and_makes_the_rest(tmp_path, drawn):
    scene = load_scene("nested", options={"seed": 3})
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    simulated(whole, scene, count=3)
    simulated(stopped, scene, count=2)
    (stopped / "phantom_0003.123.partial").mkdir()
    (stopped / "phantom_0003.123.partial" / "tomogram.mrc").write_text("half")
    before = {path: path.stat().st_mtime_ns for path in stopped.glob("phantom_000*/*")}
    drawn.clear()
    simulated(stopped, scene, count=3, resume=True)
    assert len(drawn) == 1
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.exists())
    assert not list(tmp_path.rglob("*.partial"))
    for name in ("phantom_0003/tomogram.mrc", "phantom_0001/tomogram.mrc", "scene.toml"):
        assert (whole / name).read_bytes() == (stopped / name).read_bytes()
    assert len((stopped / "phantoms.csv").read_text().splitlines()) == 4


def test_a_finished_phantom_is_not_made_again_when_resuming(tmp_path, drawn):
    simulated(tmp_path / "one", load_scene("nested"))
    before = content(tmp_path)
    simulated(tmp_path / "one", load_scene("nested"), resume=True)
    assert len(drawn) == 1
    assert content(tmp_path) == before


def test_resuming_with_another_seed_is_refused(tmp_path, drawn):
    simulated(tmp_path / "set", load_scene("nested", options={"seed": 3}), count=2)
    with pytest.raises(MembraneSegError, match="other settings"):
        simulated(tmp_path / "set", load_scene("nested", options={"seed": 4}), count=3, resume=True)
    with pytest.raises(MembraneSegError, match="holds a set"):
        simulated(tmp_path / "set", load_scene("nested", options={"seed": 3}), resume=True)


def test_force_replaces_phantoms_and_nothing_else(tmp_path, drawn):
    out = tmp_path / "out"
    simulated(out, load_scene("nested", options={"seed": 3}), count=3)
    (out / "notes.txt").write_text("mine")
    (out / "phantom_0009").mkdir()
    (out / "phantom_0009" / "notes.txt").write_text("mine too")
    simulated(out, load_scene("nested", options={"seed": 8}), force=True)
    names = {entry.name for entry in out.iterdir()}
    assert names == {*PHANTOM_FILES, "contact_sheet.png", "notes.txt", "phantom_0009"}
    assert tomllib.loads((out / SCENE_FILE).read_text())["seed"] == 8


def test_a_simulation_that_fails_writes_nothing(tmp_path):
    with pytest.raises(MembraneSegError, match="too thin"):
        simulated(tmp_path / "a" / "b", load_scene("liposomes", ["shape_zyx=8,32,32"]))
    with pytest.raises(MembraneSegError, match="too thin"):
        simulated(tmp_path / "a" / "b", load_scene("liposomes", ["shape_zyx=8,32,32"]), count=2)
    assert not list(tmp_path.iterdir())


def test_a_phantom_that_cannot_be_drawn_is_left_out_of_its_set(tmp_path, monkeypatch, caplog):
    def second_fails(config, rng, progress=None, device="cpu", structures=None):
        if config.member == 2:
            raise MembraneSegError("no room")
        return small_phantom(rng)

    monkeypatch.setattr(membraneseg.simulate, "simulate_phantom", second_fails)
    simulated(tmp_path / "set", load_scene("nested"), count=3)
    folders = sorted(entry.name for entry in (tmp_path / "set").glob("phantom_*"))
    assert folders == ["phantom_0001", "phantom_0003"]
    assert len((tmp_path / "set" / "phantoms.csv").read_text().splitlines()) == 3
    assert "phantom_0002 left out: no room" in caplog.text


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import membraneseg.simulate as work
import membraneseg.phantom_sheets
from membraneseg.progress import SilentReporter
from membraneseg.scene_file import load_scene
from small_phantom import small_phantom
from pathlib import Path

def die(folder, name):
    if name == "phantom_0002":
        os.kill(os.getpid(), signal.SIGKILL)

work.simulate_phantom = lambda config, rng, *_: small_phantom(rng)
work.write_phantom_sheet = die
request = work.SimulateRequest(Path({folder!r}), count=3)
work.simulate_to_folder(request, load_scene("nested"), SilentReporter())
"""


def test_a_killed_set_holds_whole_phantoms_only_and_goes_on(tmp_path, drawn):
    folder = tmp_path / "set"
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert {entry.name for entry in folder.glob("phantom_????")} == {"phantom_0001"}
    assert len(list(folder.glob("*.partial"))) == 1
    simulated(folder, load_scene("nested"), count=3, resume=True)
    assert len(list(folder.glob("phantom_????/tomogram.mrc"))) == 3
    assert not list(folder.glob("*.partial"))


def test_progress_goes_through_the_steps_of_the_simulation_and_ends_at_one():
    seen = {}
    scene = load_scene("liposomes", TINY)
    simulate_phantom(scene, scene.generator, lambda step, share: seen.update({step: share}))
    assert list(seen) == list(STEPS)
    assert set(seen.values()) == {1.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["teapot"], ["teapot", "liposomes", "synapse", "SCENE.toml"]),
        (["absent.toml"], ["absent.toml", "No such file", "presets"]),
        (["broken.toml"], ["broken.toml", "not TOML", "scene.toml"]),
        (["strange.toml"], ["colour", "not a setting of `membraneseg simulate`"]),
        (["--set", "liposomes.colour=blue"], ["liposomes.colour"]),
        (["--set", "liposomes"], ["--set liposomes", "liposomes.count=20"]),
        (["--set", "liposomes=3"], ["group of settings", "membraneseg settings simulate"]),
        (["--count", "0"], ["--count is 0"]),
        (["--seed", "-1"], ["seed is -1", "0 or more"]),
        (["--device", "abacus"], ["abacus", "auto, cpu, cuda"]),
        (["--tilt-range", "95"], ["95"]),
        (["--dose", "-5"], ["dose_e_per_A2 is -5"]),
        (["--voxel-size", "0"], ["voxel_size_A is 0.0"]),
        (["--set", "shape_zyx=2,64,64"], ["shape_zyx is (2, 64, 64)", "at least 8"]),
        (["--set", "shape_zyx=64,64"], ["shape_zyx", "three numbers"]),
        (["--count", "2", "--set", "ranges.dose_e_per_A2=[150,70]"], ["150", "low then high"]),
        (["--set", "crowd.small_distractors.kinds=notes.pdb"], ["notes.pdb"]),
        (["--set", "crowd.small_distractors.kinds=absent.pdb"], ["absent.pdb"]),
        (["--set", "crowd.small_distractors.kinds=unicorn"], ["unicorn", "ribosome"]),
        (["--resume", "--force"], ["--resume", "--force", "one of the two"]),
    ],
)
def test_wrong_input_is_one_clear_sentence(monkeypatch, capsys, tmp_path, arguments, words):
    (tmp_path / "broken.toml").write_text("seed = = 3\n")
    (tmp_path / "strange.toml").write_text("colour = 3\n")
    (tmp_path / "notes.pdb").write_text("these are notes, not atoms\n" * 30)
    monkeypatch.chdir(tmp_path)
    before = content(tmp_path)
    code, error = called(monkeypatch, capsys, "simulate", "-o", "out", *arguments)
    assert code == 2
    assert error.startswith("membraneseg: ")
    assert len(error.strip().splitlines()) == 1
    for word in words:
        assert word in error
    assert content(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_outputs_in_use_are_refused(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("mine")
    before = content(tmp_path)
    for name, words in (("file", ["is a file"]), ("full", ["--resume", "--force"])):
        code, error = called(monkeypatch, capsys, "simulate", "-o", tmp_path / name)
        assert code == 2
        assert all(word in error for word in words)
    assert content(tmp_path) == before


def test_unknown_settings_lists_are_refused(monkeypatch, capsys):
    code, error = called(monkeypatch, capsys, "settings", "lunch")
    assert code == 2
    assert "give one of run, vesicles, simulate, train" in error


def test_the_help_is_a_manual_page_with_every_preset(monkeypatch, capsys):
    from typer.testing import CliRunner

    from membraneseg.cli import app
    from membraneseg.phantom.presets import PRESETS

    text = CliRunner().invoke(app, ["simulate", "--help"], env={"COLUMNS": "120"}).output
    for name, preset in PRESETS.items():
        assert name in text
        assert preset.help.split(",")[0] in text
    for word in ("tilt_series.mrc", "scene.toml", "phantoms.csv", "--count", "--resume"):
        assert word in text


def test_settings_of_simulate_are_all_explained(monkeypatch, capsys):
    from membraneseg.settings import explain

    rows = explain(SceneSettings)
    names = [name for name, _, _ in rows]
    assert {"seed", "preset", "ranges.defocus_um", "microscope.defocus_um"} <= set(names)
    assert [name for name, _, text in rows if not text] == []
