"""The exact linear system of a thin-plate process observed by values and normal derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.spatial.distance import cdist

from gp_fit.arrays import Float64, Int64
from gp_fit.kernels import thin_plate_3d, thin_plate_3d_slope


def _nowhere() -> Float64:
    return np.empty((0, 3))


def _nothing() -> Float64:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Turns:
    """Observed slopes of f across its normals, which say how far the surface is turned there.

    Parameters
    ----------
    positions, directions : (E, 3) float64
        Where, and along which unit vector.
    slopes, variances : (E,) float64
        Derivative of f along it, and its variance.
    """

    positions: Float64 = field(default_factory=_nowhere)
    directions: Float64 = field(default_factory=_nowhere)
    slopes: Float64 = field(default_factory=_nothing)
    variances: Float64 = field(default_factory=_nothing)

    def joined(self, others: Turns) -> Turns:
        """Return these and others."""
        return Turns(
            np.vstack([self.positions, others.positions]),
            np.vstack([self.directions, others.directions]),
            np.concatenate([self.slopes, others.slopes]),
            np.concatenate([self.variances, others.variances]),
        )


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
    doubts : (M,) float64
        Factor on the variances of value and slope there, 1 where nothing is doubted.
    reach : float
        R of the kernel, at least 1.2 times the diameter of everything evaluated.
    turns : Turns
        Further slopes.
    """

    positions: Float64
    normals: Float64
    shares: Float64
    doubts: Float64
    reach: float
    turns: Turns = field(default_factory=Turns)

    def part(self, kept: Int64) -> HermiteData:
        """Return the superpoints with these indices, without further slopes."""
        shares, doubts = self.shares[kept], self.doubts[kept]
        return HermiteData(self.positions[kept], self.normals[kept], shares, doubts, self.reach)

    def nugget(self, noise2: float, slope_noise2: float) -> Float64:
        """Variance (2M + E,) of each observation."""
        values, slopes = noise2 * self.shares * self.doubts, slope_noise2 * self.doubts
        return np.concatenate([values, slopes, self.turns.variances])

    @property
    def places(self) -> Float64:
        """Positions (M + E, 3) of the slopes; the first M are those of the values."""
        return np.vstack([self.positions, self.turns.positions])

    @property
    def directions(self) -> Float64:
        """Directions (M + E, 3) of the slopes."""
        return np.vstack([self.normals, self.turns.directions])


def observed_covariance(data: HermiteData) -> Float64:
    """Prior covariance (2M + E, 2M + E) of values, then slopes, for unit amplitude."""
    x, n, count = data.places, data.directions, len(data.positions)
    r = cdist(x, x)
    along_second = x @ n.T - np.sum(x * n, axis=1)  # (i, j): d·n_j with d = x_i - x_j
    lag = thin_plate_3d_slope(r, data.reach)
    mixed = (-lag * along_second)[:count]
    ratio = -6.0 * along_second.T * along_second / np.where(r > 0.0, r, np.inf)
    slopes = -ratio - lag * (n @ n.T)
    return np.block([[thin_plate_3d(r[:count, :count], data.reach), mixed], [mixed.T, slopes]])


def quadric_trend(positions: Float64) -> Float64:
    """1, z, y, x and the six products, (N, 10)."""
    first, second = np.triu_indices(3)
    ones = np.ones((len(positions), 1))
    return np.hstack([ones, positions, positions[:, first] * positions[:, second]])


def observed_trend(data: HermiteData) -> Float64:
    """Trend of the values, then of the slopes, (2M + E, 10)."""
    x, n = data.places, data.directions
    first, second = np.triu_indices(3)
    products = n[:, first] * x[:, second] + x[:, first] * n[:, second]
    slopes = np.hstack([np.zeros((len(x), 1)), n, products])
    return np.vstack([quadric_trend(data.positions), slopes])


@dataclass(frozen=True, eq=False)
class HermiteSolution:
    """Factors and weights for one set of (amplitude², noise², slope noise²)."""

    lower: Float64  # Cholesky factor of the covariance of the observations
    projected: Float64  # (2M + E, 10): L^-1 H
    trend_lower: Float64  # Cholesky factor of Hᵀ K^-1 H
    weights: Float64  # (2M + E,) on the kernel
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
    target = np.concatenate([np.zeros(count), np.ones(count), data.turns.slopes])
    system = amplitude2 * covariance
    system.flat[:: len(system) + 1] += data.nugget(noise2, slope_noise2)
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
    """Leave-one-out residuals (2M + E,) in their own standard deviations."""
    inverse_lower, along = _inverse_factors(solution)
    diagonal = np.sum(inverse_lower**2, axis=0) - np.sum(along**2, axis=0)
    return np.asarray(np.abs(solution.weights) / np.sqrt(np.maximum(diagonal, 1e-300)))


def precision(solution: HermiteSolution) -> Float64:
    """Inverse covariance (2M + E, 2M + E) of the observations, the trend projected out."""
    inverse_lower, along = _inverse_factors(solution)
    return np.asarray(inverse_lower.T @ inverse_lower - along.T @ along)


def left_out_together(solution: HermiteSolution, inverse: Float64, rows: Int64) -> Float64:
    """Residuals (K,) of observations that are left out all at once, scaled.

    Parameters
    ----------
    solution : HermiteSolution
    inverse : (2M + E, 2M + E) float64
        Its `precision`.
    rows : (K,) int64

    Notes
    -----
    Rasmussen & Williams, Gaussian Processes for Machine Learning, eq. 5.12, for a block.
    """
    return np.asarray(np.linalg.solve(inverse[np.ix_(rows, rows)], solution.weights[rows]))


def _inverse_factors(solution: HermiteSolution) -> tuple[Float64, Float64]:
    """A and B with inverse covariance AᵀA - BᵀB."""
    inverse_lower = solve_triangular(solution.lower, np.eye(len(solution.weights)), lower=True)
    along = solve_triangular(
        solution.trend_lower, (inverse_lower.T @ solution.projected).T, lower=True
    )
    return inverse_lower, along
