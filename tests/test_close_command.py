"""`membraneseg close`: closed ones closed, sheets stay sheets, cut ones are cut, and bad input."""

import csv
import json
import sys

import mrcfile
import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from membraneseg.cli import main
from membraneseg.evaluate.surfaces import is_watertight
from membraneseg.io.meshes import read_glb

VOXEL_A = 12.0
SHAPE = (56, 72, 96)
GRID = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).astype(float)
SPHERE, CUT, SHEET = 1, 2, 3
LABELS = {"whole sphere": ((28, 24, 24), 15.0), "cut sphere": ((28, 72, 26), 16.0)}


def from_centre(centre):
    offset = GRID - np.array(centre, dtype=float)
    return np.linalg.norm(offset, axis=-1), offset


def drawn_labels(wedge=True):
    """A sphere, one that the border cuts in half, and a wavy sheet; caps missing if told."""
    labels = np.zeros(SHAPE, dtype=np.int8)
    for label, (centre, radius) in enumerate(LABELS.values(), start=1):
        distance, offset = from_centre(centre)
        shell = np.abs(distance - radius) <= 1.5
        if wedge:
            shell &= np.abs(offset[..., 0]) <= np.abs(offset[..., 2]) * np.tan(np.deg2rad(60.0))
        labels[shell] = label
    wave = 80.0 + 3.0 * np.sin(GRID[..., 1] / 12.0)
    inside = (GRID[..., 0] > 10) & (GRID[..., 0] < 46) & (GRID[..., 1] > 10) & (GRID[..., 1] < 62)
    labels[(np.abs(GRID[..., 2] - wave) <= 1.5) & inside] = SHEET
    return labels


def written(path, voxels, voxel_size=VOXEL_A):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(voxels)
        file.voxel_size = voxel_size
    return path


def called(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["membraneseg", "close", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


def result_of(folder):
    """Rows and meshes by where the membrane lies: the sphere, the cut one, the sheet."""
    with (folder / "membranes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    meshes = [mesh for _, mesh, _ in read_glb(folder / "membranes.glb")]
    found = {}
    for row, mesh in zip(rows, meshes, strict=True):
        _, y, x = mesh.vertices_zyx_A.mean(axis=0) / VOXEL_A
        kind = SHEET if x > 60 else SPHERE if y < 44 else CUT
        assert kind not in found
        found[kind] = (row, mesh)
    return found


@pytest.fixture(scope="module")
def closed_labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("close")
    path = written(folder / "labels.mrc", drawn_labels())
    with pytest.MonkeyPatch.context() as patch:
        assert called(patch, path, "-o", folder / "out", "--jobs", 1) in (0, None)
    return folder / "out"


def test_a_vesicle_without_its_caps_is_closed_with_its_radius_and_volume(closed_labels):
    row, mesh = result_of(closed_labels)[SPHERE]
    assert row["closed"] == "true"
    assert is_watertight(mesh)
    volume_nm3 = 4.0 / 3.0 * np.pi * (1.5 * 12.0) ** 3
    assert float(row["volume_nm3"]) == pytest.approx(volume_nm3, rel=0.06)
    assert 0.5 < float(row["observed_fraction"]) < 0.75


def test_a_vesicle_that_the_border_cuts_ends_there_and_has_no_volume(closed_labels):
    row, mesh = result_of(closed_labels)[CUT]
    assert row["closed"] == "false"
    assert row["volume_nm3"] == ""
    index = mesh.vertices_zyx_A / VOXEL_A
    assert index[:, 1].max() == pytest.approx(SHAPE[1] - 0.5, abs=1e-3)
    centre, radius = LABELS["cut sphere"]
    apart = np.linalg.norm(index - centre, axis=1)
    assert np.abs(apart - radius).max() < 1.5  # its caps were completed as well
    assert not mesh.observed[np.abs(index[:, 0] - centre[0]) > 15.0].any()


def test_a_sheet_stays_a_sheet_and_ends_where_the_mask_ends(closed_labels):
    row, mesh = result_of(closed_labels)[SHEET]
    assert row["closed"] == "false"
    index = mesh.vertices_zyx_A / VOXEL_A
    wave = 80.0 + 3.0 * np.sin(index[:, 1] / 12.0)
    assert np.abs(index[:, 2] - wave).max() < 1.0
    inset = 1.0  # voxels by which the middle of a mask ends before its edge
    steps = np.linspace(11.0 + inset, 61.0 - inset, 2000)
    length = np.sum(np.hypot(np.diff(steps), np.diff(3.0 * np.sin(steps / 12.0))))
    area_nm2 = (35.0 - 2.0 * inset) * length * (VOXEL_A / 10.0) ** 2
    assert float(row["area_nm2"]) == pytest.approx(area_nm2, rel=0.03)


def test_the_folder_holds_what_applies_and_the_account_of_crossings(closed_labels):
    names = {path.name for path in closed_labels.iterdir()}
    assert {"membranes.mrc", "observed.mrc", "instances.mrc", "uncertainty.mrc"} <= names
    assert {"membranes.glb", "membranes.csv", "open.cxc", "report.html", "config.toml"} <= names
    assert not {"probability.mrc", "proteins.mrc", "vesicles.csv"} & names
    facts = json.loads((closed_labels / "run.json").read_text())
    assert facts["membranes"] == 3
    assert facts["crossing_pairs"] == {"before_repair": 0, "after_repair": 0}


@pytest.mark.parametrize(("choice", "count"), [("all", 2), ("none", 0)])
def test_all_or_none_of_the_spheres_can_be_closed(tmp_path, monkeypatch, choice, count):
    labels = drawn_labels()
    labels[labels == SHEET] = 0
    path = written(tmp_path / "labels.mrc", labels)
    options = ("-o", tmp_path / "out", "--closed", choice, "--jobs", 1)
    assert called(monkeypatch, path, *options) in (0, None)
    with (tmp_path / "out" / "membranes.csv").open(newline="") as file:
        assert sum(row["closed"] == "true" for row in csv.DictReader(file)) == count


def test_a_mask_without_labels_gives_the_same_membranes(tmp_path, monkeypatch):
    path = written(tmp_path / "mask.mrc", (drawn_labels() > 0).astype(np.int8))
    assert called(monkeypatch, path, "-o", tmp_path / "out", "--jobs", 1) in (0, None)
    found = result_of(tmp_path / "out")
    assert {kind: row["closed"] for kind, (row, _) in found.items()} == {
        SPHERE: "true",
        CUT: "false",
        SHEET: "false",
    }


def test_a_label_of_what_membranes_enclose_is_left_out(tmp_path, monkeypatch):
    labels = np.zeros(SHAPE, dtype=np.int8)
    distance, _ = from_centre(LABELS["whole sphere"][0])
    labels[distance <= 15.0] = 2
    labels[np.abs(distance - 15.0) <= 1.5] = 1
    path = written(tmp_path / "filled.mrc", labels)
    assert called(monkeypatch, path, "-o", tmp_path / "out", "--jobs", 1) in (0, None)
    facts = json.loads((tmp_path / "out" / "run.json").read_text())
    assert facts["membranes"] == 1
    assert any("label 2 was left out" in warning for warning in facts["warnings"])
    assert any("face the beam" in warning for warning in facts["warnings"])


def bad_masks():
    ball = from_centre((28, 36, 40))[0] <= 15.0
    shell = (ball & ~binary_erosion(ball, iterations=3)).astype(np.int8)
    noise = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    return {
        "no whole numbers": noise,
        "empty": np.zeros(SHAPE, dtype=np.int8),
        "membrane, expected thin": np.ones(SHAPE, dtype=np.int8),
        "holds the value -1": (shell - 1).astype(np.int8),
    }


@pytest.mark.parametrize("message", list(bad_masks()))
def test_what_is_no_mask_is_refused_in_one_sentence_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, message
):
    path = written(tmp_path / "mask.mrc", bad_masks()[message])
    assert called(monkeypatch, path, "-o", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.startswith("membraneseg: ")
    assert len(error.strip().splitlines()) == 1
    assert message in error
    assert list(tmp_path.iterdir()) == [path]


def test_a_tomogram_of_another_shape_is_refused(tmp_path, monkeypatch, capsys):
    path = written(tmp_path / "labels.mrc", drawn_labels())
    other = written(tmp_path / "tomo.mrc", np.zeros((8, 9, 10), dtype=np.float32))
    code = called(monkeypatch, path, "-o", tmp_path / "out", "--tomogram", other)
    assert code == 2
    assert "(8, 9, 10)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
