"""A phantom's folder: every number in its place, and true."""

import csv
import tomllib

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from small_phantom import (
    ANGLES,
    CENTRE,
    INNER_RADIUS_A,
    ORIGIN,
    RADIUS_A,
    VOXEL_A,
    small_phantom,
)

from membraneseg.io.glb import read_glb
from membraneseg.io.mrc import read_tomogram
from membraneseg.phantom.files import PHANTOM_FILES, scene_text, write_phantom
from synth2d.wedge import contrast_kept, wedge_depth_deg

RECIPE = {
    "preset": "liposomes",
    "seed": 3,
    "microscope": {"dose_e_per_A2": 100.0, "defocus_um": 5.0},
    "shape_zyx": (26, 40, 60),
}


@pytest.fixture(scope="module")
def phantom():
    return small_phantom()


@pytest.fixture(scope="module")
def folder(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(phantom, folder, RECIPE, seconds=12.34)
    return folder


def table(folder, name):
    """Columns of a CSV file; numbers where they are numbers, None where a field is empty."""

    def value(text):
        try:
            return float(text) if text else None
        except ValueError:
            return text

    with (folder / name).open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    return {key: [value(row[key]) for row in rows] for key in rows[0]}


def places(columns):
    return np.array([columns[f"{axis}_A"] for axis in "zyx"], dtype=float).T


def test_the_folder_holds_exactly_the_files_that_are_promised(folder):
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(PHANTOM_FILES)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tomogram", lambda p: p.tomogram.voxels),
        ("truth_atlas", lambda p: p.truth.atlas),
        ("truth_membranes", lambda p: p.truth.instances > 0),
        ("truth_instances", lambda p: p.truth.instances),
        ("truth_compartments", lambda p: p.truth.compartments),
        ("truth_proteins", lambda p: p.truth.proteins),
    ],
)
def test_volumes_come_back_in_their_place(phantom, folder, name, values):
    volume, _ = read_tomogram(folder / f"{name}.mrc")
    assert np.array_equal(volume.voxels, values(phantom))
    assert volume.voxel_size_A == pytest.approx(VOXEL_A, rel=1e-6)
    assert volume.origin_zyx_A == pytest.approx(ORIGIN, abs=1e-3)


def test_tilt_series_is_in_electrons_by_ascending_angle_with_its_pixel_size(phantom, folder):
    with mrcfile.open(folder / "tilt_series.mrc") as file:
        assert file.data.dtype == np.float32
        assert np.array_equal(file.data, phantom.series.counts)
        assert float(file.voxel_size.x) == pytest.approx(VOXEL_A, rel=1e-6)
    lines = (folder / "tilt_series.rawtlt").read_text().splitlines()
    assert lines == [f"{angle:.2f}" for angle in ANGLES]
    assert lines[0] == "-60.00"


def test_atlas_is_bytes_and_its_classes_are_named_and_counted(phantom, folder):
    truth = tomllib.loads((folder / "truth.toml").read_text())
    with mrcfile.open(folder / "truth_atlas.mrc") as file:
        assert file.data.dtype == np.int8
        counts = np.bincount(file.data.ravel(), minlength=len(truth["class_names"]))
    assert truth["class_voxels"] == counts.tolist()
    assert {"background", "membrane", "head", "tail", "gold"} <= set(truth["class_names"])
    assert sum(truth["class_voxels"]) == phantom.truth.atlas.size


def test_truth_says_how_it_was_recorded(folder):
    truth = tomllib.loads((folder / "truth.toml").read_text())
    assert (truth["seed"], truth["preset"], truth["seconds"]) == (3, "liposomes", 12.3)
    assert truth["tilt_range_deg"] == 60.0
    assert truth["microscope"] == RECIPE["microscope"]
    assert truth["membranes"] == {"liposome": 3, "sheet": 1}
    assert truth["particles"] == {"dumbbell": 2, "gold_5nm": 1}
    assert (truth["whole_vesicles"], truth["cut_vesicles"]) == (2, [3])
    assert truth["ice"]["mean_thickness_nm"] == pytest.approx(36.4)
    assert truth["tilts"]["true_angles_deg"] == pytest.approx(ANGLES + 0.1)
    assert truth["tilts"]["dose_after_e_per_A2"][-1] == pytest.approx(100.0)


def test_a_sphere_has_the_area_and_volume_of_a_sphere_and_shows_two_thirds_at_60_degrees(folder):
    rows = table(folder, "truth_membranes.csv")
    radius_nm = RADIUS_A / 10
    assert rows["closed"] == ["true", "true", "false", "false"]
    assert rows["parent"] == [0, 1, 0, 0]
    assert rows["area_nm2"][0] == pytest.approx(4 * np.pi * radius_nm**2, rel=0.01)
    assert rows["volume_nm3"][0] == pytest.approx(4 / 3 * np.pi * radius_nm**3, rel=0.02)
    assert rows["volume_nm3"][2:] == [None, None]
    assert rows["visible_share"][0] == pytest.approx(60 / 90, abs=0.03)
    assert rows["visible_share"][3] == 0.0  # its normal is along y
    assert places(rows)[0] == pytest.approx(CENTRE, abs=0.5)


def test_the_area_of_a_sheet_is_that_of_the_box(folder):
    rows = table(folder, "truth_membranes.csv")
    assert rows["area_nm2"][3] == pytest.approx(25 * 59 * VOXEL_A**2 / 100, rel=0.005)


def test_only_whole_vesicles_are_in_their_table(folder):
    rows = table(folder, "truth_vesicles.csv")
    assert rows["id"] == [1, 2]
    assert rows["radius_A"] == pytest.approx([RADIUS_A, INNER_RADIUS_A], rel=0.03)
    outer = np.array(rows["outer_radius_A"]) - np.array(rows["radius_A"])
    assert outer == pytest.approx(np.array(rows["thickness_A"]) / 2 + 6.0, abs=0.01)
    assert places(rows) == pytest.approx(np.stack([CENTRE, CENTRE]), abs=0.5)


def test_angles_of_particles_rebuild_their_rotations(phantom, folder):
    rows = table(folder, "truth_particles.csv")
    assert rows["id"] == [1, 2, 3]
    assert rows["class"] == ["dumbbell", "dumbbell", "gold_5nm"]
    assert (rows["membrane"], rows["filament"]) == ([0, 1, 0], [3, 0, 0])
    angles = np.array([rows[f"angle_{name}_deg"] for name in ("rot", "tilt", "psi")]).T
    matrices = Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix()
    rotations = np.concatenate([group.rotations for group in phantom.scene.particles])
    assert matrices[:, ::-1, ::-1] == pytest.approx(rotations, abs=1e-4)
    centres = np.concatenate([group.centres_zyx_A for group in phantom.scene.particles])
    assert places(rows) == pytest.approx(centres, abs=1e-3)


def test_surface_rows_follow_the_meshes_and_carry_the_wedge_formula(phantom, folder):
    rows = table(folder, "truth_surface.csv")
    meshes = read_glb(folder / "truth_meshes.glb")
    vertices = np.concatenate([mesh.vertices_zyx_A for _, mesh, _ in meshes])
    assert places(rows) == pytest.approx(vertices, abs=0.01)
    normals = np.array([rows[f"n{axis}"] for axis in "zyx"]).T
    own = np.array(rows["membrane"]) == 1
    radial = (vertices[own] - CENTRE) / np.linalg.norm(vertices[own] - CENTRE, axis=1)[:, None]
    assert normals[own] == pytest.approx(radial, abs=1e-3)
    depth = wedge_depth_deg(normals, 60.0)
    assert rows["wedge_depth_deg"] == pytest.approx(depth, abs=0.02)
    assert rows["contrast_kept"] == pytest.approx(contrast_kept(depth), abs=0.002)
    observed = np.concatenate([mesh.observed for _, mesh, _ in meshes])
    clear = np.abs(depth) > 0.01
    assert np.array_equal(np.array(rows["visible"])[clear] == 1, (depth < 0)[clear])
    assert np.array_equal(np.array(rows["visible"]) == 1, observed)


def test_the_scene_file_reads_back_to_the_recipe(folder):
    text = (folder / "scene.toml").read_text()
    assert text == scene_text(RECIPE)
    assert tomllib.loads(text) == {**RECIPE, "shape_zyx": [26, 40, 60]}


def test_the_same_phantom_is_written_byte_for_byte_the_same(phantom, folder, tmp_path):
    write_phantom(phantom, tmp_path, RECIPE, seconds=12.34)
    for name in PHANTOM_FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
