"""Ellipses: closed forms, outliers, arcs and bounds."""

from __future__ import annotations

import numpy as np
import pytest

from gp_fit import CollinearPointsError, Ellipse, TooFewPointsError, distance_to_ellipse
from gp_fit import fit_ellipse as fit

TRUE = Ellipse((50.0, -20.0), (30.0, 20.0), 0.5)


def test_exact_points_give_the_exact_ellipse():
    found = fit(TRUE.points(60))
    assert found.centre_yx == pytest.approx(TRUE.centre_yx, abs=0.03)
    assert found.semi_axes == pytest.approx(TRUE.semi_axes, abs=0.03)
    assert found.angle_rad == pytest.approx(0.5, abs=0.005)


def test_ten_percent_outliers_move_the_ellipse_by_less_than_half_a_voxel():
    rng = np.random.default_rng(0)
    points = TRUE.points(100) + 0.7 * rng.normal(size=(100, 2))
    stray = rng.uniform(-40.0, 40.0, size=(10, 2)) + TRUE.centre_yx
    found = fit(np.concatenate([points, stray]))
    assert distance_to_ellipse(TRUE.points(100), found).max() < 0.5


def test_two_facing_arcs_suffice():
    """Both sides at ±x of an outline whose ±y sides the missing wedge took."""
    turn = np.concatenate([np.linspace(-0.7, 0.7, 40), np.linspace(-0.7, 0.7, 40) + np.pi])
    circle = 25.0 * np.column_stack([np.sin(turn), np.cos(turn)])
    points = circle + 0.7 * np.random.default_rng(1).normal(size=circle.shape)
    found = fit(points)
    assert found.semi_axes == pytest.approx((25.0, 25.0), abs=1.5)


def test_a_neighbouring_ellipse_bounds_the_fit_to_a_short_arc():
    arc = TRUE.points(200)[:25] + 0.7 * np.random.default_rng(2).normal(size=(25, 2))
    start = Ellipse((51.0, -19.0), (29.0, 19.5), 0.45)
    found = fit(arc, start, bound=0.1)
    assert np.abs(np.subtract(found.centre_yx, start.centre_yx)).max() <= 2.425 + 1e-9
    assert np.abs(np.log(np.divide(found.semi_axes, start.semi_axes))).max() <= np.log(1.1) + 1e-9
    assert distance_to_ellipse(TRUE.points(100), found).max() < 3.0


def test_distance_equals_a_search_along_the_curve():
    queries = np.random.default_rng(3).uniform(-50.0, 50.0, size=(20, 2)) + TRUE.centre_yx
    curve = TRUE.points(20000)
    brute = np.linalg.norm(queries[:, None] - curve[None], axis=2).min(axis=1)
    assert distance_to_ellipse(queries, TRUE) == pytest.approx(brute, abs=1e-3)


def test_the_centre_is_one_short_semi_axis_away():
    assert distance_to_ellipse(np.array([TRUE.centre_yx]), TRUE) == pytest.approx([20.0])


def test_turning_the_points_turns_the_ellipse():
    points = TRUE.points(80) + 0.5 * np.random.default_rng(4).normal(size=(80, 2))
    turned = np.column_stack([points[:, 1], -points[:, 0]])
    first, second = fit(points), fit(turned)
    assert second.semi_axes == pytest.approx(first.semi_axes, abs=0.02)
    assert second.centre_yx == pytest.approx((first.centre_yx[1], -first.centre_yx[0]), abs=0.02)


def test_points_on_a_line_and_too_few_points_are_named():
    line = np.column_stack([np.arange(10.0), 2.0 * np.arange(10.0)])
    with pytest.raises(CollinearPointsError, match="one line"):
        fit(line)
    with pytest.raises(TooFewPointsError, match="4 points"):
        fit(TRUE.points(4))
