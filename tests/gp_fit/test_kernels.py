"""Theorems about the thin-plate covariances."""

from __future__ import annotations

import numpy as np
import pytest

from gp_fit.kernels import (
    normal_normal_covariance,
    thin_plate_2d,
    thin_plate_2d_slope,
    thin_plate_3d,
    thin_plate_3d_slope,
    value_normal_covariance,
)


def _filled_ball(dimensions: int, count: int = 220) -> np.ndarray:
    points = np.random.default_rng(1).normal(size=(count, dimensions))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    radii = np.random.default_rng(2).uniform(size=(count, 1)) ** (1.0 / dimensions)
    return points * radii


def _distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def _relative_least_eigenvalue(matrix: np.ndarray) -> float:
    values = np.linalg.eigvalsh(matrix)
    return float(values[0] / values[-1])


@pytest.mark.parametrize("ratio", [1.2, 2.0, 16.0])
def test_both_kernels_are_positive_definite_from_a_reach_of_1_2_diameters(ratio):
    for dimensions, kernel in ((2, thin_plate_2d), (3, thin_plate_3d)):
        distances = _distances(_filled_ball(dimensions))
        assert _relative_least_eigenvalue(kernel(distances, ratio * distances.max())) > 0.0


@pytest.mark.parametrize("ratio", [1.0, 1.2, 2.0, 16.0])
def test_the_printed_sign_of_the_quadratic_term_is_indefinite_at_every_reach(ratio):
    distances = _distances(_filled_ball(3))
    reach = ratio * distances.max()
    printed = 2.0 * distances**3 + 3.0 * reach * distances**2 + reach**3
    assert _relative_least_eigenvalue(printed) < -1e-4


def test_covariances_fall_from_their_peak_at_zero_to_nothing_at_the_reach():
    assert thin_plate_3d(np.array([0.0, 5.0]), 5.0) == pytest.approx([125.0, 0.0])
    assert thin_plate_2d(np.array([0.0, 5.0]), 5.0) == pytest.approx([25.0, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("kernel", "slope"),
    [(thin_plate_2d, thin_plate_2d_slope), (thin_plate_3d, thin_plate_3d_slope)],
)
def test_slopes_equal_finite_differences(kernel, slope):
    r, step = np.array([0.3, 1.7, 4.0]), 1e-6
    difference = (kernel(r + step, 7.0) - kernel(r - step, 7.0)) / (2.0 * step)
    assert slope(r, 7.0) * r == pytest.approx(difference, rel=1e-6)


def test_derivative_covariances_equal_finite_differences():
    rng = np.random.default_rng(3)
    x, y, m, n = rng.normal(size=(4, 3))
    reach, step = 9.0, 1e-4

    def covariance(a, b):
        return thin_plate_3d(np.linalg.norm(a - b), reach)

    along_n = (covariance(x, y + step * n) - covariance(x, y - step * n)) / (2.0 * step)
    assert value_normal_covariance(x - y, n, reach) == pytest.approx(along_n, rel=1e-6)

    def half(a):
        return value_normal_covariance(a - y, n, reach)

    both = (half(x + step * m) - half(x - step * m)) / (2.0 * step)
    assert normal_normal_covariance(x - y, m, n, reach) == pytest.approx(both, rel=1e-6)
    at_zero = normal_normal_covariance(np.zeros(3), m, n, reach)
    assert at_zero == pytest.approx(6.0 * reach * (m @ n))
