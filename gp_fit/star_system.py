"""The linear system of a star-shaped fit: prior, posterior and evidence of the coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from gp_fit.arrays import Float64
from gp_fit.harmonics import degrees_of

ELLIPSOID_AMPLITUDE = 0.08
"""Least prior amplitude of degrees 0 to 2, which stand for the uncertainty of the ellipsoid."""
ROUGHNESS = 2.0
"""q of a bending membrane."""
_SEARCH_STEPS = 45


@dataclass(frozen=True, eq=False)
class StarData:
    """Superpoints in the scaled frame of an ellipsoid."""

    basis: Float64  # (M, K)
    slopes: Float64  # (M, 3, K)
    directions: Float64  # (M, 3)
    target: Float64  # (M,) distance from the unit sphere
    counts: Float64  # (M,)


def normal_scale(
    directions: Float64, height: Float64, slopes: Float64, semi_axes: Float64
) -> Float64:
    """Voxels along the normal per unit of g, (N,), for height 1 + g and tangential slopes ∇g."""
    towards = (directions - slopes / height[:, None]) / semi_axes
    return np.asarray(1.0 / np.linalg.norm(towards, axis=1))


def prior_precision(degree: int, amplitude: float, roughness: float) -> Float64:
    """Prior precision of each coefficient, (K,)."""
    degrees = degrees_of(degree)
    safe = np.maximum(degrees, 2)
    spectrum = amplitude**2 * ((safe - 1.0) * (safe + 2.0) / 4.0) ** -roughness
    spectrum[degrees <= 2] = max(amplitude, ELLIPSOID_AMPLITUDE) ** 2
    return np.asarray(1.0 / spectrum)


class StarSystem:
    """Normal equations for one set of weights; evaluates the evidence in K dimensions.

    Parameters
    ----------
    data : StarData
    target : (M,) float64
        Distances from the unit sphere.
    weights : (M,) float64
        1 / variance of the targets at unit noise.
    count : float
        Superpoints that count, in full or in part.
    degree : int
    """

    def __init__(
        self, data: StarData, target: Float64, weights: Float64, count: float, degree: int
    ) -> None:
        weighted = data.basis * weights[:, None]
        self.gram = data.basis.T @ weighted
        self.right = weighted.T @ target
        self.square = float(weights @ target**2)
        self.count = count
        self.degree = degree

    def posterior(self, chosen: Float64) -> tuple[Float64, Float64]:
        """Return mean (K,) and covariance (K, K) of the coefficients, for log(A, q, noise)."""
        amplitude, roughness, noise = np.exp(chosen)
        precision = self.gram / noise**2
        precision.flat[:: len(precision) + 1] += prior_precision(self.degree, amplitude, roughness)
        factor = cho_factor(precision, lower=True)
        covariance = cho_solve(factor, np.eye(len(precision)))
        return cho_solve(factor, self.right / noise**2), np.asarray(covariance)

    def minus_log_evidence(self, chosen: Float64) -> float:
        """Return -log p(targets) up to a constant, for log(A, q, noise)."""
        amplitude, roughness, noise = np.exp(chosen)
        prior = prior_precision(self.degree, amplitude, roughness)
        precision = self.gram / noise**2
        precision.flat[:: len(precision) + 1] += prior
        try:
            lower = np.linalg.cholesky(precision)
        except LinAlgError:
            return np.inf
        half = solve_triangular(lower, self.right / noise**2, lower=True)
        fit = self.square / noise**2 - half @ half
        volume = 2.0 * np.log(np.diag(lower)).sum() - np.log(prior).sum()
        return float(0.5 * (fit + volume + 2.0 * self.count * chosen[2]))


def searched(system: StarSystem, start: Float64, expected: Float64) -> Float64:
    """Maximise the evidence over log(A, q, noise) (3,), with weak priors about `expected`.

    Nelder-Mead; the priors decide only when data are few.
    """
    tolerance = np.array([0.5, 0.1, 0.7])

    def cost(chosen: Float64) -> float:
        prior = float(np.sum(((chosen - expected) / tolerance) ** 2))
        return system.minus_log_evidence(chosen) + 0.5 * prior

    steps = np.diag([0.5, 0.2, -0.3])
    simplex = np.vstack([start, start + steps])
    options = {"initial_simplex": simplex, "maxfev": _SEARCH_STEPS, "xatol": 0.02, "fatol": 0.05}
    found = minimize(cost, start, method="Nelder-Mead", options=options)
    return np.asarray(found.x) if found.fun <= cost(start) else start
