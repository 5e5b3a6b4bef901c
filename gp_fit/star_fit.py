"""The linear algebra of the star-shaped fit: spherical harmonics about an ellipsoid.

A point in direction u of the ellipsoid's scaled frame lies at distance 1 + g(u), with
g = Σ c_lm Y_lm and c_lm ~ N(0, A² [(l - 1)(l + 2) / 4]^-q), the spectrum of a bending membrane
(q near 2; l < 2 as l = 2). Amplitude A, roughness q and noise are chosen by the evidence; each
superpoint weighs as much as a mixture of Gauss and uniform believes it, times its reliability.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gp_fit.arrays import Float64, checked_points
from gp_fit.ellipsoid import Ellipsoid, fit_ellipsoid
from gp_fit.errors import NoSurfaceError
from gp_fit.harmonics import harmonic_gradients, harmonic_sum, harmonics
from gp_fit.points import superpoint_spacing, superpoints
from gp_fit.reliability import LEAST_RELIABLE, STRICTNESS, Reliability
from gp_fit.sphere import spiral_directions
from gp_fit.star_system import ROUGHNESS, StarData, StarSystem, normal_scale, searched

MINIMUM_POINTS = 20
MOST_POINTS = 80_000
"""Of more points every k-th is used: their mean in a superpoint is then known well enough."""
_MODEL_ERROR_PX = 0.3
_SEARCHES = (2, 4)
_COARSE_ROUNDS = 2
_FARTHEST = 4.0


@dataclass(frozen=True)
class StarConfig:
    """Options of the star-shaped fit."""

    superpoints: int = field(default=2600, metadata={"help": "superpoints aimed at"})
    minimum_spacing_px: float = field(default=1.6, metadata={"help": "least superpoint spacing"})
    maximum_degree: int = field(default=0, metadata={"help": "degree L; 0 chooses by size"})
    rounds: int = field(default=5, metadata={"help": "rounds of reweighting"})
    noise_px: float = field(default=0.7, metadata={"help": "expected scatter of the points"})
    amplitude: float = field(default=0.08, metadata={"help": "expected relative deformation"})
    erring_together: float = field(
        default=1.0, metadata={"help": "neighbouring superpoints that share one error"}
    )
    outlier_share: float = field(default=0.04, metadata={"help": "expected share of outliers"})
    search: bool = field(default=True, metadata={"help": "choose A, q and noise by the evidence"})
    sd_inflation: float = field(
        default=1.2, metadata={"help": "factor on the standard deviation, from fresh shapes"}
    )

    def __post_init__(self) -> None:
        if not 0 <= self.maximum_degree <= 40:
            raise ValueError(f"maximum_degree is {self.maximum_degree}, expected 0 (auto) to 40")
        if not self.erring_together >= 1.0:
            raise ValueError(f"erring_together is {self.erring_together}, expected 1 or more")
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


def degree_for(radius_px: float) -> int:
    """Degree L for a vesicle of this radius: 6 up to 8 voxels, 12 at 30, 22 at 100, 24 beyond."""
    return int(np.clip(round(2.2 * np.sqrt(radius_px)), 6, 24))


Found = tuple[Float64, Float64, Float64]


def fit_star(
    points_zyx: Float64,
    config: StarConfig,
    ellipsoid: Ellipsoid | None = None,
    reliability: Reliability | None = None,
) -> StarState:
    """Fit spherical harmonics about an ellipsoid to points.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : StarConfig
    ellipsoid : Ellipsoid, optional
        The frame; fitted to the points if not given.
    reliability : callable, optional
        Points weigh by it, at first by a high power of it: which points are doubtful depends on
        the surface, so the fit grows from those beyond doubt.

    Returns
    -------
    StarState

    Raises
    ------
    GeometryError
        Too few or coplanar points, or a fit that is no star-shaped surface.
    """
    points = checked_points(points_zyx, 3, MINIMUM_POINTS)
    points = points[:: -(-len(points) // MOST_POINTS)]
    frame = fit_ellipsoid(points) if ellipsoid is None else ellipsoid
    if reliability is not None:
        frame = _reliable_frame(points, frame, reliability)
    degree = config.maximum_degree or degree_for(_radius(frame))
    rounds = _Rounds(_prepared(points, config, frame, degree), config, frame, degree)
    found = rounds.run(range(min(config.rounds, _COARSE_ROUNDS)), None, reliability)
    if config.rounds > _COARSE_ROUNDS:
        rounds = replace(rounds, data=_along_rays(points, found[0], rounds))
        found = rounds.run(range(_COARSE_ROUNDS, config.rounds), found, reliability)
    coefficients, covariance, chosen = found
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


def _reliable_frame(points: Float64, frame: Ellipsoid, reliability: Reliability) -> Ellipsoid:
    """Fit the ellipsoid again to the points that its normals call reliable."""
    for _ in range(2):
        sure = reliability(frame.normals(points)) ** STRICTNESS[0] > 0.5
        if sure.mean() < LEAST_RELIABLE or sure.sum() < MINIMUM_POINTS:
            return frame
        frame = fit_ellipsoid(points[sure], frame)
    return frame


def _radius(frame: Ellipsoid) -> float:
    return float(np.cbrt(np.prod(frame.semi_axes)))


def _prepared(points: Float64, config: StarConfig, frame: Ellipsoid, degree: int) -> StarData:
    spacing = superpoint_spacing(points, config.superpoints, config.minimum_spacing_px)
    centres, counts, _ = superpoints(points, spacing)
    scaled = frame.scaled(centres)
    radius = np.linalg.norm(scaled, axis=1)
    seen = radius > 0.05
    directions = scaled[seen] / radius[seen, None]
    return StarData(
        harmonics(directions, degree),
        harmonic_gradients(directions, degree),
        directions,
        radius[seen] - 1.0,
        counts[seen].astype(np.float64),
    )


def _along_rays(points: Float64, coefficients: Float64, rounds: _Rounds) -> StarData:
    """Average the points again, cell by cell of a known surface and only along its rays.

    Cells in space cut through the scatter of a surface and bend it; stray points spoil their mean.
    """
    config, frame = rounds.config, rounds.frame
    scaled = frame.scaled(points)
    radius = np.maximum(np.linalg.norm(scaled, axis=1), 1e-9)
    directions = scaled / radius[:, None]
    values, slopes = harmonic_sum(directions, coefficients)
    height = np.maximum(1.0 + values, 0.2)
    gap = (radius - height) * normal_scale(directions, height, slopes, frame.semi_axes)
    spread = max(1.4826 * float(np.median(np.abs(gap))), config.noise_px)
    near = np.abs(gap) < _FARTHEST * spread
    directions, gap = directions[near], (radius - height)[near]
    feet = frame.unscaled(height[near, None] * directions)
    spacing = superpoint_spacing(feet, config.superpoints, config.minimum_spacing_px)
    centres, counts, labels = superpoints(feet, spacing)
    towards = frame.scaled(centres)
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    residual = np.bincount(labels, gap) / counts
    basis = harmonics(towards, rounds.degree)
    return StarData(
        basis,
        harmonic_gradients(towards, rounds.degree),
        towards,
        basis @ coefficients + residual,
        counts.astype(np.float64),
    )


@dataclass(frozen=True, eq=False)
class _Rounds:
    """Alternate posterior, point weights and hyper-parameters.

    Isotropic scatter σ moves the mean of the points off a curved surface by σ² times its mean
    curvature, which is taken off the targets.
    """

    data: StarData
    config: StarConfig
    frame: Ellipsoid
    degree: int

    def run(self, rounds: range, start: Found | None, reliability: Reliability | None) -> Found:
        """Return c, Σ and log(A, q, noise), from the ellipsoid or a former result."""
        data, config = self.data, self.config
        expected = np.log([config.amplitude, ROUGHNESS, config.noise_px])
        size = data.basis.shape[1]
        coefficients, covariance, chosen = start or (np.zeros(size), np.eye(size), expected)
        share, trust = config.outlier_share, np.ones(len(data.target))
        for round_ in rounds:
            height = np.maximum(1.0 + data.basis @ coefficients, 0.2)
            slopes = data.slopes @ coefficients
            scale = normal_scale(data.directions, height, slopes, self.frame.semi_axes)
            sure = self._reliable(reliability, height, slopes, round_)
            bias = self._bias(float(np.exp(chosen[2])), scale)
            said = trust * sure / config.erring_together
            weights = said * data.counts * scale**2
            system = StarSystem(data, data.target - bias, weights, float(said.sum()), self.degree)
            if config.search and round_ in _SEARCHES:
                chosen = searched(system, chosen, expected)
            coefficients, covariance = system.posterior(chosen)
            residual = (data.target - bias - data.basis @ coefficients) * scale
            spread = np.sum((data.basis @ covariance) * data.basis, axis=1) * scale**2
            noise = float(np.exp(chosen[2]))
            variance = noise**2 / data.counts + _MODEL_ERROR_PX**2 + spread
            trust = _trust(residual, variance, share, 0.5 * float(self.frame.semi_axes.min()))
            share = float(np.clip(1.0 - np.average(trust, weights=sure), 0.005, 0.3))
        return coefficients, covariance, chosen

    def _bias(self, noise_px: float, scale: Float64) -> Float64:
        return np.asarray(min(noise_px, self.config.noise_px) ** 2 / _radius(self.frame) / scale)

    def _reliable(
        self, reliability: Reliability | None, height: Float64, slopes: Float64, round_: int
    ) -> Float64:
        """Reliability (M,) of the superpoints, strict in the first rounds."""
        if reliability is None:
            return np.ones(len(height))
        towards = (height[:, None] * self.data.directions - slopes) / self.frame.semi_axes
        normals = towards @ self.frame.rotation.T
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        power = STRICTNESS[round_] if round_ < len(STRICTNESS) else 1.0
        sure = np.clip(reliability(normals), 1e-9, 1.0) ** power
        return sure if sure.mean() > 0.5 * LEAST_RELIABLE else np.ones(len(height))


def _trust(residual: Float64, variance: Float64, share: float, reach_px: float) -> Float64:
    """Probability that each superpoint belongs to the surface."""
    gauss = np.exp(-0.5 * residual**2 / variance) / np.sqrt(2.0 * np.pi * variance)
    good = (1.0 - share) * gauss
    return np.asarray(good / (good + share / max(2.0 * reach_px, 4.0)))
