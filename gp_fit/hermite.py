"""Surfaces of any topology: a thin-plate process with value and normal observations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist

from gp_fit.arrays import Float64
from gp_fit.chunks import by_parts
from gp_fit.hermite_fit import HermiteConfig, HermiteState, fit_hermite, normal_radius
from gp_fit.hermite_system import (
    HermiteData,
    HermiteSolution,
    Turns,
    observed_covariance,
    quadric_trend,
    solve,
)
from gp_fit.kernels import thin_plate_3d, thin_plate_3d_slope
from gp_fit.points import unlagged_normals

_TURNING_ROUNDS = 2


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
        state = fit_hermite(points_zyx, config or HermiteConfig())
        self._prepare(state)
        for _ in range(_TURNING_ROUNDS):
            normals = self._unlagged(state.data.normals)
            self._prepare(replace(state, data=replace(state.data, normals=normals)))

    def _prepare(self, state: HermiteState) -> None:
        self.state = state
        covariance = observed_covariance(state.data)
        self.solution: HermiteSolution = solve(state.data, covariance, *state.hyper_parameters)
        self._places = state.data.places
        self._squares = np.sum(self._places**2, axis=1)
        self._offsets = np.sum(self._places * state.data.directions, axis=1, keepdims=True)

    def _unlagged(self, normals: Float64) -> Float64:
        """Normals (M, 3) of the surface instead of those of planes through neighbourhoods.

        At the edge of a gap, where all that is not seen follows from them, they lag by 4 to 6
        degrees on a tube of radius 10.
        """
        places, state = self.superpoints_zyx, self.state
        level = self.value(places), self.gradient(places)
        neighbourhood = normal_radius(state.spacing_px), 1.0 / state.data.shares
        return unlagged_normals(places, normals, level, neighbourhood)

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
            "shares": np.stack([state.data.shares, state.data.doubts]),
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
        shares, doubts = real["shares"]
        data = HermiteData(real["positions"], real["normals"], shares, doubts, reach, turns)
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
        # The sum of `_cross` times the weights, without forming it: this is called most. The parts
        # that are polynomials in r² are summed over the weights without a further pass.
        data, reach, count = self.state.data, self.state.data.reach, len(self.state.data.positions)
        weights = self.state.hyper_parameters[0] * self.solution.weights
        square = self._squared_lengths(q)
        r = np.sqrt(square)
        turning = weights[count:, None] * np.hstack([data.directions, self._offsets])
        slopes = 6.0 * (r @ turning - reach * turning.sum(axis=0))
        own, squares = weights[:count], square[:, :count]
        values = reach * (reach**2 * own.sum() - 3.0 * (squares @ own))
        values += 2.0 * (np.multiply(squares, r[:, :count], out=squares) @ own)
        along = np.sum(q * slopes[:, :3], axis=1) - slopes[:, 3]
        return np.asarray(values - along + quadric_trend(q) @ self.solution.trend)

    def _squared_lengths(self, q: Float64) -> Float64:
        """Squared distance (N, M + E) from the places of the slopes."""
        square = q @ (-2.0 * self._places.T)
        square += self._squares
        square += np.sum(q**2, axis=1)[:, None]
        return np.asarray(np.maximum(square, 0.0, out=square))

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
        data, reach, count = self.state.data, self.state.data.reach, len(self.state.data.positions)
        weights = self.state.hyper_parameters[0] * self.solution.weights
        r = np.sqrt(self._squared_lengths(q))
        along = q @ data.directions.T
        along -= self._offsets[:, 0]
        along /= np.maximum(r, 1e-12)
        moments = np.hstack([np.ones((len(self._places), 1)), self._places])
        own = weights[:count, None] * moments[:count]
        radial = r[:, :count] @ own - reach * own.sum(axis=0)
        radial -= along @ (weights[count:, None] * moments)
        turning = weights[count:, None] * data.directions
        across = r @ turning - reach * turning.sum(axis=0)
        result = 6.0 * (q * radial[:, :1] - radial[:, 1:] - across)
        trend, matrix = self.solution.trend, np.zeros((3, 3))
        matrix[np.triu_indices(3)] = trend[4:]
        return np.asarray(result + trend[1:4] + q @ (matrix + matrix.T))

    def _variance(self, q: Float64) -> Float64:
        solution = self.solution
        half = solve_triangular(solution.lower, self._cross(q).T, lower=True, check_finite=False)
        rest = quadric_trend(q).T - solution.projected.T @ half
        trend = solve_triangular(solution.trend_lower, rest, lower=True)
        prior = self.state.hyper_parameters[0] * self.state.data.reach**3
        variance = prior - np.sum(half**2, axis=0) + np.sum(trend**2, axis=0)
        return np.asarray(np.maximum(variance, 0.0))
