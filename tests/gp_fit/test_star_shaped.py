"""Theorems and measured errors of the star-shaped Gaussian process."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from gp_fit import Ellipsoid, NoSurfaceError, StarConfig, StarShapedSurface, TooFewPointsError
from gp_fit.harmonics import harmonics
from gp_fit.points import density_filter
from gp_fit.sphere import euler_number, is_watertight, mesh_volume, spiral_directions
from gp_fit.star_system import prior_precision


class _HarmonicKernel(Kernel):
    """The covariance that the prior on the coefficients implies, for scikit-learn."""

    def __init__(self, degree: int = 6, amplitude: float = 0.1) -> None:
        self.degree = degree
        self.amplitude = amplitude

    def __call__(self, X, Y=None, eval_gradient=False):
        prior = prior_precision(self.degree, self.amplitude, 2.0)
        left = harmonics(X, self.degree) / prior
        kernel = left @ harmonics(X if Y is None else Y, self.degree).T
        return (kernel, np.empty((*kernel.shape, 0))) if eval_gradient else kernel

    def diag(self, X):
        return np.diag(self(X))

    def is_stationary(self):
        return False


def test_mean_and_deviation_equal_scikit_learns_with_the_same_kernel():
    rng = np.random.default_rng(0)
    directions = spiral_directions(150)
    radii = 30.0 * (1.0 + 0.05 * directions[:, 0] * directions[:, 1]) + 0.3 * rng.normal(size=150)
    unit = Ellipsoid(np.zeros(3), np.full(3, 30.0), np.eye(3))
    config = StarConfig(
        minimum_spacing_px=0.1,
        maximum_degree=6,
        rounds=1,
        noise_px=0.3,
        amplitude=0.1,
        search=False,
        sd_inflation=1.0,
    )
    surface = StarShapedSurface(radii[:, None] * directions, config, unit)
    ours = surface.height(directions[::3]) - 1.0
    # All points weigh alike in the first round: their deviation is noise over the radius.
    process = GaussianProcessRegressor(_HarmonicKernel(), alpha=(0.3 / 30.0) ** 2, optimizer=None)
    process.fit(directions, radii / 30.0 - 1.0 - (0.3 / 30.0) ** 2)
    mean, deviation = process.predict(directions[::3], return_std=True)
    assert ours == pytest.approx(mean, abs=1e-6)
    on_surface = 30.0 * surface.height(directions[::3])[:, None] * directions[::3]
    slope = np.linalg.norm(surface.gradient(on_surface), axis=1)
    assert surface.sd(on_surface) * slope == pytest.approx(30.0 * deviation, rel=1e-3)


def test_a_sphere_comes_out_as_a_sphere():
    points = 20.0 * spiral_directions(2000) + [5.0, 6.0, 7.0]
    surface = StarShapedSurface(points, StarConfig(noise_px=0.05))
    queries = np.random.default_rng(1).normal(size=(40, 3)) * 20.0
    expected = np.linalg.norm(queries - [5.0, 6.0, 7.0], axis=1) - 20.0
    assert surface.value(queries) == pytest.approx(expected, abs=0.05)
    assert surface.volume == pytest.approx(4.0 / 3.0 * np.pi * 20.0**3, rel=0.01)


def test_noiseless_points_are_interpolated(make_vesicle):
    vesicle = make_vesicle(20.0, 0.06, 3)
    points, _ = vesicle.surface(spiral_directions(1500))
    surface = StarShapedSurface(points, StarConfig(maximum_degree=10, noise_px=0.01))
    assert np.abs(surface.value(points)).max() < 0.06


def test_gradient_equals_finite_differences(make_vesicle):
    vesicle = make_vesicle(20.0, 0.08, 4)
    surface = StarShapedSurface(vesicle.surface(spiral_directions(800))[0])
    queries = vesicle.surface(spiral_directions(15))[0] * 1.1
    steps = 1e-5 * np.eye(3)
    difference = [(surface.value(queries + s) - surface.value(queries - s)) / 2e-5 for s in steps]
    assert surface.gradient(queries) == pytest.approx(np.stack(difference, axis=1), abs=1e-6)


def test_the_fit_moves_and_turns_with_the_points(make_vesicle):
    vesicle = make_vesicle(25.0, 0.06, 5)
    points = vesicle.cloud(np.random.default_rng(5), outliers=0.0)
    turn = Rotation.from_euler("zyx", [0.5, 0.2, -0.7]).as_matrix()
    moved = points @ turn.T + [100.0, -50.0, 10.0]
    queries = vesicle.surface(spiral_directions(100))[0]
    here = StarShapedSurface(points).value(queries)
    there = StarShapedSurface(moved).value(queries @ turn.T + [100.0, -50.0, 10.0])
    assert np.abs(here - there).mean() < 0.15


def test_twice_the_size_and_scatter_gives_twice_the_surface(make_vesicle):
    vesicle = make_vesicle(15.0, 0.06, 6)
    points = vesicle.cloud(np.random.default_rng(6), outliers=0.0)
    queries = vesicle.surface(spiral_directions(100))[0]
    fixed = {"maximum_degree": 9, "search": False}
    frame = Ellipsoid(np.zeros(3), np.full(3, 15.0), np.eye(3))
    frame_twice = Ellipsoid(np.zeros(3), np.full(3, 30.0), np.eye(3))
    one = StarShapedSurface(points, StarConfig(rounds=1, **fixed), frame)
    config = StarConfig(noise_px=1.4, minimum_spacing_px=3.2, rounds=1, **fixed)
    two = StarShapedSurface(2.0 * points, config, frame_twice)
    assert two.value(2.0 * queries) == pytest.approx(2.0 * one.value(queries), abs=1e-6)


@pytest.mark.parametrize("seed", [11, 12])
def test_a_vesicle_seen_as_two_lunes_closes_within_the_expected_error(make_vesicle, seed):
    vesicle = make_vesicle(32.0, 0.06, seed)
    points = vesicle.cloud(np.random.default_rng(seed))
    surface = StarShapedSurface(points[density_filter(points)])
    errors = vesicle.errors(surface)
    assert errors["mean"] < 0.3
    assert errors["cap"] < 0.8
    assert errors["covered"] > 0.85
    vertices, faces = surface.mesh(3.0)
    assert is_watertight(faces)
    assert euler_number(faces) == 2
    assert mesh_volume(vertices, faces) == pytest.approx(surface.volume, rel=0.01)
    assert surface.volume == pytest.approx(4.0 / 3.0 * np.pi * 32.0**3, rel=0.05)


def test_deviation_grows_from_seen_to_unseen(make_vesicle):
    vesicle = make_vesicle(32.0, 0.06, 14)
    surface = StarShapedSurface(vesicle.cloud(np.random.default_rng(14), outliers=0.0))
    poles = np.array([[30.0, 0.0, 0.0], [-30.0, 0.0, 0.0]])
    sides = np.array([[0.0, 0.0, 30.0], [0.0, 0.0, -30.0]])
    assert surface.sd(poles).min() > 2.0 * surface.sd(sides).max()


def test_arrays_bring_the_same_surface_back(make_vesicle):
    surface = StarShapedSurface(make_vesicle(12.0, 0.05, 15).cloud(np.random.default_rng(15)))
    again = StarShapedSurface.from_arrays(surface.to_arrays())
    queries = np.random.default_rng(16).normal(size=(30, 3)) * 12.0
    assert np.array_equal(again.value(queries), surface.value(queries))
    assert np.array_equal(again.sd(queries), surface.sd(queries))


def test_too_few_points_and_a_dent_to_the_centre_are_refused():
    with pytest.raises(TooFewPointsError, match="at least 20"):
        StarShapedSurface(np.random.default_rng(0).normal(size=(19, 3)))
    unit = Ellipsoid(np.zeros(3), np.full(3, 30.0), np.eye(3))
    directions = spiral_directions(600)
    dented = np.where(directions[:, :1] > 0.0, 2.0, 30.0) * directions
    config = StarConfig(search=False, amplitude=1.0, rounds=1)
    with pytest.raises(NoSurfaceError, match="Hermite"):
        StarShapedSurface(dented, config, unit)
