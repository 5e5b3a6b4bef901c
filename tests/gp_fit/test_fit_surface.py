"""The whole way from points to a surface."""

from __future__ import annotations

import io

import numpy as np
import pytest
from skimage.measure import marching_cubes

from gp_fit import CoplanarPointsError, FitConfig, FittedSurface, TooFewPointsError, fit_surface
from gp_fit.level_methods import doubts_about
from gp_fit.methods import try_star
from gp_fit.scene import Scene
from gp_fit.sphere import euler_number, icosphere, is_watertight


@pytest.mark.parametrize(("radius", "density"), [(8.0, 0.3), (15.0, 1.0), (32.0, 0.3)])
def test_a_vesicle_seen_as_two_lunes_comes_out_closed(make_vesicle, radius, density):
    vesicle = make_vesicle(radius, 0.05, int(radius), centre=100.0)
    points = vesicle.cloud(np.random.default_rng(1), density=density)
    fitted = fit_surface(points)
    assert fitted.method == "star"
    assert fitted.closed
    assert is_watertight(fitted.faces)
    assert euler_number(fitted.faces) == 2
    assert fitted.volume == pytest.approx(4.0 / 3.0 * np.pi * radius**3, rel=0.08)
    assert vesicle.errors(fitted)["mean"] < 0.45
    assert np.abs(fitted.distance(fitted.vertices_zyx)).max() < 1e-6


@pytest.mark.parametrize("radius", [10.0, 20.0])
@pytest.mark.parametrize("part", ["one side", "half of one side", "one z band"])
def test_even_a_part_of_the_visible_lunes_closes(make_vesicle, radius, part):
    vesicle = make_vesicle(radius, 0.03, 2)
    points = vesicle.cloud(np.random.default_rng(2))
    keep = {
        "one side": points[:, 2] > 0.0,
        "half of one side": (points[:, 2] > 0.0) & (points[:, 0] > 0.0),
        "one z band": np.abs(points[:, 0]) < 0.3 * radius,
    }[part]
    fitted = fit_surface(points[keep])
    assert fitted.closed
    assert 0.7 < fitted.volume / (4.0 / 3.0 * np.pi * radius**3) < 1.5


def _smallest_gap(first: FittedSurface, second: FittedSurface) -> float:
    """Least signed distance of one surface's vertices outside the other."""
    return float(first.distance(second.vertices_zyx).min())


def test_two_touching_vesicles_do_not_cut_into_each_other(make_vesicle):
    left, right = make_vesicle(20.0, 0.0, 1), make_vesicle(20.0, 0.0, 2, centre=0.0)
    rng = np.random.default_rng(3)
    shift = np.array([0.0, 43.0, 0.0])
    one = fit_surface(left.cloud(rng))
    two = fit_surface(right.cloud(rng) + shift)
    assert _smallest_gap(one, two) > 1.5
    assert _smallest_gap(two, one) > 1.5


def test_two_nested_vesicles_keep_their_gap(make_vesicle):
    rng = np.random.default_rng(4)
    outer = fit_surface(make_vesicle(26.0, 0.04, 5).cloud(rng))
    inner = fit_surface(make_vesicle(18.0, 0.04, 5).cloud(rng))
    assert float((-outer.distance(inner.vertices_zyx)).min()) > 4.0


def test_a_saved_surface_is_the_same_without_pickle(make_vesicle):
    fitted = fit_surface(make_vesicle(10.0, 0.05, 6).cloud(np.random.default_rng(6)))
    buffer = io.BytesIO()
    np.savez(buffer, **fitted.to_arrays())
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as arrays:
        again = FittedSurface.from_arrays(dict(arrays))
    assert again.method == fitted.method
    assert again.warnings == fitted.warnings
    assert np.array_equal(again.faces, fitted.faces)
    queries = np.random.default_rng(7).normal(size=(20, 3)) * 10.0
    assert np.array_equal(again.sd(queries), fitted.sd(queries))


def test_a_watertight_misfit_is_called_doubtful_and_a_sphere_is_not():
    grid = np.indices((40, 40, 20)) - np.array([19.5, 19.5, 9.5])[:, None, None, None]
    ring = np.hypot(np.hypot(grid[0], grid[1]) - 12.0, grid[2]) - 5.0
    torus = marching_cubes(ring, 0.0)[1]
    assert is_watertight(torus)
    handle, missed = doubts_about(torus, 0.9, FitConfig())
    assert "Euler number is 0" in handle + missed
    assert "90%" in handle + missed
    assert doubts_about(icosphere(4)[1], 1.0, FitConfig()) == ()
    assert doubts_about(None, 1.0, FitConfig()) == ()


@pytest.mark.parametrize(("half_angle_deg", "tried"), [(22.0, False), (60.0, True)])
def test_a_bumpy_wall_in_few_directions_is_not_tried_as_a_closed_shape(half_angle_deg, tried):
    radius, cosine = 150.0, np.cos(np.deg2rad(half_angle_deg))  # 3.6 and 25 % of all directions
    generator = np.random.default_rng(3)
    height = generator.uniform(cosine, 1.0, 6000)
    turn = generator.uniform(0.0, 2.0 * np.pi, len(height))
    flat = np.sqrt(1.0 - height**2)
    rays = np.stack([height, flat * np.sin(turn), flat * np.cos(turn)], axis=1)
    bumps = 6.0 * np.sin(0.15 * radius * rays[:, 1:2]) * np.sin(0.15 * radius * rays[:, 2:])
    points = (radius + bumps) * rays
    attempt = try_star(Scene(points, points, None, None), FitConfig())
    assert (attempt.surface is not None) == tried


def test_one_slice_and_too_few_points_are_named(make_vesicle):
    points = make_vesicle(20.0, 0.05, 8).cloud(np.random.default_rng(8))
    flat = points.copy()
    flat[:, 0] = 3.0
    with pytest.raises(CoplanarPointsError):
        fit_surface(flat)
    with pytest.raises(TooFewPointsError):
        fit_surface(points[:10])


def test_the_points_are_not_changed(make_vesicle):
    points = make_vesicle(10.0, 0.05, 9).cloud(np.random.default_rng(9))
    before = points.copy()
    fit_surface(points)
    assert np.array_equal(points, before)
