"""The exact linear system of a thin-plate process observed by values and normal derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.spatial.distance import cdist

from gp_fit.arrays import Float64, Int64
from gp_fit.kernels import thin_plate_3d


@dataclass(frozen=True, eq=False)
class HermiteData:
    """Observations in scaled coordinates of about unit extent.

    Parameters
    ----------
    positions : (M, 3) float64
        Points where f = 0.
    normals : (M, 3) float64
        Outward unit normals, along which f rises by 1.
    shares : (M,) float64
        1 / number of points averaged in each position.
    reach : float
        R of the kernel, at least 1.2 times the diameter of everything evaluated.
    """

    positions: Float64
    normals: Float64
    shares: Float64
    reach: float

    def part(self, kept: Int64) -> HermiteData:
        """Return the observations with these indices."""
        return HermiteData(self.positions[kept], self.normals[kept], self.shares[kept], self.reach)


def observed_covariance(data: HermiteData) -> Float64:
    """Prior covariance (2M, 2M) of values, then normal derivatives, for unit amplitude."""
    x, n, reach = data.positions, data.normals, data.reach
    r = cdist(x, x)
    along_second = x @ n.T - np.sum(x * n, axis=1)  # (i, j): d·n_j with d = x_i - x_j
    along_first = -along_second.T  # (i, j): d·n_i
    mixed = -6.0 * (r - reach) * along_second
    ratio = along_first * along_second / np.where(r > 0.0, r, 1.0)
    slopes = -6.0 * (ratio + (r - reach) * (n @ n.T))
    return np.block([[thin_plate_3d(r, reach), mixed], [mixed.T, slopes]])


def quadric_trend(positions: Float64) -> Float64:
    """1, z, y, x and the six products, (N, 10)."""
    first, second = np.triu_indices(3)
    ones = np.ones((len(positions), 1))
    return np.hstack([ones, positions, positions[:, first] * positions[:, second]])


def observed_trend(data: HermiteData) -> Float64:
    """Trend of the values, then of the normal derivatives, (2M, 10)."""
    x, n = data.positions, data.normals
    first, second = np.triu_indices(3)
    products = n[:, first] * x[:, second] + x[:, first] * n[:, second]
    slopes = np.hstack([np.zeros((len(x), 1)), n, products])
    return np.vstack([quadric_trend(x), slopes])


@dataclass(frozen=True, eq=False)
class HermiteSolution:
    """Factors and weights for one set of (amplitude², noise², slope noise²)."""

    lower: Float64  # Cholesky factor of the covariance of the observations
    projected: Float64  # (2M, 10): L^-1 H
    trend_lower: Float64  # Cholesky factor of Hᵀ K^-1 H
    weights: Float64  # (2M,) on the kernel
    trend: Float64  # (10,)
    minus_log_likelihood: float  # restricted


def solve(
    data: HermiteData, covariance: Float64, amplitude2: float, noise2: float, slope_noise2: float
) -> HermiteSolution:
    """Solve for the weights, the flat quadric trend eliminated by its Schur complement.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the system is not positive definite.
    """
    count = len(data.positions)
    target = np.concatenate([np.zeros(count), np.ones(count)])
    nugget = np.concatenate([noise2 * data.shares, np.full(count, slope_noise2)])
    system = amplitude2 * covariance
    system.flat[:: 2 * count + 1] += nugget
    lower = cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    design = observed_trend(data)
    both = solve_triangular(lower, np.column_stack([design, target]), lower=True)
    projected, whitened = both[:, :-1], both[:, -1]
    trend_lower = cholesky(projected.T @ projected, lower=True)
    trend = cho_solve((trend_lower, True), projected.T @ whitened)
    residual = whitened - projected @ trend
    weights = solve_triangular(lower, residual, lower=True, trans="T")
    volume = np.log(np.diag(lower)).sum() + np.log(np.diag(trend_lower)).sum()
    likelihood = float(0.5 * residual @ residual + volume)
    return HermiteSolution(lower, projected, trend_lower, weights, trend, likelihood)


def left_out(solution: HermiteSolution) -> Float64:
    """Leave-one-out residuals (2M,) in their own standard deviations."""
    size = len(solution.weights)
    inverse_lower = solve_triangular(solution.lower, np.eye(size), lower=True)
    diagonal = np.sum(inverse_lower**2, axis=0)
    along = solve_triangular(
        solution.trend_lower, (inverse_lower.T @ solution.projected).T, lower=True
    )
    diagonal = diagonal - np.sum(along**2, axis=0)
    return np.asarray(np.abs(solution.weights) / np.sqrt(np.maximum(diagonal, 1e-300)))
