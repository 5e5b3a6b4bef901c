"""Ellipsoids: closed forms, and what the missing wedge leaves open."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gp_fit import CoplanarPointsError, Ellipsoid, TooFewPointsError, fit_ellipsoid
from gp_fit.ellipsoid import _distance_slopes, _turning
from gp_fit.quadric import sampson_distance
from gp_fit.sphere import spiral_directions

TURN = Rotation.from_euler("xyz", [0.3, -0.5, 0.8]).as_matrix()
TRUE = Ellipsoid(np.array([10.0, 20.0, 30.0]), np.array([40.0, 30.0, 20.0]), TURN)


def _seen(normals: np.ndarray) -> np.ndarray:
    return np.abs(normals[:, 0]) <= np.abs(normals[:, 2]) * np.tan(np.deg2rad(60.0))


def test_exact_points_give_the_exact_ellipsoid():
    found = fit_ellipsoid(TRUE.unscaled(spiral_directions(300)))
    assert found.semi_axes == pytest.approx(TRUE.semi_axes, abs=0.2)
    assert found.centre_zyx == pytest.approx(TRUE.centre_zyx, abs=0.02)
    assert np.abs(np.diag(found.rotation.T @ TURN)) == pytest.approx(1.0, abs=1e-4)


def test_two_visible_lunes_with_outliers_give_the_axes_within_four_percent():
    rng = np.random.default_rng(0)
    points = TRUE.unscaled(spiral_directions(3000))
    points = points[_seen(TRUE.normals(points))]
    points = points + 0.7 * rng.normal(size=points.shape)
    stray = rng.uniform(-45.0, 45.0, size=(100, 3)) + TRUE.centre_zyx
    found = fit_ellipsoid(np.concatenate([points, stray]))
    assert found.semi_axes == pytest.approx(TRUE.semi_axes, rel=0.04)


def test_an_unseen_direction_takes_the_size_of_the_seen_ones():
    """A thin z band of a sphere leaves the z axis open; it must stay near the radius."""
    directions = spiral_directions(6000)
    band = 30.0 * directions[np.abs(directions[:, 0]) < 0.1]
    points = band + 0.7 * np.random.default_rng(1).normal(size=band.shape)
    assert fit_ellipsoid(points).semi_axes == pytest.approx([30.0, 30.0, 30.0], rel=0.1)


def test_half_a_side_does_not_explode():
    directions = spiral_directions(4000)
    quarter = _seen(directions) & (directions[:, 2] > 0.0) & (directions[:, 0] > 0.0)
    points = 30.0 * directions[quarter]
    points = points + 0.7 * np.random.default_rng(2).normal(size=points.shape)
    assert np.all(fit_ellipsoid(points).semi_axes < 36.0)


def test_signed_distance_of_a_sphere_is_radius_minus_r():
    sphere = Ellipsoid(np.zeros(3), np.full(3, 25.0), np.eye(3))
    queries = np.random.default_rng(4).normal(size=(50, 3)) * 30.0
    expected = np.linalg.norm(queries, axis=1) - 25.0
    assert sphere.signed_distance(queries) == pytest.approx(expected, abs=1e-9)


def test_closest_points_lie_on_the_surface_along_its_normal():
    queries = np.random.default_rng(5).normal(size=(100, 3)) * 30.0 + TRUE.centre_zyx
    closest = TRUE.closest_points(queries)
    assert np.linalg.norm(TRUE.scaled(closest), axis=1) == pytest.approx(1.0, abs=1e-9)
    rebuilt = closest + TRUE.signed_distance(queries)[:, None] * TRUE.normals(queries)
    assert rebuilt == pytest.approx(queries, abs=1e-6)


def test_the_centre_is_the_shortest_semi_axis_deep():
    assert TRUE.signed_distance(TRUE.centre_zyx[None]) == pytest.approx([-20.0])


def test_one_slice_and_too_few_points_are_named():
    circle = np.column_stack([np.full(50, 7.0), *np.random.default_rng(6).normal(size=(2, 50))])
    with pytest.raises(CoplanarPointsError, match="single slice"):
        fit_ellipsoid(circle)
    with pytest.raises(TooFewPointsError, match="at least 10"):
        fit_ellipsoid(np.random.default_rng(7).normal(size=(9, 3)))


def test_slopes_of_the_distance_and_of_the_rotation_equal_finite_differences():
    rng = np.random.default_rng(6)
    places, axes = rng.normal(size=(40, 3)) * 25.0, np.array([40.0, 30.0, 20.0])

    def distance(moved, logs):
        return sampson_distance(moved / np.exp(logs), np.exp(logs))

    value, by_place, by_axes = _distance_slopes(places, axes)
    assert value == pytest.approx(distance(places, np.log(axes)))
    for axis, step in enumerate(1e-5 * np.eye(3)):
        ahead, behind = (distance(places + s * step, np.log(axes)) for s in (1, -1))
        assert by_place[:, axis] == pytest.approx((ahead - behind) / 2e-5, abs=1e-6)
        ahead, behind = (distance(places, np.log(axes) + s * step) for s in (1, -1))
        assert by_axes[:, axis] == pytest.approx((ahead - behind) / 2e-5, abs=1e-5)
    turn = np.array([0.4, -0.7, 0.2])
    for step in 1e-6 * np.eye(3):
        change = Rotation.from_rotvec(turn).inv() * Rotation.from_rotvec(turn + step)
        assert change.as_rotvec() == pytest.approx(_turning(turn) @ step, abs=1e-11)
