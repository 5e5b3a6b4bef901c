"""The linear algebra of the star-shaped fit: spherical harmonics about an ellipsoid.

A point in direction u of the ellipsoid's scaled frame lies at distance 1 + g(u), with
g = Σ c_lm Y_lm and c_lm ~ N(0, A² [(l - 1)(l + 2) / 4]^-q), the spectrum of a bending membrane
(q near 2; l < 2 as l = 2). Amplitude A, roughness q and noise are chosen by the evidence; each
superpoint weighs as much as a mixture of Gauss and uniform believes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from gp_fit.arrays import Float64, checked_points
from gp_fit.ellipsoid import Ellipsoid, fit_ellipsoid
from gp_fit.errors import NoSurfaceError
from gp_fit.harmonics import degrees_of, harmonic_gradients, harmonics
from gp_fit.points import superpoint_spacing, superpoints
from gp_fit.sphere import spiral_directions

MINIMUM_POINTS = 20
ELLIPSOID_AMPLITUDE = 0.08
"""Least prior amplitude of degrees 0 to 2, which stand for the uncertainty of the ellipsoid."""
_MODEL_ERROR_PX = 0.3
_SEARCHES = (1, 3)
_SEARCH_STEPS = 45


@dataclass(frozen=True)
class StarConfig:
    """Options of the star-shaped fit."""

    superpoints: int = field(default=1200, metadata={"help": "superpoints aimed at"})
    minimum_spacing_px: float = field(default=1.6, metadata={"help": "least superpoint spacing"})
    maximum_degree: int = field(default=0, metadata={"help": "degree L; 0 chooses by size"})
    rounds: int = field(default=5, metadata={"help": "rounds of reweighting"})
    noise_px: float = field(default=0.7, metadata={"help": "expected scatter of the points"})
    amplitude: float = field(default=0.07, metadata={"help": "expected relative deformation"})
    outlier_share: float = field(default=0.04, metadata={"help": "expected share of outliers"})
    search: bool = field(default=True, metadata={"help": "choose A, q and noise by the evidence"})
    sd_inflation: float = field(
        default=1.3, metadata={"help": "factor on the standard deviation, from fresh shapes"}
    )

    def __post_init__(self) -> None:
        if not 0 <= self.maximum_degree <= 40:
            raise ValueError(f"maximum_degree is {self.maximum_degree}, expected 0 (auto) to 40")
        for name in ("minimum_spacing_px", "noise_px", "amplitude", "sd_inflation"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, eq=False)
class StarState:
    """Everything a star-shaped surface is: frame, degree, coefficients and their covariance.

    Parameters
    ----------
    ellipsoid : Ellipsoid
        Frame in which the surface is nearly the unit sphere.
    max_degree : int
        L; there are K = (L + 1)² coefficients.
    coefficients : (K,) float64
    covariance : (K, K) float64
    noise_px, amplitude, roughness : float
        Chosen hyper-parameters: scatter of single points, A and q.
    sd_inflation : float
        Factor that the surface applies to its standard deviation.
    """

    ellipsoid: Ellipsoid
    max_degree: int
    coefficients: Float64
    covariance: Float64
    noise_px: float
    amplitude: float
    roughness: float
    sd_inflation: float


@dataclass(frozen=True, eq=False)
class _Data:
    """Superpoints in the scaled frame."""

    basis: Float64  # (M, K)
    slopes: Float64  # (M, 3, K)
    directions: Float64  # (M, 3)
    target: Float64  # (M,) distance from the unit sphere
    counts: Float64  # (M,)


def degree_for(radius_px: float) -> int:
    """Degree L for a vesicle of this radius: 6 up to 8 voxels, 12 at 30, 22 at 100, 24 beyond."""
    return int(np.clip(round(2.2 * np.sqrt(radius_px)), 6, 24))


def fit_star(
    points_zyx: Float64, config: StarConfig, ellipsoid: Ellipsoid | None = None
) -> StarState:
    """Fit spherical harmonics about an ellipsoid to points.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : StarConfig
    ellipsoid : Ellipsoid, optional
        The frame; fitted to the points if not given.

    Returns
    -------
    StarState

    Raises
    ------
    GeometryError
        Too few or coplanar points, or a fit that is no star-shaped surface.
    """
    points = checked_points(points_zyx, 3, MINIMUM_POINTS)
    frame = fit_ellipsoid(points) if ellipsoid is None else ellipsoid
    degree = config.maximum_degree or degree_for(_radius(frame))
    data = _prepared(points, config, frame, degree)
    coefficients, covariance, chosen = _reweighted(data, config, frame, degree)
    floor = 1.0 + (harmonics(spiral_directions(500), degree) @ coefficients).min()
    if not floor > 0.05:
        raise NoSurfaceError(
            "the star-shaped fit passes through its own centre; the points surround no common "
            "centre, try the Hermite surface"
        )
    amplitude, roughness, noise = np.exp(chosen)
    return StarState(
        frame,
        degree,
        coefficients,
        covariance,
        float(noise),
        float(amplitude),
        float(roughness),
        config.sd_inflation,
    )


def _radius(frame: Ellipsoid) -> float:
    return float(np.cbrt(np.prod(frame.semi_axes)))


def _prepared(points: Float64, config: StarConfig, frame: Ellipsoid, degree: int) -> _Data:
    spacing = superpoint_spacing(points, config.superpoints, config.minimum_spacing_px)
    centres, counts, _ = superpoints(points, spacing)
    scaled = frame.scaled(centres)
    radius = np.linalg.norm(scaled, axis=1)
    seen = radius > 0.05
    directions = scaled[seen] / radius[seen, None]
    return _Data(
        harmonics(directions, degree),
        harmonic_gradients(directions, degree),
        directions,
        radius[seen] - 1.0,
        counts[seen].astype(np.float64),
    )


def normal_scale(
    directions: Float64, height: Float64, slopes: Float64, semi_axes: Float64
) -> Float64:
    """Voxels along the normal per unit of g, (N,), for height 1 + g and tangential slopes ∇g."""
    towards = (directions - slopes / height[:, None]) / semi_axes
    return np.asarray(1.0 / np.linalg.norm(towards, axis=1))


def _reweighted(
    data: _Data, config: StarConfig, frame: Ellipsoid, degree: int
) -> tuple[Float64, Float64, Float64]:
    """Alternate posterior, point weights and hyper-parameters; return c, Σ, log(A, q, noise).

    Isotropic scatter σ moves the mean of the points off a curved surface by σ² times its mean
    curvature, which is taken off the targets.
    """
    chosen = np.log([config.amplitude, 2.0, config.noise_px])
    trust = np.ones(len(data.target))
    coefficients = np.zeros(data.basis.shape[1])
    share = config.outlier_share
    covariance = np.eye(len(coefficients))
    for round_ in range(config.rounds):
        height = np.maximum(1.0 + data.basis @ coefficients, 0.2)
        scale = normal_scale(data.directions, height, data.slopes @ coefficients, frame.semi_axes)
        weights = trust * data.counts * scale**2
        noise = float(np.exp(chosen[2]))
        bias = min(noise, config.noise_px) ** 2 / _radius(frame) / scale
        system = _System(data, data.target - bias, weights, trust, degree)
        if config.search and round_ in _SEARCHES:
            chosen = _searched(system, chosen, config)
        coefficients, covariance = system.posterior(chosen)
        residual = (data.target - bias - data.basis @ coefficients) * scale
        spread = np.sum((data.basis @ covariance) * data.basis, axis=1) * scale**2
        noise = float(np.exp(chosen[2]))
        variance = noise**2 / data.counts + _MODEL_ERROR_PX**2 + spread
        trust = _trust(residual, variance, share, 0.5 * float(frame.semi_axes.min()))
        share = float(np.clip(1.0 - trust.mean(), 0.005, 0.3))
    return coefficients, covariance, chosen


def _trust(residual: Float64, variance: Float64, share: float, reach_px: float) -> Float64:
    """Probability that each superpoint belongs to the surface."""
    gauss = np.exp(-0.5 * residual**2 / variance) / np.sqrt(2.0 * np.pi * variance)
    good = (1.0 - share) * gauss
    return np.asarray(good / (good + share / max(2.0 * reach_px, 4.0)))


def prior_precision(degree: int, amplitude: float, roughness: float) -> Float64:
    """Prior precision of each coefficient, (K,)."""
    degrees = degrees_of(degree)
    safe = np.maximum(degrees, 2)
    spectrum = amplitude**2 * ((safe - 1.0) * (safe + 2.0) / 4.0) ** -roughness
    spectrum[degrees <= 2] = max(amplitude, ELLIPSOID_AMPLITUDE) ** 2
    return np.asarray(1.0 / spectrum)


class _System:
    """Normal equations for one set of weights; evaluates the evidence in K dimensions."""

    def __init__(
        self, data: _Data, target: Float64, weights: Float64, trust: Float64, degree: int
    ) -> None:
        weighted = data.basis * weights[:, None]
        self.gram = data.basis.T @ weighted
        self.right = weighted.T @ target
        self.square = float(weights @ target**2)
        self.count = float(trust.sum())
        self.degree = degree

    def posterior(self, chosen: Float64) -> tuple[Float64, Float64]:
        amplitude, roughness, noise = np.exp(chosen)
        precision = self.gram / noise**2
        precision.flat[:: len(precision) + 1] += prior_precision(self.degree, amplitude, roughness)
        factor = cho_factor(precision, lower=True)
        covariance = cho_solve(factor, np.eye(len(precision)))
        return cho_solve(factor, self.right / noise**2), np.asarray(covariance)

    def minus_log_evidence(self, chosen: Float64) -> float:
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


def _searched(system: _System, start: Float64, config: StarConfig) -> Float64:
    """Nelder-Mead on log(A, q, noise), with weak priors that decide only when data are few."""
    expected = np.log([config.amplitude, 2.0, config.noise_px])
    tolerance = np.array([1.0, 0.3, 0.7])

    def cost(chosen: Float64) -> float:
        prior = float(np.sum(((chosen - expected) / tolerance) ** 2))
        return system.minus_log_evidence(chosen) + 0.5 * prior

    steps = np.diag([0.5, 0.2, -0.3])
    simplex = np.vstack([start, start + steps])
    options = {"initial_simplex": simplex, "maxfev": _SEARCH_STEPS, "xatol": 0.02, "fatol": 0.05}
    found = minimize(cost, start, method="Nelder-Mead", options=options)
    return np.asarray(found.x) if found.fun <= cost(start) else start
