"""Surfaces of any topology: a thin-plate process with value and normal observations."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from gp_fit.arrays import Float64, checked_points
from gp_fit.chunks import by_parts
from gp_fit.hermite_system import (
    HermiteData,
    HermiteSolution,
    Turns,
    left_out,
    observed_covariance,
    quadric_trend,
    solve,
)
from gp_fit.kernels import thin_plate_3d, thin_plate_3d_slope
from gp_fit.points import local_normals, orient_normals, superpoint_spacing, superpoints

MINIMUM_POINTS = 20
_REACH = 1.3 * 1.5
_REJECTION_ROUNDS = 4


@dataclass(frozen=True)
class HermiteConfig:
    """Options of the Hermite surface."""

    superpoints: int = field(default=450, metadata={"help": "superpoints aimed at"})
    search_superpoints: int = field(
        default=220, metadata={"help": "superpoints used to choose the hyper-parameters"}
    )
    minimum_spacing_px: float = field(default=1.6, metadata={"help": "least superpoint spacing"})
    noise_px: float = field(default=0.7, metadata={"help": "expected scatter of the points"})
    least_slope_noise: float = field(
        default=0.05, metadata={"help": "floor of the scatter of the normals, in radians"}
    )
    rejection: float = field(
        default=4.0, metadata={"help": "leave-one-out deviations that reject a superpoint"}
    )
    most_rejected: float = field(default=0.15, metadata={"help": "largest share rejected"})
    sd_inflation: float = field(default=1.5, metadata={"help": "factor on the deviation"})

    def __post_init__(self) -> None:
        for name in ("minimum_spacing_px", "noise_px", "least_slope_noise", "sd_inflation"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, eq=False)
class HermiteState:
    """Everything a Hermite surface is.

    Parameters
    ----------
    centre_zyx : (3,) float64
    scale_px : float
        Voxels per unit of the scaled coordinates.
    data : HermiteData
        Observations that were kept.
    hyper_parameters : (3,) float64
        Squares of amplitude, noise and slope noise, scaled.
    spacing_px : float
        Spacing of the superpoints.
    sd_inflation : float
    """

    centre_zyx: Float64
    scale_px: float
    data: HermiteData
    hyper_parameters: Float64
    spacing_px: float
    sd_inflation: float


class HermiteSurface:
    """Zero level set of a thin-plate Gaussian process with f = 0 and n·∇f = 1 at superpoints.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : HermiteConfig, optional

    Raises
    ------
    GeometryError

    Notes
    -----
    Exact, 2M unknowns for M superpoints: some 0.5 s for 450. Superpoints whose leave-one-out
    residual is too large are dropped, a few at a time.
    """

    def __init__(self, points_zyx: Float64, config: HermiteConfig | None = None) -> None:
        self._prepare(_fitted_state(points_zyx, config or HermiteConfig()))

    def _prepare(self, state: HermiteState) -> None:
        self.state = state
        covariance = observed_covariance(state.data)
        self._solution: HermiteSolution = solve(state.data, covariance, *state.hyper_parameters)

    @classmethod
    def from_state(cls, state: HermiteState) -> HermiteSurface:
        """Make the surface of a known state; solves the system but fits nothing."""
        surface = cls.__new__(cls)
        surface._prepare(state)
        return surface

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays from which `from_arrays` makes the same surface."""
        state = self.state
        return {
            "centre_zyx": state.centre_zyx,
            "positions": state.data.positions,
            "normals": state.data.normals,
            "shares": state.data.shares,
            "hyper_parameters": state.hyper_parameters,
            "lengths": np.array(
                [state.scale_px, state.data.reach, state.spacing_px, state.sd_inflation]
            ),
            "turn_positions": state.data.turns.positions,
            "turn_directions": state.data.turns.directions,
            "turn_slopes": np.stack([state.data.turns.slopes, state.data.turns.variances]),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> HermiteSurface:
        """Make the surface again from the arrays of `to_arrays`."""
        real = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
        scale, reach, spacing, inflation = (float(number) for number in real["lengths"])
        turns = Turns(real["turn_positions"], real["turn_directions"], *real["turn_slopes"])
        data = HermiteData(real["positions"], real["normals"], real["shares"], reach, turns)
        state = HermiteState(
            real["centre_zyx"], scale, data, real["hyper_parameters"], spacing, inflation
        )
        return cls.from_state(state)

    @property
    def superpoints_zyx(self) -> Float64:
        """Superpoints (M, 3) in voxels that the surface keeps."""
        state = self.state
        return np.asarray(state.data.positions * state.scale_px + state.centre_zyx)

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,), near the surface about a distance in voxels, negative inside."""
        scale = self.state.scale_px
        return by_parts(lambda part: scale * self._value(part), self._scaled(points_zyx))

    def gradient(self, points_zyx: Float64) -> Float64:
        """Gradient (N, 3) of f."""
        return by_parts(self._gradient, self._scaled(points_zyx), 3)

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels of the surface along its normal."""
        scale = self.state.sd_inflation * self.state.scale_px

        def deviation(part: Float64) -> Float64:
            slope = np.linalg.norm(self._gradient(part), axis=1)
            return np.asarray(scale * np.sqrt(self._variance(part)) / np.maximum(slope, 1e-2))

        return by_parts(deviation, self._scaled(points_zyx))

    def _scaled(self, points_zyx: Float64) -> Float64:
        offsets = np.asarray(points_zyx, dtype=np.float64) - self.state.centre_zyx
        return offsets / self.state.scale_px

    def _value(self, q: Float64) -> Float64:
        return np.asarray(
            self._cross(q) @ self._solution.weights + quadric_trend(q) @ self._solution.trend
        )

    def _cross(self, q: Float64) -> Float64:
        """Prior covariance (N, 2M + E) of f(q) with the observations."""
        data = self.state.data
        x, n, count = data.places, data.directions, len(data.positions)
        r = cdist(q, x)
        along = q @ n.T - np.sum(x * n, axis=1)
        slopes = -thin_plate_3d_slope(r, data.reach) * along
        blocks = [thin_plate_3d(r[:, :count], data.reach), slopes]
        return np.asarray(self.state.hyper_parameters[0] * np.hstack(blocks))

    def _gradient(self, q: Float64) -> Float64:
        data, trend = self.state.data, self._solution.trend
        x, n, count = data.places, data.directions, len(data.positions)
        weights = self.state.hyper_parameters[0] * self._solution.weights
        r = cdist(q, x)
        along = q @ n.T - np.sum(x * n, axis=1)
        lag = thin_plate_3d_slope(r, data.reach)
        radial = -6.0 * along / np.where(r > 1e-12, r, np.inf) * weights[count:]
        radial[:, :count] += lag[:, :count] * weights[:count]
        result = q * radial.sum(axis=1, keepdims=True) - radial @ x
        result -= (lag * weights[count:]) @ n
        first, second = np.triu_indices(3)
        matrix = np.zeros((3, 3))
        matrix[first, second] = trend[4:]
        return np.asarray(result + trend[1:4] + q @ (matrix + matrix.T))

    def _variance(self, q: Float64) -> Float64:
        solution = self._solution
        half = solve_triangular(solution.lower, self._cross(q).T, lower=True, check_finite=False)
        rest = quadric_trend(q).T - solution.projected.T @ half
        trend = solve_triangular(solution.trend_lower, rest, lower=True)
        prior = self.state.hyper_parameters[0] * self.state.data.reach**3
        variance = prior - np.sum(half**2, axis=0) + np.sum(trend**2, axis=0)
        return np.asarray(np.maximum(variance, 0.0))


def _fitted_state(points_zyx: Float64, config: HermiteConfig) -> HermiteState:
    points = checked_points(points_zyx, 3, MINIMUM_POINTS)
    spacing = superpoint_spacing(points, config.superpoints, config.minimum_spacing_px)
    centres, counts, _ = superpoints(points, spacing)
    normals = local_normals(centres, max(5.0, 1.6 * spacing), counts.astype(np.float64))
    normals = orient_normals(centres, normals)
    middle = 0.5 * (centres.min(axis=0) + centres.max(axis=0))
    scale = float(np.linalg.norm(centres - middle, axis=1).max())
    data = HermiteData((centres - middle) / scale, normals, 1.0 / counts, 2.0 * _REACH)
    chosen = _searched(data, config, scale)
    kept = _kept(data, chosen, config)
    return HermiteState(middle, scale, data.part(kept), chosen, spacing, config.sd_inflation)


def _searched(data: HermiteData, config: HermiteConfig, scale: float) -> Float64:
    """Squares of amplitude, noise and slope noise by restricted marginal likelihood."""
    step = max(1, round(len(data.positions) / config.search_superpoints))
    part = data.part(np.arange(0, len(data.positions), step))
    covariance = observed_covariance(part)
    expected = np.log([0.3, config.noise_px / scale, 0.15])
    tolerance = np.array([2.0, 0.7, 0.7])

    def cost(logs: Float64) -> float:
        prior = 0.5 * float(np.sum(((logs - expected) / tolerance) ** 2))
        try:
            amplitude2, noise2, slope2 = _squares(logs, config)
            return solve(part, covariance, amplitude2, noise2, slope2).minus_log_likelihood + prior
        except LinAlgError:
            return 1e12

    simplex = np.vstack([expected, expected + np.diag([-1.0, 0.4, 0.4])])
    options = {"initial_simplex": simplex, "maxfev": 40, "xatol": 0.05, "fatol": 0.2}
    found = minimize(cost, expected, method="Nelder-Mead", options=options)
    return _squares(np.asarray(found.x), config)


def _squares(logs: Float64, config: HermiteConfig) -> Float64:
    amplitude, noise, slope = np.exp(logs)
    return np.array([amplitude**2, noise**2, max(slope, config.least_slope_noise) ** 2])


def _kept(data: HermiteData, chosen: Float64, config: HermiteConfig) -> npt.NDArray[np.int64]:
    """Return the indices of the superpoints that the others do not contradict."""
    everything = observed_covariance(data)
    count = len(data.positions)
    kept = np.arange(count)
    least = int(np.ceil((1.0 - config.most_rejected) * count))
    for _ in range(_REJECTION_ROUNDS):
        both = np.concatenate([kept, kept + count])
        solution = solve(data.part(kept), everything[np.ix_(both, both)], *chosen)
        residual = left_out(solution).reshape(2, -1).max(axis=0)
        worst = np.argsort(-residual)[: len(kept) - least]
        rejected = worst[residual[worst] > config.rejection]
        if len(rejected) == 0:
            break
        kept = np.delete(kept, rejected)
    return kept
