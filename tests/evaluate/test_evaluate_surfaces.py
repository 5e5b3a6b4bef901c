"""Distances, matching and calibration of meshes against concentric and shifted spheres."""

import numpy as np
import pytest
import trimesh

from membraneseg.evaluate.matching import (
    match,
    mutual_distances,
    panoptic_quality,
    score_pair,
    share_within_2_sigma,
    surface_iou,
)
from membraneseg.evaluate.parts import mesh_parts
from membraneseg.evaluate.surfaces import (
    distances_to,
    is_watertight,
    joined,
    near_share,
    on_cap,
    sample_surface,
    visible,
    volume_A3,
)
from membraneseg.types import Mesh


def sphere(radius=300.0, centre=(0.0, 0.0, 0.0), sigma_A=0.0, subdivisions=4):
    solid = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    vertices = np.asarray(solid.vertices)[:, ::-1] + np.asarray(centre)
    count = len(vertices)
    faces = np.asarray(solid.faces, dtype=np.int64)
    return Mesh(vertices, faces, np.full(count, sigma_A), np.ones(count, dtype=bool))


def samples(mesh, spacing_A=12.0):
    return sample_surface(mesh, spacing_A)


def scored(predicted, true):
    one, other = samples(predicted), samples(true)
    return score_pair(one, other, mutual_distances(one, other), 60.0)


def iou(one, other, tolerance_A):
    return surface_iou(one, other, mutual_distances(one, other), tolerance_A)


EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64), np.zeros(0), np.zeros(0, dtype=bool))


def test_samples_lie_evenly_on_the_surface():
    spread = samples(sphere())
    radii = np.linalg.norm(spread.points_zyx_A, axis=1)
    assert radii.min() > 299.0
    assert radii.max() <= 300.0 + 1e-9
    assert spread.area_A2 == pytest.approx(4 * np.pi * 300.0**2, rel=0.003)
    # Archimedes: equal areas between parallel planes, along any axis
    for axis in (0, 1, 2):
        share, _ = np.histogram(spread.points_zyx_A[:, axis], np.linspace(-300, 300, 7))
        assert share / len(radii) == pytest.approx(1 / 6, abs=0.01)


def test_concentric_spheres_are_their_difference_in_radius_apart():
    inner, outer = samples(sphere(300.0)), samples(sphere(340.0))
    for one, other in ((inner, outer), (outer, inner)):
        assert distances_to(one, other).distance_A == pytest.approx(40.0, abs=1.0)
    near = [distances_to(inner, outer).distance_A, distances_to(outer, inner).distance_A]
    areas = (inner.area_A2, outer.area_A2)
    assert near_share(*near, 38.0, areas) == 0.0
    assert near_share(*near, 42.0, areas) == 1.0


def test_distance_of_a_mesh_from_itself_is_zero_however_fine_its_triangles():
    for subdivisions in (3, 4, 5):
        mesh = sphere(100.0, subdivisions=subdivisions)
        assert distances_to(samples(mesh, 15.0), samples(mesh, 17.0)).distance_A.max() < 1e-6


@pytest.mark.parametrize("subdivisions", [2, 4])
def test_distances_known_to_matter_little_are_left_out_and_the_others_unchanged(subdivisions):
    one = samples(sphere(300.0, centre=(0.0, 40.0, 90.0)))
    other = samples(sphere(300.0, subdivisions=subdivisions))
    everything, near = distances_to(one, other), distances_to(one, other, 30.0)
    within = everything.distance_A <= 30.0
    assert 0.1 < within.mean() < 0.9
    np.testing.assert_array_equal(near.distance_A[within], everything.distance_A[within])
    np.testing.assert_array_equal(near.vertex[within], everything.vertex[within])
    assert (near.distance_A[~within] > 30.0).all()
    assert np.isinf(near.distance_A).any()


def test_surface_dice_of_a_hemisphere_counts_both_areas():
    whole = sphere()
    upper = whole.faces[(whole.vertices_zyx_A[whole.faces].mean(axis=1)[:, 0] > 0)]
    half = Mesh(whole.vertices_zyx_A, upper, whole.sigma_A, whole.observed)
    one, other = samples(half), samples(whole)
    forward, backward = (
        distances_to(one, other).distance_A,
        distances_to(other, one).distance_A,
    )
    # within 5 Å of the half: the half itself and a band 5 Å wide below the equator
    expected = (0.5 + 0.5 + 5.0 / 600.0) / 1.5
    share = near_share(forward, backward, 5.0, (one.area_A2, other.area_A2))
    assert share == pytest.approx(expected, abs=0.01)


def test_empty_surfaces_have_a_defined_answer():
    none, some = samples(EMPTY), samples(sphere())
    assert near_share(np.zeros(0), np.zeros(0), 10.0, (0.0, 0.0)) == 1.0
    away = distances_to(some, none).distance_A
    assert np.isinf(away).all()
    assert near_share(np.zeros(0), away, 10.0, (0.0, some.area_A2)) == 0.0
    assert panoptic_quality(match([], [], 10.0)) == 1.0
    assert panoptic_quality(match([some], [], 10.0)) == 0.0
    assert panoptic_quality(match([], [some], 10.0)) == 0.0
    assert iou(none, some, 10.0) == 0.0


def test_visible_share_of_a_sphere_is_the_share_of_directions_outside_the_wedge():
    spread = samples(sphere(), 6.0)
    normals = np.random.default_rng(0).normal(size=(400_000, 3))
    seen = np.abs(normals[:, 0]) <= np.abs(normals[:, 2]) * np.tan(np.deg2rad(60.0))
    assert visible(spread, 60.0).mean() == pytest.approx(seen.mean(), abs=0.005)
    assert seen.mean() == pytest.approx(60.0 / 90.0, abs=0.005)
    assert not (visible(spread, 60.0) & on_cap(spread, 60.0)).any()


def test_a_closed_sphere_is_watertight_and_a_torn_or_flipped_one_is_not():
    whole = sphere()
    assert is_watertight(whole)
    torn = Mesh(whole.vertices_zyx_A, whole.faces[1:], whole.sigma_A, whole.observed)
    assert not is_watertight(torn)
    faces = whole.faces.copy()
    faces[0] = faces[0, ::-1]
    assert not is_watertight(Mesh(whole.vertices_zyx_A, faces, whole.sigma_A, whole.observed))
    assert not is_watertight(EMPTY)


def test_volume_of_a_sphere_is_positive_and_right_wherever_it_lies():
    far = sphere(centre=(1e5, -3e4, 2e4))
    assert volume_A3(far) == pytest.approx(4 / 3 * np.pi * 300.0**3, rel=0.005)


def test_swapped_order_and_false_membranes_are_sorted_out():
    places = [(0, 0, 0), (0, 900, 0), (0, 0, 900)]
    true = [samples(sphere(centre=c)) for c in places]
    predicted = [samples(sphere(centre=c)) for c in ((0, 0, 900), (0, 0, 0), (2000, 0, 0))]
    matching = match(predicted, true, 27.0)
    assert sorted(matching.pairs) == [(0, 2), (1, 0)]
    assert (matching.found, matching.missed, matching.false) == (2, 1, 1)
    assert panoptic_quality(matching) == pytest.approx(2 / 3)


def test_one_mesh_around_two_membranes_matches_at_most_one():
    true = [samples(sphere(centre=c)) for c in ((0, 0, 0), (0, 700, 0))]
    merged = samples(joined([sphere(centre=c) for c in ((0, 0, 0), (0, 700, 0))]))
    assert iou(merged, true[0], 20.0) == pytest.approx(0.5, abs=0.001)
    assert match([merged], true, 20.0).found <= 1


def test_nested_membranes_keep_their_own_partners():
    true = [samples(sphere(r)) for r in (200.0, 300.0)]
    matching = match([samples(sphere(r)) for r in (310.0, 205.0)], true, 27.0)
    assert sorted(matching.pairs) == [(0, 1), (1, 0)]


def test_pair_of_concentric_spheres_has_the_errors_of_their_radii():
    pair = scored(sphere(330.0, sigma_A=16.0), sphere(300.0))
    assert pair.mean_distance_A == pytest.approx(30.0, abs=0.7)
    assert pair.cap_p95_distance_A == pytest.approx(30.0, abs=1.0)
    assert pair.area_error == pytest.approx(1.1**2 - 1, abs=0.002)
    assert pair.volume_error == pytest.approx(1.1**3 - 1, abs=0.003)
    assert pair.cap_within_2_sigma == 1.0
    tight = scored(sphere(330.0, sigma_A=14.0), sphere(300.0))
    assert tight.within_2_sigma == 0.0


def test_a_shifted_sphere_is_off_by_the_mean_of_the_cosine():
    pair = scored(sphere(centre=(0, 0, 20.0)), sphere())
    assert pair.mean_distance_A == pytest.approx(10.0, abs=0.5)  # 20·⟨|cos|⟩ over the sphere
    assert pair.volume_error == pytest.approx(0.0, abs=1e-6)


def test_truth_scattered_by_sigma_lies_within_two_sigma_95_times_in_100():
    rng = np.random.default_rng(1)
    predicted = samples(sphere(sigma_A=8.0))
    directions = rng.normal(size=(20_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    scattered = directions * (300.0 + 8.0 * rng.normal(size=(len(directions), 1)))
    cloud = sample_surface(EMPTY, 10.0).__class__(
        EMPTY, scattered, directions, np.zeros(len(directions), dtype=np.int64), 1.0
    )
    chosen = np.ones(len(directions), dtype=bool)
    share = share_within_2_sigma(distances_to(cloud, predicted), predicted, chosen)
    assert share == pytest.approx(0.9545, abs=0.006)


def test_a_mesh_that_claims_no_uncertainty_is_not_scored_for_it():
    pair = scored(sphere(), sphere())
    assert pair.within_2_sigma is None
    assert pair.cap_within_2_sigma is None


def test_a_sphere_that_reaches_through_both_faces_of_a_slab_is_one_ring():
    low, high = np.array([-150.0, -400.0, -400.0]), np.array([150.0, 400.0, 400.0])
    (ring,) = mesh_parts(sphere(), low, high)
    # Archimedes: the zone between parallel planes has the area 2πrh
    assert samples(ring).area_A2 == pytest.approx(2 * np.pi * 300.0 * 300.0, rel=0.02)


def test_a_sphere_wider_than_the_volume_leaves_two_walls_in_it():
    whole, far = sphere(), np.array([1e4, 1e4, 1e4])
    walls = mesh_parts(whole, np.array([-40.0, -150.0, -400.0]), np.array([40.0, 150.0, 400.0]))
    assert len(walls) == 2
    assert {float(np.sign(wall.vertices_zyx_A[:, 2].mean())) for wall in walls} == {-1.0, 1.0}
    assert mesh_parts(whole, far, far + 100.0) == []
