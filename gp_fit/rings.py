"""Outlines in one slice by the recipe of Zhou et al.: curve points at 0, anchors at -1 and +1.

The mean of a thin-plate process in the plane is negative inside a single outline and positive
outside. For a double membrane it is -1 in the middle, +1 between the two and -1 outside both.

References
----------
Zhou et al., J. Struct. Biol. 2023, section 4.3.2, equations 3 to 6 and figures 8 to 11.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.spatial.distance import cdist

from gp_fit.arrays import Float64, checked_points
from gp_fit.chunks import by_parts
from gp_fit.ellipse import fit_ellipse
from gp_fit.errors import GeometryError
from gp_fit.kernels import thin_plate_2d, thin_plate_2d_slope
from gp_fit.likelihood import zero_likelihood

MINIMUM_POINTS = 6
_REACH = 1.2
_JITTER = 1e-8


@dataclass(frozen=True)
class RingConfig:
    """Options of the outlines."""

    stretch: float = field(
        default=1.2, metadata={"help": "distance of the outer anchors from the centre, α"}
    )
    anchors: int = field(default=16, metadata={"help": "anchors of each kind along the outline"})
    amplitude: float = field(
        default=2.0, metadata={"help": "prior deviation of f, whose anchors are at -1 and +1"}
    )
    noise_px: float = field(default=0.7, metadata={"help": "expected scatter of the points"})

    def __post_init__(self) -> None:
        if not self.stretch > 1.0:
            raise ValueError(f"stretch is {self.stretch}, expected more than 1, such as 1.2")
        if self.anchors < 3:
            raise ValueError(f"anchors is {self.anchors}, expected 3 or more")
        for name in ("amplitude", "noise_px"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, eq=False)
class Anchors:
    """Places off the membrane where the sign of f is known.

    Parameters
    ----------
    positions_yx : (A, 2) float64
    values : (A,) float64
        -1 or +1.
    """

    positions_yx: Float64
    values: Float64


def single_ring(points_yx: Float64, config: RingConfig) -> Anchors:
    """Anchor the middle of an outline (N, 2) at -1 and an ellipse about it at +1.

    Raises
    ------
    TooFewPointsError, CollinearPointsError
    """
    ellipse = fit_ellipse(points_yx)
    centre = np.array(ellipse.centre_yx)
    outside = centre + config.stretch * (ellipse.points(config.anchors) - centre)
    return _anchors([(centre[None], -1.0), (outside, 1.0)])


def double_ring(inner_yx: Float64, outer_yx: Float64, config: RingConfig) -> Anchors:
    """Anchor the middle at -1, the gap between two outlines at +1 and their surroundings at -1.

    Raises
    ------
    GeometryError
        If the outlines are not one inside the other, or one is no outline.
    """
    inner, outer = fit_ellipse(inner_yx), fit_ellipse(outer_yx)
    if not inner.semi_axes[0] < outer.semi_axes[0]:
        raise GeometryError(
            f"the inner ring is {inner.semi_axes[0]:.1f} wide, the outer {outer.semi_axes[0]:.1f}; "
            "swap them"
        )
    centre, outer_centre = np.array(inner.centre_yx), np.array(outer.centre_yx)
    half_way = 0.5 * (1.0 + np.mean(outer.semi_axes) / np.mean(inner.semi_axes))
    between = centre + half_way * (inner.points(config.anchors) - centre)
    outside = outer_centre + config.stretch * (outer.points(config.anchors) - outer_centre)
    return _anchors([(centre[None], -1.0), (between, 1.0), (outside, -1.0)])


def _anchors(groups: list[tuple[Float64, float]]) -> Anchors:
    values = [np.full(len(places), value) for places, value in groups]
    return Anchors(np.concatenate([places for places, _ in groups]), np.concatenate(values))


class RingProcess:
    """Thin-plate Gaussian process in the plane with f = 0 on a curve and known signs off it.

    Parameters
    ----------
    points_yx : (N, 2) float64
        Points of one or two outlines, in voxels, with gaps.
    anchors : Anchors
        From `single_ring` or `double_ring`.
    config : RingConfig, optional

    Raises
    ------
    GeometryError
        Too few points, or all on one line.

    Notes
    -----
    The covariance is scaled to 1 at distance zero; anchors have no noise. Amplitude and noise are
    not searched: `log_evidence` finds either if the other is known, but together it prefers an f
    so steep between anchors and points that it follows every scatter. Cost O((N + A)³), some
    10 ms for 200.
    """

    def __init__(
        self, points_yx: Float64, anchors: Anchors, config: RingConfig | None = None
    ) -> None:
        options = config or RingConfig()
        points = checked_points(points_yx, 2, MINIMUM_POINTS)
        self.places = np.vstack([points, anchors.positions_yx])
        self._targets = np.concatenate([np.zeros(len(points)), anchors.values])
        gaps = cdist(points, anchors.positions_yx).min(axis=1)
        self._rise = 1.0 / float(np.median(gaps))  # of f per voxel, between curve and anchors
        self._noisy = self._targets == 0.0
        extent = 2.0 * float(np.linalg.norm(self.places - self.places.mean(axis=0), axis=1).max())
        self._reach = _REACH * 1.5 * extent
        self._kernel = self._covariance(self.places)
        self.amplitude, self.noise_px = options.amplitude, options.noise_px
        self._lower = self._factor(self.amplitude, self.noise_px)
        self._weights = cho_solve((self._lower, True), self._targets)

    def mean(self, points_yx: Float64) -> Float64:
        """Posterior mean of f (N,): about -1 and +1 at the anchors."""
        return by_parts(lambda q: self._cross(q) @ self._weights, self._checked(points_yx))

    def gradient(self, points_yx: Float64) -> Float64:
        """Gradient (N, 2) of the mean, per voxel."""
        factor = self.amplitude**2 / self._reach**2

        def slopes(q: Float64) -> Float64:
            slope = thin_plate_2d_slope(cdist(q, self.places), self._reach) * self._weights
            return np.asarray(factor * (q * slope.sum(axis=1, keepdims=True) - slope @ self.places))

        return by_parts(slopes, self._checked(points_yx), 2)

    def sd(self, points_yx: Float64) -> Float64:
        """Posterior standard deviation of f (N,)."""

        def deviation(q: Float64) -> Float64:
            half = solve_triangular(self._lower, self._cross(q).T, lower=True)
            variance = self.amplitude**2 - np.sum(half**2, axis=0)
            return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

        return by_parts(deviation, self._checked(points_yx))

    def likelihood(self, points_yx: Float64) -> Float64:
        """Marginal density p(f = 0) (N,) that the membrane passes a place (equation 5)."""
        return zero_likelihood(self.mean(points_yx), self.sd(points_yx))

    def log_evidence(self, amplitude: float, noise_px: float) -> float:
        """Log marginal likelihood of the observations."""
        lower = self._factor(amplitude, noise_px)
        half = solve_triangular(lower, self._targets, lower=True)
        volume = 2.0 * np.log(np.diag(lower)).sum() + len(half) * np.log(2.0 * np.pi)
        return float(-0.5 * (half @ half + volume))

    def _factor(self, amplitude: float, noise_px: float) -> Float64:
        system = amplitude**2 * self._kernel
        nugget = np.where(self._noisy, (noise_px * self._rise) ** 2, 0.0)
        system.flat[:: len(system) + 1] += nugget + _JITTER * amplitude**2
        return np.asarray(cholesky(system, lower=True))

    def _cross(self, q: Float64) -> Float64:
        return self.amplitude**2 * self._covariance(q)

    def _covariance(self, q: Float64) -> Float64:
        return thin_plate_2d(cdist(q, self.places), self._reach) / self._reach**2

    @staticmethod
    def _checked(points_yx: Float64) -> Float64:
        return np.asarray(points_yx, dtype=np.float64)
