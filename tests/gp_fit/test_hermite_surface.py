"""The Hermite process: its algebra, closed bodies that no star describes, and open sheets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gp_fit import (
    AnchoredSurface,
    FitConfig,
    FittedSurface,
    HermiteConfig,
    HermiteSurface,
    NoSurfaceError,
    fit_surface,
)
from gp_fit.hermite_fit import normal_radius
from gp_fit.hermite_system import (
    HermiteData,
    left_out,
    left_out_together,
    observed_covariance,
    observed_trend,
    precision,
    solve,
)
from gp_fit.points import local_normals
from gp_fit.sheets import surrounded, without_gaps
from gp_fit.sphere import euler_number, is_watertight, spiral_directions


def _small_system(count: int = 20) -> HermiteData:
    directions = spiral_directions(count)
    return HermiteData(0.8 * directions, directions, *np.ones((2, count)), 4.0)


def test_the_schur_complement_equals_a_broad_prior_on_the_trend():
    data = _small_system()
    covariance = observed_covariance(data)
    solution = solve(data, covariance, 0.1, 1e-4, 1e-2)
    design = observed_trend(data)
    nugget = np.diag(np.repeat([1e-4, 1e-2], 20))
    target = np.repeat([0.0, 1.0], 20)
    broad = 0.1 * covariance + nugget + 1e6 * design @ design.T
    assert solution.weights == pytest.approx(np.linalg.solve(broad, target), rel=1e-3, abs=1e-4)


def test_leave_one_out_residuals_equal_refitting_without_the_value():
    data = _small_system()
    system = 0.1 * observed_covariance(data) + np.diag(np.repeat([1e-4, 1e-2], 20))
    design, target = observed_trend(data), np.repeat([0.0, 1.0], 20)
    solution = solve(data, observed_covariance(data), 0.1, 1e-4, 1e-2)
    others = np.arange(40) != 7
    inverse = np.linalg.inv(system[np.ix_(others, others)])
    h, k = design[others], system[others, 7]
    normal = np.linalg.inv(h.T @ inverse @ h)
    trend = normal @ h.T @ inverse @ target[others]
    mean = design[7] @ trend + k @ inverse @ (target[others] - h @ trend)
    rest = design[7] - h.T @ inverse @ k
    variance = system[7, 7] - k @ inverse @ k + rest @ normal @ rest
    expected = abs(target[7] - mean) / np.sqrt(variance)
    assert left_out(solution)[7] == pytest.approx(expected, rel=1e-6)


def test_observations_left_out_together_are_foretold_by_the_others():
    data = _small_system()
    system = 0.1 * observed_covariance(data) + np.diag(np.repeat([1e-4, 1e-2], 20))
    design, target = observed_trend(data), np.repeat([0.0, 1.0], 20)
    solution = solve(data, observed_covariance(data), 0.1, 1e-4, 1e-2)
    rows = np.array([3, 7, 23, 27])
    others = np.setdiff1d(np.arange(40), rows)
    inverse = np.linalg.inv(system[np.ix_(others, others)])
    h = design[others]
    trend = np.linalg.solve(h.T @ inverse @ h, h.T @ inverse @ target[others])
    rest = inverse @ (target[others] - h @ trend)
    foretold = design[rows] @ trend + system[np.ix_(rows, others)] @ rest
    missed = left_out_together(solution, precision(solution), rows)
    assert missed == pytest.approx(target[rows] - foretold, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kind", [HermiteSurface, AnchoredSurface])
def test_gradient_equals_finite_differences(kind):
    noise = 0.5 * np.random.default_rng(0).normal(size=(900, 3))
    surface = kind(15.0 * spiral_directions(900) + noise)
    queries = np.random.default_rng(1).normal(size=(12, 3)) * 12.0
    steps = 1e-4 * np.eye(3)
    difference = [(surface.value(queries + s) - surface.value(queries - s)) / 2e-4 for s in steps]
    expected = np.stack(difference, axis=1)
    assert surface.gradient(queries) == pytest.approx(expected, abs=1e-5)


def test_a_sphere_comes_out_with_its_radius_and_unit_slope():
    points = 20.0 * spiral_directions(2500)
    surface = HermiteSurface(points, HermiteConfig(noise_px=0.05))
    on_sphere = 20.0 * spiral_directions(77)
    assert np.abs(surface.value(on_sphere)).max() < 0.25
    assert np.linalg.norm(surface.gradient(on_sphere), axis=1) == pytest.approx(1.0, abs=0.05)


def test_the_fit_moves_and_turns_with_the_points(make_vesicle):
    vesicle = make_vesicle(15.0, 0.06, 5)
    points = vesicle.cloud(np.random.default_rng(5), outliers=0.0)
    turn = Rotation.from_euler("zyx", [0.5, 0.2, -0.7]).as_matrix()
    queries = vesicle.surface(spiral_directions(100))[0]
    here = HermiteSurface(points).value(queries)
    there = HermiteSurface(points @ turn.T + [100.0, -50.0, 10.0]).value(
        queries @ turn.T + [100.0, -50.0, 10.0]
    )
    assert np.abs(here - there).mean() < 0.2


def test_a_wrong_superpoint_is_left_out():
    points = 20.0 * spiral_directions(2000)
    rng = np.random.default_rng(2)
    patch = np.array([8.0, 0.0, 0.0]) + 0.6 * rng.normal(size=(25, 3))
    noisy = points + 0.4 * rng.normal(size=points.shape)
    surface = HermiteSurface(np.concatenate([noisy, patch]))
    from_patch = np.linalg.norm(surface.superpoints_zyx - [8.0, 0.0, 0.0], axis=1)
    assert from_patch.min() > 4.0
    assert np.abs(surface.value(points)).max() < 1.0


def _bent_tube(rng: np.random.Generator, radius: float, half: float) -> np.ndarray:
    """Points on a capsule whose axis is a parabola, seen from ±x only."""
    along = rng.uniform(-half, half, size=9000)
    turn = rng.uniform(-np.pi, np.pi, size=9000)
    axis = np.column_stack([np.zeros(9000), along, 12.0 * (along / half) ** 2])
    side = radius * np.column_stack([np.sin(turn), np.zeros(9000), np.cos(turn)])
    ends = spiral_directions(1500) * radius
    tips = np.sign(ends[:, 1])[:, None] * [0.0, half, 0.0] + [0.0, 0.0, 12.0] + ends
    points = np.concatenate([axis + side, tips])
    normals = np.concatenate([side, ends]) / radius
    seen = np.abs(normals[:, 0]) <= np.abs(normals[:, 2]) * np.tan(np.deg2rad(60.0)) + 0.1
    return points[seen] + 0.5 * rng.normal(size=(int(seen.sum()), 3))


@pytest.fixture(scope="module")
def tube() -> FittedSurface:
    return fit_surface(_bent_tube(np.random.default_rng(3), 8.0, 45.0))


def test_a_bent_tube_closes_as_a_hermite_surface(tube):
    assert tube.method == "hermite"
    assert tube.closed
    assert is_watertight(tube.faces)
    assert euler_number(tube.faces) == 2
    length = np.linalg.norm(np.diff(_parabola(), axis=0), axis=1).sum()
    expected = np.pi * 8.0**2 * length + 4.0 / 3.0 * np.pi * 8.0**3
    assert tube.volume == pytest.approx(expected, rel=0.08)
    assert np.abs(tube.distance(tube.vertices_zyx)).max() < 0.1


def _parabola() -> np.ndarray:
    along = np.linspace(-45.0, 45.0, 400)
    return np.column_stack([0.0 * along, along, 12.0 * (along / 45.0) ** 2])


def test_a_hermite_surface_comes_back_from_its_arrays(tube):
    again = FittedSurface.from_arrays(tube.to_arrays())
    queries = tube.vertices_zyx[::50] + 0.5
    assert again.value(queries) == pytest.approx(tube.value(queries), abs=1e-9)
    assert again.sd(queries) == pytest.approx(tube.sd(queries), rel=1e-6)


def _sheet(height, half: float = 25.0) -> np.ndarray:
    rng = np.random.default_rng(4)
    plane = rng.uniform(-half, half, size=(1500, 2))
    return np.column_stack([plane, height(plane)]) + 0.5 * rng.normal(size=(1500, 3))


@pytest.mark.parametrize(
    "height",
    [
        lambda q: 0.0 * q[:, 0],
        lambda q: (q[:, 0] ** 2 - q[:, 1] ** 2) / 60.0,
        lambda q: 3.0 * np.sin(q[:, 0] / 8.0),
    ],
    ids=["flat", "saddle", "wavy"],
)
def test_an_open_sheet_stays_open_and_ends_where_its_points_end(height):
    fitted = fit_surface(_sheet(height))
    assert fitted.method == "sheet"
    assert not fitted.closed
    assert np.isnan(fitted.volume)
    assert np.abs(fitted.vertices_zyx[:, :2]).max() < 25.0 + 2.0
    truth = height(fitted.vertices_zyx[:, :2])
    assert np.abs(fitted.vertices_zyx[:, 2] - truth).mean() < 0.3
    grid = np.linspace(-25.0, 25.0, 201)
    corners = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    slope = np.array(np.gradient(height(corners).reshape(201, 201), 0.25))
    area = float(np.sqrt(1.0 + (slope**2).sum(axis=0)).mean() * 2500.0)
    assert fitted.area == pytest.approx(area, rel=0.12)


def test_an_arc_of_a_huge_vesicle_is_a_sheet():
    directions = spiral_directions(20000)
    arc = directions[(directions[:, 2] > 0.93)]
    points = 150.0 * arc + 0.7 * np.random.default_rng(5).normal(size=arc.shape)
    fitted = fit_surface(points)
    assert not fitted.closed
    assert np.abs(np.linalg.norm(fitted.vertices_zyx, axis=1) - 150.0).mean() < 0.4


def test_narrow_gaps_are_filled_and_the_outline_stays():
    size = 12
    index = np.arange(size * size).reshape(size, size)
    corners = [index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:]]
    a, b, c, d = (corner.reshape(-1) for corner in corners)
    faces = np.concatenate([np.column_stack([a, b, c]), np.column_stack([b, d, c])])
    block = np.zeros((size, size), dtype=np.bool_)
    block[3:9, 3:9] = True
    pierced = block.copy()
    pierced[5, 5] = False
    filled = without_gaps(size * size, faces, pierced.reshape(-1), 1)
    assert filled[index[5, 5]]
    assert filled.sum() <= block.sum() + 4
    assert np.array_equal(without_gaps(size * size, faces, block.reshape(-1), 0), block.reshape(-1))


def test_a_vertex_on_the_rim_has_an_empty_half_plane():
    disc = spiral_directions(2000)[:, 1:] * 10.0
    points = np.column_stack([np.zeros(2000), disc])
    vertices = np.array([[0.0, 0.0, 0.0], [0.0, 10.5, 0.0], [0.0, 0.0, 20.0]])
    normals = np.tile([1.0, 0.0, 0.0], (3, 1))
    kept = surrounded(vertices, normals, points, 3.0, np.deg2rad(150.0))
    assert kept.tolist() == [True, False, False]


@pytest.mark.parametrize("radius", [8.0, 20.0])
def test_the_anchored_recipe_closes_a_vesicle_as_a_baseline(make_vesicle, radius):
    vesicle = make_vesicle(radius, 0.05, 6)
    points = vesicle.cloud(np.random.default_rng(6))
    fitted = fit_surface(points, FitConfig(method="anchored"))
    assert fitted.method == "anchored"
    assert euler_number(fitted.faces) == 2
    assert vesicle.errors(fitted)["mean"] < 0.4
    again = FittedSurface.from_arrays(fitted.to_arrays())
    assert again.value(points[:9]) == pytest.approx(fitted.value(points[:9]), abs=1e-9)


def test_a_sheet_cannot_be_forced_to_close():
    with pytest.raises(NoSurfaceError):
        fit_surface(_sheet(lambda q: 0.0 * q[:, 0]), FitConfig(method="hermite"))


def test_normals_at_the_edge_of_a_gap_do_not_lag():
    """Planes through the neighbours lean towards the side that is seen, by half their radius."""
    rng = np.random.default_rng(8)
    directions = spiral_directions(6000)
    points = 12.0 * directions[np.abs(directions[:, 0]) < 0.8]
    points = points + 0.2 * rng.normal(size=points.shape)
    surface = HermiteSurface(points, HermiteConfig(superpoints=300))
    places = surface.superpoints_zyx
    truth = places / np.linalg.norm(places, axis=1, keepdims=True)
    planes = local_normals(places, normal_radius(surface.state.spacing_px))
    edge = np.abs(truth[:, 0]) > 0.72

    def leaning_deg(normals):
        """How much farther from the pole than the true ones."""
        angle = [np.arccos(np.clip(np.abs(n[edge, 0]), 0.0, 1.0)) for n in (normals, truth)]
        return float(np.rad2deg(np.median(angle[0] - angle[1])))

    assert leaning_deg(planes) > 4.0
    assert abs(leaning_deg(surface.state.data.normals)) < 1.0
