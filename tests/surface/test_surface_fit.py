"""Groups become surfaces; the data decide what counts as observed."""

import numpy as np
import pytest
from scipy.special import expit

from membraneseg.surface.fit import (
    FittedMembrane,
    SurfaceConfig,
    detection_probability,
    fit_membranes,
)
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.mesh import membrane_mesh, supported_vertices
from membraneseg.types import MembraneGroup

FRAME = VolumeFrame((60, 64, 70), 13.5, np.array([500.0, -200.0, 30.0]), 60.0)


def sphere_group(label, centre_px, radius_px, rng):
    normals = rng.normal(size=(3000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals[rng.random(3000) < detection_probability(normals, 60.0)]
    points = np.asarray(centre_px) + radius_px * normals + 0.3 * rng.normal(size=normals.shape)
    ids = np.zeros((1, 2), dtype=np.int64)
    return MembraneGroup(label, ids, points * 13.5 + FRAME.origin_zyx_A, True)


def test_the_detection_probability_follows_the_depth_in_the_wedge():
    equator, cap = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    assert detection_probability(equator, 60.0) == pytest.approx(0.92 * expit(60 / 5.76))
    assert detection_probability(cap, 60.0) == pytest.approx(0.92 * expit(-30 / 5.76))


def test_each_group_gets_the_sphere_it_was_drawn_from_in_angstrom():
    rng = np.random.default_rng(4)
    groups = [sphere_group(2, (30, 30, 25), 14.0, rng), sphere_group(5, (28, 32, 45), 10.0, rng)]
    fitted = fit_membranes(groups, FRAME, SurfaceConfig())
    assert [one.label for one in fitted] == [2, 5]
    for one, centre, radius in zip(fitted, ((30, 30, 25), (28, 32, 45)), (14.0, 10.0), strict=True):
        mesh = membrane_mesh(one, FRAME, SurfaceConfig())
        centre_A = np.asarray(centre) * 13.5 + FRAME.origin_zyx_A
        distances = np.linalg.norm(mesh.vertices_zyx_A - centre_A, axis=1)
        assert np.abs(distances - radius * 13.5).max() < 0.6 * 13.5
        # The caps lie in the wedge, the x-facing flanks do not.
        normals = (mesh.vertices_zyx_A - centre_A) / distances[:, None]
        assert not mesh.observed[np.abs(normals[:, 0]) > 0.97].any()
        assert mesh.observed[np.abs(normals[:, 2]) > 0.8].all()


def test_a_group_that_cannot_be_fitted_is_reported_and_the_others_go_on():
    rng = np.random.default_rng(4)
    good = sphere_group(2, (30, 30, 30), 14.0, rng)
    bad = MembraneGroup(1, good.fragment_ids, good.points_zyx_A[:3], True)
    failures, progress = [], []
    fitted = fit_membranes(
        [bad, good],
        FRAME,
        SurfaceConfig(),
        lambda done, total: progress.append((done, total)),
        lambda label, reason: failures.append((label, reason)),
    )
    assert [one.label for one in fitted] == [2]
    assert [label for label, _ in failures] == [1]
    assert "3 points" in failures[0][1]
    assert progress == [(1, 2), (2, 2)]


def test_half_a_sphere_of_points_makes_half_the_area_observed(ellipsoid):
    surface = ellipsoid((30.0, 30.0, 30.0), (15.0,) * 3)
    rng = np.random.default_rng(2)
    points = rng.normal(size=(4000, 3))
    points = 30.0 + 15.0 * points / np.linalg.norm(points, axis=1, keepdims=True)
    points = points[points[:, 2] > 30.0]
    seen = supported_vertices(surface.vertices_zyx, surface.faces, points, SurfaceConfig())
    height = surface.vertices_zyx[:, 2] - 30.0
    assert seen[height > 0.0].all()
    assert not seen[height < -2.5].any()


def test_a_single_stray_point_does_not_make_a_vertex_observed(ellipsoid):
    surface = ellipsoid((30.0, 30.0, 30.0), (15.0,) * 3)
    points = surface.vertices_zyx[surface.vertices_zyx[:, 2] > 32.0]
    stray = np.array([[30.0, 30.0, 15.0]])
    config = SurfaceConfig()
    without = supported_vertices(surface.vertices_zyx, surface.faces, points, config)
    both = np.concatenate([points, stray])
    with_stray = supported_vertices(surface.vertices_zyx, surface.faces, both, config)
    np.testing.assert_array_equal(without, with_stray)


def test_no_points_make_nothing_observed(ellipsoid):
    surface = ellipsoid((30.0, 30.0, 30.0), (15.0,) * 3)
    membrane = FittedMembrane(1, np.zeros((0, 3)), surface)
    mesh = membrane_mesh(membrane, FRAME, SurfaceConfig())
    assert not mesh.observed.any()
    config = SurfaceConfig()
    expected = np.hypot(0.1 * config.sigma_inflation, config.sigma_floor_voxels) * 13.5
    np.testing.assert_allclose(mesh.sigma_A, expected)


def test_a_position_in_the_outermost_voxel_is_inside_the_volume():
    inside = FRAME.contains(np.array([[-0.4, 0, 0], [59.4, 63, 69], [-0.6, 0, 0], [0, 0, 70]]))
    np.testing.assert_array_equal(inside, [True, True, False, False])
