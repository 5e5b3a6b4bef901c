"""Ellipses through the points of one slice, robustly, and bounded by a neighbouring slice's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from gp_fit.arrays import Float64, checked_points
from gp_fit.quadric import closest_on_quadric, sampson_distance

MINIMUM_POINTS = 6
NOISE_PX = 0.7
"""Expected scatter of the points about the curve; residuals well beyond it lose their say."""
AXIS_RATIO_SD = 0.5
"""Prior standard deviation of the log of the axis ratio, for arcs that leave it open."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in a slice.

    Parameters
    ----------
    centre_yx : (float, float)
        Centre in voxels.
    semi_axes : (float, float)
        Semi-axes in voxels, the longer first.
    angle_rad : float
        Direction of the longer axis, from +x towards +y, in [-π/2, π/2).
    """

    centre_yx: tuple[float, float]
    semi_axes: tuple[float, float]
    angle_rad: float

    def __post_init__(self) -> None:
        if not self.semi_axes[0] >= self.semi_axes[1] > 0.0:
            raise ValueError(f"semi_axes must be positive and descending, got {self.semi_axes}")

    def points(self, count: int) -> Float64:
        """Return `count` points (count, 2) yx on the ellipse, at equal steps of its parameter."""
        turn = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
        local = np.column_stack([np.cos(turn), np.sin(turn)]) * self.semi_axes
        return np.asarray(local @ _frame(self.angle_rad).T + self.centre_yx)


def _frame(angle_rad: float) -> Float64:
    """Columns: unit vectors (y, x) of the two axes."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[sine, cosine], [cosine, -sine]])


def distance_to_ellipse(points_yx: Float64, ellipse: Ellipse) -> Float64:
    """Exact distance (N,) in voxels, never negative, of points (N, 2) from an ellipse."""
    positions = np.asarray(points_yx, dtype=np.float64)
    local = (positions - ellipse.centre_yx) @ _frame(ellipse.angle_rad)
    closest = closest_on_quadric(local, np.array(ellipse.semi_axes))
    return np.asarray(np.linalg.norm(local - closest, axis=1))


def fit_ellipse(points_yx: Float64, start: Ellipse | None = None, bound: float = 0.2) -> Ellipse:
    """Fit an ellipse to points of one slice by robust least squares of the distance.

    Parameters
    ----------
    points_yx : (N, 2) float64
        Points in voxels.
    start : Ellipse, optional
        The ellipse of a neighbouring slice. The fit starts there and stays near it.
    bound : float
        How far it may go from `start`: the centre by this share of the mean radius, each
        semi-axis by this share of itself, the angle by this many quarter turns, or freely where
        `start` is nearly a circle. Half of that is also the standard deviation of a prior, so
        that a short arc does not run to the bounds.

    Returns
    -------
    Ellipse

    Raises
    ------
    TooFewPointsError, CollinearPointsError

    Notes
    -----
    Cauchy loss on the Sampson distance, with a weak prior on the ratio of the axes that keeps
    short arcs from growing long thin ellipses. Cost about 5 ms for 200 points.
    """
    points = checked_points(points_yx, 2, MINIMUM_POINTS)
    if start is not None:
        first = _parameters(start)
        return _ellipse(_refine(points, first, _half_widths(start, bound), True)[0])
    widest = 20.0 * float(np.ptp(points, axis=0).max())
    half = np.array([widest, widest, 8.0, 8.0, 4.0])
    trials = [_refine(points, guess, half, False) for guess in _first_guesses(points)]
    return _ellipse(min(trials, key=lambda trial: trial[1])[0])


def _refine(
    points: Float64, first: Float64, half_widths: Float64, near_start: bool
) -> tuple[Float64, float]:
    def residuals(parameters: Float64) -> Float64:
        axes = np.exp(parameters[2:4])
        local = (points - parameters[:2]) @ _frame(parameters[4])
        ratio = (parameters[2] - parameters[3]) / AXIS_RATIO_SD
        prior = 2.0 * (parameters - first) / half_widths if near_start else np.zeros(0)
        return np.concatenate([sampson_distance(local / axes, axes) / NOISE_PX, [ratio], prior])

    found = least_squares(
        residuals,
        first,
        bounds=(first - half_widths, first + half_widths),
        loss="cauchy",
        x_scale=np.array([1.0, 1.0, 0.1, 0.1, 0.2]),
        max_nfev=200,
    )
    return np.asarray(found.x), float(found.cost)


def _first_guesses(points: Float64) -> list[Float64]:
    """Return a circle in two orientations and the ellipse of the second moments."""
    middle = points.mean(axis=0)
    local = points - middle
    system = np.column_stack([2.0 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(system, np.sum(local**2, axis=1), rcond=None)[0]
    radius = np.sqrt(max(solution[2] + solution[:2] @ solution[:2], 1.0))
    radius = min(radius, 10.0 * float(np.ptp(points, axis=0).max()))
    offset = solution[:2] / max(1.0, float(np.linalg.norm(solution[:2])) / radius)
    circle = np.array([*(middle + offset), np.log(1.05 * radius), np.log(0.95 * radius), 0.0])
    variances, directions = np.linalg.eigh(np.cov(local.T))
    longer, shorter = np.sqrt(2.0 * np.maximum(variances[::-1], 1e-2))
    angle = np.arctan2(directions[0, 1], directions[1, 1])
    moments = np.array([*middle, np.log(longer), np.log(shorter), angle])
    turned = circle + np.array([0.0, 0.0, 0.0, 0.0, np.pi / 4])
    return [circle, turned, moments]


def _parameters(ellipse: Ellipse) -> Float64:
    return np.array([*ellipse.centre_yx, *np.log(ellipse.semi_axes), ellipse.angle_rad])


def _half_widths(start: Ellipse, bound: float) -> Float64:
    centre = bound * float(np.mean(start.semi_axes))
    nearly_circle = start.semi_axes[0] < (1.0 + bound) * start.semi_axes[1]
    angle = np.pi if nearly_circle else bound * np.pi / 2
    axis = np.log1p(bound)
    return np.array([centre, centre, axis, axis, angle])


def _ellipse(parameters: Float64) -> Ellipse:
    first, second = np.exp(parameters[2:4])
    angle = float(parameters[4]) if first >= second else float(parameters[4]) + np.pi / 2
    return Ellipse(
        centre_yx=(float(parameters[0]), float(parameters[1])),
        semi_axes=(float(max(first, second)), float(min(first, second))),
        angle_rad=(angle + np.pi / 2) % np.pi - np.pi / 2,
    )
