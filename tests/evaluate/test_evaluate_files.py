"""Whole folders: the truth against itself, against nothing, and with known damage."""

import json

import numpy as np
import pytest
import trimesh

from membraneseg.errors import MembraneSegError
from membraneseg.evaluate.files import evaluate_result, format_table
from membraneseg.evaluate.spheres import score_vesicles
from membraneseg.io.glb import write_glb
from membraneseg.io.meshes import membrane_name, write_vertices
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import new_header
from membraneseg.types import Mesh

VOXEL_A, SHAPE = 10.0, (44, 60, 70)
ORIGIN = np.array([-30.0, 15.0, 200.0])
SPHERES = {1: ((210.0, 250.0, 200.0), 120.0), 2: ((220.0, 300.0, 480.0), 100.0)}  # zyx from origin
TABLE_HEAD = "id,x_A,y_A,z_A,radius_A\n"


def mesh_of(centre, radius, sigma_A=0.0):
    solid = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    vertices = np.asarray(solid.vertices)[:, ::-1] + np.asarray(centre) + ORIGIN
    count = len(vertices)
    faces = np.asarray(solid.faces, dtype=np.int64)
    return Mesh(vertices, faces, np.full(count, sigma_A), np.ones(count, dtype=bool))


def shells(spheres, half_width_A=25.0):
    grid = np.stack(np.meshgrid(*[np.arange(n) * VOXEL_A for n in SHAPE], indexing="ij"), axis=-1)
    labels = np.zeros(SHAPE, dtype=np.int16)
    for label, (centre, radius) in spheres.items():
        away = np.abs(np.linalg.norm(grid - np.asarray(centre), axis=-1) - radius)
        labels[away <= half_width_A] = label
    return labels


def table(spheres):
    rows = []
    for label, (centre, radius) in spheres.items():
        z, y, x = np.asarray(centre) + ORIGIN
        rows.append(f"{label},{x},{y},{z},{radius}\n")
    return TABLE_HEAD + "".join(rows)


@pytest.fixture
def truth(tmp_path):
    folder = tmp_path / "truth"
    folder.mkdir()
    labels, header = shells(SPHERES), new_header(SHAPE, VOXEL_A, ORIGIN)
    write_volume(folder / "truth_membranes.mrc", (labels > 0).astype(np.int8), header, "true")
    write_volume(folder / "truth_instances.mrc", labels, header, "true")
    named = [(membrane_name(k), mesh_of(*s), (200, 0, 0)) for k, s in SPHERES.items()]
    write_glb(folder / "truth_meshes.glb", named)
    (folder / "truth_vesicles.csv").write_text(table(SPHERES))
    (folder / "truth.toml").write_text("tilt_range_deg = 60.0\n")
    return folder


def write_result(folder, spheres, sigma_A=5.0, origin=ORIGIN):
    (folder / "meshes").mkdir(parents=True)
    labels, header = shells(spheres), new_header(SHAPE, VOXEL_A, origin)
    write_volume(folder / "membranes.mrc", (labels > 0).astype(np.int8), header, "result")
    write_volume(folder / "instances.mrc", labels, header, "result")
    for label, sphere in spheres.items():
        mesh = mesh_of(*sphere, sigma_A=sigma_A)
        named = [(membrane_name(label), mesh, (0, 200, 0))]
        write_glb(folder / "meshes" / f"{membrane_name(label)}.glb", named)
        write_vertices(folder / "meshes" / f"{membrane_name(label)}.npz", mesh)
    (folder / "vesicles.csv").write_text(table(spheres))
    return folder


def test_the_truth_under_other_names_is_a_perfect_result(truth, tmp_path):
    renamed = {7: SPHERES[2], 3: SPHERES[1]}
    scores = evaluate_result(write_result(tmp_path / "result", renamed), truth)
    for key in ("voxel_dice", "surface_dice_1px", "surface_dice_2px_invisible", "slice_dice"):
        assert scores[key] == pytest.approx(1.0)
    for key in ("panoptic_quality", "adjusted_rand_index", "vesicle_f1", "watertight_share"):
        assert scores[key] == pytest.approx(1.0)
    assert scores["found_membranes"] == 2
    assert scores["mean_distance_A"] < 0.01
    assert scores["cap_within_2_sigma"] == 1.0
    by_truth = {r["true_id"]: r["predicted_id"] for r in scores["per_membrane"]}
    assert by_truth == {1: 3, 2: 7}


def test_a_missed_and_an_invented_membrane_are_counted(truth, tmp_path):
    spheres = {1: SPHERES[1], 2: ((100.0, 500.0, 600.0), 60.0)}
    scores = evaluate_result(write_result(tmp_path / "result", spheres), truth)
    found = [scores[f"{k}_membranes"] for k in ("true", "predicted", "found", "missed", "false")]
    assert found == [2, 2, 1, 1, 1]
    assert scores["panoptic_quality"] == pytest.approx(0.5)
    assert scores["vesicle_f1"] == pytest.approx(0.5)
    areas = np.array([120.0, 100.0, 60.0]) ** 2
    assert scores["surface_dice_2px"] == pytest.approx(
        2 * areas[0] / (areas[0] * 2 + areas[1:].sum()), abs=0.005
    )


def test_a_grown_membrane_has_the_error_of_its_radius(truth, tmp_path):
    spheres = {k: (centre, radius + 15.0) for k, (centre, radius) in SPHERES.items()}
    scores = evaluate_result(write_result(tmp_path / "result", spheres, sigma_A=7.0), truth)
    assert scores["surface_dice_1px"] == 0.0
    assert scores["surface_dice_2px"] == 1.0
    assert scores["cap_mean_distance_A"] == pytest.approx(15.0, abs=0.5)
    assert scores["cap_within_2_sigma"] < 0.05
    assert scores["vesicle_diameter_error"] == pytest.approx(
        np.mean([15 / 135, 15 / 115]), abs=1e-6
    )
    assert scores["vesicle_centre_error_nm"] == pytest.approx(0.0, abs=1e-9)


def test_an_empty_result_scores_zero_and_still_gives_a_table_and_json(truth, tmp_path):
    scores = evaluate_result(write_result(tmp_path / "result", {}), truth)
    for key in ("voxel_dice", "surface_dice_2px", "panoptic_quality", "vesicle_f1"):
        assert scores[key] == 0.0
    assert scores["missed_membranes"] == 2
    assert scores["watertight_share"] is None
    assert scores["mean_distance_A"] is None
    json.dumps(scores, allow_nan=False)
    titles = [title for title, _ in format_table(scores)]
    assert titles[:2] == ["true membranes", "predicted membranes"]
    assert "mean distance, Å" not in titles


def test_counts_come_before_ratios(truth, tmp_path):
    scores = evaluate_result(write_result(tmp_path / "result", SPHERES), truth)
    kinds = [isinstance(v, int) for k, v in scores.items() if k != "per_membrane"]
    assert kinds == sorted(kinds, reverse=True)


def test_a_result_of_another_place_is_refused(truth, tmp_path):
    result = write_result(tmp_path / "result", SPHERES, origin=ORIGIN + 50.0)
    with pytest.raises(MembraneSegError, match="origin"):
        evaluate_result(result, truth)


def test_a_folder_without_truth_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(MembraneSegError, match="membraneseg simulate"):
        evaluate_result(tmp_path, tmp_path)


def test_nested_vesicles_find_the_partner_of_their_size():
    centres, radii = np.zeros((2, 3)), np.array([300.0, 150.0])
    predicted = np.array([[0.0, 0.0, 10.0], [0.0, 20.0, 0.0]])
    scores = score_vesicles(predicted, np.array([150.0, 270.0]), centres, radii)
    assert scores.found == 2
    assert scores.diameter_error == pytest.approx(0.05)
    assert scores.centre_error_nm == pytest.approx(1.5)


def test_vesicles_of_nothing_against_nothing_score_one():
    none = (np.zeros((0, 3)), np.zeros(0))
    assert score_vesicles(*none, *none).f1 == 1.0
    assert score_vesicles(*none, np.zeros((1, 3)), np.ones(1)).f1 == 0.0


@pytest.fixture
def cut_truth(truth):
    """The same truth, with sphere 2 moved so that a wall of the volume goes through its middle."""
    wall_x = (SHAPE[2] - 0.5) * VOXEL_A
    centre = np.array([220.0, 300.0, wall_x])
    spheres = {1: SPHERES[1], 2: (centre, 100.0)}
    labels, header = shells(spheres), new_header(SHAPE, VOXEL_A, ORIGIN)
    inside = np.zeros(SHAPE, dtype=np.int16)
    grid = np.stack(np.meshgrid(*[np.arange(n) * VOXEL_A for n in SHAPE], indexing="ij"), axis=-1)
    inside[np.linalg.norm(grid - centre, axis=-1) < 100.0] = 2
    write_volume(truth / "truth_membranes.mrc", (labels > 0).astype(np.int8), header, "true")
    write_volume(truth / "truth_instances.mrc", labels, header, "true")
    write_volume(truth / "truth_compartments.mrc", inside, header, "true")
    whole = trimesh.creation.icosphere(subdivisions=4, radius=100.0)
    vertices = np.asarray(whole.vertices)[:, ::-1] + centre + ORIGIN
    count = len(vertices)
    faces = np.asarray(whole.faces, dtype=np.int64)[whole.triangles_center[:, 0] < 0]
    cut = Mesh(vertices, faces, np.zeros(count), np.ones(count, dtype=bool))
    named = [
        (membrane_name(1), mesh_of(*SPHERES[1]), (1, 2, 3)),
        (membrane_name(2), cut, (4, 5, 6)),
    ]
    write_glb(truth / "truth_meshes.glb", named)
    (truth / "truth_vesicles.csv").write_text(table({1: SPHERES[1]}))
    (truth / "truth.toml").write_text("tilt_range_deg = 60.0\ncut_vesicles = [2]\n")
    return truth, spheres


def test_what_goes_on_beyond_the_volume_is_neither_right_nor_wrong(cut_truth, tmp_path):
    truth, spheres = cut_truth
    scores = evaluate_result(write_result(tmp_path / "result", spheres), truth)
    assert scores["found_membranes"] == 2
    assert scores["panoptic_quality"] == pytest.approx(1.0, abs=0.02)
    assert scores["surface_dice_1px"] == pytest.approx(1.0, abs=0.01)
    by_truth = {record["true_id"]: record for record in scores["per_membrane"]}
    assert by_truth[2]["area_error"] == pytest.approx(0.0, abs=0.02)
    assert by_truth[2]["volume_error"] is None
    assert by_truth[1]["volume_error"] == pytest.approx(0.0, abs=1e-3)


def test_a_vesicle_found_where_the_box_cuts_a_true_one_is_not_counted(cut_truth, tmp_path):
    truth, spheres = cut_truth
    scores = evaluate_result(write_result(tmp_path / "result", spheres), truth)
    counts = [scores[f"{k}_vesicles"] for k in ("true", "predicted", "found")]
    assert counts == [1, 1, 1]
    assert scores["vesicle_f1"] == 1.0
