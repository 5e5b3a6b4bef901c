"""The recipe of Zhou et al.: values only, one anchor inside, anchors outside along rays.

Kept as a baseline. It closes vesicles, but its caps and its visible part are less accurate than
those of the star-shaped and the Hermite surface.

References
----------
Zhou et al., J. Struct. Biol. 2023, sections 4.3.2 and 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.spatial.distance import cdist

from gp_fit.arrays import Float64, checked_points
from gp_fit.chunks import by_parts
from gp_fit.ellipsoid import fit_ellipsoid
from gp_fit.kernels import thin_plate_3d, thin_plate_3d_slope
from gp_fit.points import superpoint_spacing, superpoints

MINIMUM_POINTS = 20
_REACH = 1.3 * 1.5
_JITTER = 1e-7
_LEAST_KEPT_PX = 2.5


@dataclass(frozen=True)
class AnchoredConfig:
    """Options of the anchored surface."""

    superpoints: int = field(default=800, metadata={"help": "superpoints aimed at"})
    anchors: int = field(default=120, metadata={"help": "anchors outside the surface"})
    stretch: float = field(
        default=1.2, metadata={"help": "distance of the outer anchors from the centre, α"}
    )
    minimum_spacing_px: float = field(default=3.0, metadata={"help": "least superpoint spacing"})
    least_gap_px: float = field(
        default=4.0, metadata={"help": "least distance of the outer anchors from the points"}
    )
    amplitude: float = field(
        default=3.0, metadata={"help": "prior deviation of f, of values -1, 0 and 1"}
    )
    noise_px: float = field(default=0.7, metadata={"help": "expected scatter of the points"})

    def __post_init__(self) -> None:
        if not self.stretch > 1.0:
            raise ValueError(f"stretch is {self.stretch}, expected more than 1, such as 1.2")
        for name in ("amplitude", "noise_px", "least_gap_px", "minimum_spacing_px"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, eq=False)
class AnchoredState:
    """Everything an anchored surface is, in units of the mean distance from the centre.

    Parameters
    ----------
    centre_zyx : (3,) float64
        The interior anchor: the centroid of the superpoints, in voxels.
    scale_px : float
        Mean distance of the superpoints from there.
    positions : (M, 3) float64
        Superpoints and anchors, scaled.
    targets, nuggets : (M,) float64
        Values -1 inside, 0 on the surface, 1 outside, and their variances.
    amplitude2 : float
        Prior variance of f.
    reach : float
        R of the kernel, scaled.
    """

    centre_zyx: Float64
    scale_px: float
    positions: Float64
    targets: Float64
    nuggets: Float64
    amplitude2: float
    reach: float


class AnchoredSurface:
    """Zero level set of a thin-plate process with anchors inside and outside.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : AnchoredConfig, optional

    Raises
    ------
    GeometryError

    Notes
    -----
    Points far from a robust ellipsoid are left out first, as the paper's selection of voxels does.
    The covariance is scaled to 1 at distance zero and lengths by the mean radius, so that the
    amplitude means the same at every size: 1 to 10 close vesicles of radius 8 to 32, 30 leaves
    holes. Marginal likelihood is no guide to it: it may settle on such holes.
    """

    def __init__(self, points_zyx: Float64, config: AnchoredConfig | None = None) -> None:
        self._prepare(_fitted_state(points_zyx, config or AnchoredConfig()))

    def _prepare(self, state: AnchoredState) -> None:
        self.state = state
        system = _covariance(state.positions, state.positions, state.reach) * state.amplitude2
        system.flat[:: len(system) + 1] += state.nuggets
        self._lower = cholesky(system, lower=True)
        self._weights = cho_solve((self._lower, True), state.targets)

    @classmethod
    def from_state(cls, state: AnchoredState) -> AnchoredSurface:
        """Make the surface of a known state; solves the system but fits nothing."""
        surface = cls.__new__(cls)
        surface._prepare(state)
        return surface

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays from which `from_arrays` makes the same surface."""
        state = self.state
        return {
            "centre_zyx": state.centre_zyx,
            "positions": state.positions,
            "targets": state.targets,
            "nuggets": state.nuggets,
            "numbers": np.array([state.scale_px, state.amplitude2, state.reach]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> AnchoredSurface:
        """Make the surface again from the arrays of `to_arrays`."""
        real = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
        scale, amplitude2, reach = (float(number) for number in real["numbers"])
        return cls.from_state(
            AnchoredState(
                real["centre_zyx"],
                scale,
                real["positions"],
                real["targets"],
                real["nuggets"],
                amplitude2,
                reach,
            )
        )

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,) times the mean radius: negative inside; its slope is not one."""
        state = self.state
        factor = state.amplitude2 * state.scale_px

        def mean(part: Float64) -> Float64:
            return np.asarray(
                factor * _covariance(part, state.positions, state.reach) @ self._weights
            )

        return by_parts(mean, self._scaled(points_zyx))

    def gradient(self, points_zyx: Float64) -> Float64:
        """Gradient (N, 3) of `value`."""
        state = self.state
        weights = state.amplitude2 / state.reach**3 * self._weights

        def slopes(part: Float64) -> Float64:
            slope = thin_plate_3d_slope(cdist(part, state.positions), state.reach) * weights
            return np.asarray(part * slope.sum(axis=1, keepdims=True) - slope @ state.positions)

        return by_parts(slopes, self._scaled(points_zyx), 3)

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels of the surface along its normal."""
        state = self.state

        def deviation(part: Float64) -> Float64:
            cross = state.amplitude2 * _covariance(part, state.positions, state.reach)
            half = solve_triangular(self._lower, cross.T, lower=True)
            variance = state.amplitude2 - np.sum(half**2, axis=0)
            return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

        slope = np.maximum(np.linalg.norm(self.gradient(points_zyx), axis=1), 1e-3)
        return np.asarray(state.scale_px * by_parts(deviation, self._scaled(points_zyx)) / slope)

    def _scaled(self, points_zyx: Float64) -> Float64:
        offsets = np.asarray(points_zyx, dtype=np.float64) - self.state.centre_zyx
        return offsets / self.state.scale_px


def _covariance(first: Float64, second: Float64, reach: float) -> Float64:
    return thin_plate_3d(cdist(first, second), reach) / reach**3


def _fitted_state(points_zyx: Float64, config: AnchoredConfig) -> AnchoredState:
    points = _validated(checked_points(points_zyx, 3, MINIMUM_POINTS))
    spacing = superpoint_spacing(points, config.superpoints, config.minimum_spacing_px)
    centres, counts, _ = superpoints(points, spacing)
    middle = centres.mean(axis=0)
    scale = float(np.linalg.norm(centres - middle, axis=1).mean())
    scaled = (centres - middle) / scale
    chosen = np.unique(np.linspace(0, len(scaled) - 1, config.anchors).astype(np.int64))
    radii = np.linalg.norm(scaled[chosen], axis=1, keepdims=True)
    gap = np.maximum((config.stretch - 1.0) * radii, config.least_gap_px / scale)
    outside = scaled[chosen] * (1.0 + gap / np.maximum(radii, 1e-9))
    positions = np.concatenate([scaled, np.zeros((1, 3)), outside])
    targets = np.concatenate([np.zeros(len(scaled)), [-1.0], np.ones(len(outside))])
    shares = np.concatenate([1.0 / counts, np.zeros(1), 1.0 / counts[chosen]])
    reach = _REACH * 2.0 * float(np.linalg.norm(positions, axis=1).max())
    # Between surface and outer anchors f rises by 1 over the gap; the anchors' own places scatter
    # like the points they were drawn through.
    noise = config.noise_px / scale / float(gap.mean())
    nuggets = noise**2 * shares + _JITTER * config.amplitude**2
    return AnchoredState(
        middle, scale, positions, targets, nuggets, config.amplitude**2, float(reach)
    )


def _validated(points: Float64) -> Float64:
    """Keep the points near a robust ellipsoid: one stray zero inside makes a hole there."""
    away = np.abs(fit_ellipsoid(points).signed_distance(points))
    return points[away <= max(_LEAST_KEPT_PX, 4.0 * float(np.median(away)))]
