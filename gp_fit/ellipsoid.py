"""Ellipsoids through points that may show only part of the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from gp_fit.arrays import Float64, checked_points
from gp_fit.points import superpoint_spacing, superpoints
from gp_fit.quadric import closest_on_quadric, sampson_distance

MINIMUM_POINTS = 10
NOISE_PX = 0.7
"""Expected scatter of single points about the surface."""
AXIS_RATIO_SD = 0.15
"""Prior standard deviation of the log of each semi-axis about their mean."""
NORMAL_SD = 0.3
"""Expected scatter of given normals, in radians."""
FIT_POINTS = 400
INDEPENDENT_POINTS = 30.0
"""The fit counts at most this many points as independent: real shapes are not ellipsoids."""
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """An ellipsoid in space.

    Parameters
    ----------
    centre_zyx : (3,) float64
        Centre in voxels.
    semi_axes : (3,) float64
        Semi-axes in voxels, descending.
    rotation : (3, 3) float64
        Proper rotation whose columns are the directions (zyx) of the semi-axes.
    """

    centre_zyx: Float64
    semi_axes: Float64
    rotation: Float64

    def __post_init__(self) -> None:
        if self.semi_axes.shape != (3,) or not np.all(self.semi_axes > 0.0):
            raise ValueError(f"semi_axes must be three positive numbers, got {self.semi_axes}")

    def scaled(self, points_zyx: Float64) -> Float64:
        """Coordinates (N, 3) in which the ellipsoid is the unit sphere."""
        local = (np.asarray(points_zyx, dtype=np.float64) - self.centre_zyx) @ self.rotation
        return np.asarray(local / self.semi_axes)

    def unscaled(self, coordinates: Float64) -> Float64:
        """Inverse of `scaled`."""
        return np.asarray((coordinates * self.semi_axes) @ self.rotation.T + self.centre_zyx)

    def closest_points(self, points_zyx: Float64) -> Float64:
        """Closest point (N, 3) on the ellipsoid to each point, in voxels."""
        local = (np.asarray(points_zyx, dtype=np.float64) - self.centre_zyx) @ self.rotation
        closest = closest_on_quadric(local, self.semi_axes)
        return np.asarray(closest @ self.rotation.T + self.centre_zyx)

    def signed_distance(self, points_zyx: Float64) -> Float64:
        """Exact distance (N,) in voxels, negative inside."""
        gap = np.linalg.norm(points_zyx - self.closest_points(points_zyx), axis=1)
        inside = np.linalg.norm(self.scaled(points_zyx), axis=1) < 1.0
        return np.asarray(np.where(inside, -gap, gap), dtype=np.float64)

    def normals(self, points_zyx: Float64) -> Float64:
        """Outward unit normals (N, 3) at the closest points."""
        towards = self.scaled(self.closest_points(points_zyx)) / self.semi_axes
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        return np.asarray(towards @ self.rotation.T)


def fit_ellipsoid(
    points_zyx: Float64, start: Ellipsoid | None = None, normals_zyx: Float64 | None = None
) -> Ellipsoid:
    """Fit an ellipsoid by robust least squares of the first-order distance.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels; outliers are tolerated.
    start : Ellipsoid, optional
        Where to begin; without it a sphere and the ellipsoid of the second moments are tried.
    normals_zyx : (N, 3) float64, optional
        Unit normals of either sign at the points, used as further observations.

    Returns
    -------
    Ellipsoid

    Raises
    ------
    TooFewPointsError, CoplanarPointsError

    Notes
    -----
    Cauchy loss, scale from the median residual, and a prior on the log of the axis ratios: where
    the points leave a semi-axis open (two facing lunes, one z band), it shrinks towards the
    others. Cost about 0.05 s.
    """
    points = checked_points(points_zyx, 3, MINIMUM_POINTS)
    normals = normals_zyx
    if len(points) > FIT_POINTS:
        spacing = superpoint_spacing(points, FIT_POINTS)
        centres, _, labels = superpoints(points, spacing)
        if normals is not None:
            normals = normals[np.unique(labels, return_index=True)[1]]
        points = centres
    starts = [start] if start is not None else _first_guesses(points)
    trials = [_fit_from(points, normals, guess) for guess in starts]
    return min(trials, key=lambda trial: trial[1])[0]


def _fit_from(
    points: Float64, normals: Float64 | None, guess: Ellipsoid
) -> tuple[Ellipsoid, float]:
    """Fit with shrinking scale; the cost counts the prior, so that no pancake beats a sphere."""
    extent = float(np.ptp(points, axis=0).max())
    ellipsoid = guess
    for round_ in range(_ROUNDS):
        distance = np.abs(sampson_distance(ellipsoid.scaled(points), ellipsoid.semi_axes))
        scale = max(NOISE_PX, float(np.median(distance)) / 0.6745)
        ellipsoid = _refine(points, normals, ellipsoid, scale, extent)
        if round_ and scale == NOISE_PX:
            break
    distance = sampson_distance(ellipsoid.scaled(points), ellipsoid.semi_axes)
    share = min(1.0, INDEPENDENT_POINTS / len(points))
    ratios = np.log(ellipsoid.semi_axes) - np.log(ellipsoid.semi_axes).mean()
    cost = share * np.sum(np.log1p((distance / NOISE_PX) ** 2))
    return ellipsoid, float(cost + np.sum((ratios / AXIS_RATIO_SD) ** 2))


def _refine(
    points: Float64, normals: Float64 | None, first: Ellipsoid, scale: float, extent: float
) -> Ellipsoid:
    share = np.sqrt(min(1.0, INDEPENDENT_POINTS / len(points)))

    def at(parameters: Float64) -> Ellipsoid:
        turn = Rotation.from_rotvec(parameters[6:9]).as_matrix()
        centre = first.centre_zyx + extent * parameters[:3]
        return Ellipsoid(centre, np.exp(parameters[3:6]), first.rotation @ turn)

    def residuals(parameters: Float64) -> Float64:
        candidate = at(parameters)
        distance = sampson_distance(candidate.scaled(points), candidate.semi_axes) / scale
        robust = np.sqrt(np.log1p(distance**2)) * np.sign(distance)
        ratios = (parameters[3:6] - parameters[3:6].mean()) / AXIS_RATIO_SD
        parts = [share * robust, ratios, 1e-2 * parameters[6:9]]
        if normals is not None:
            parts.append(share * _normal_residuals(candidate, points, normals))
        return np.concatenate(parts)

    axes = np.clip(first.semi_axes, 0.6, 9.0 * extent)
    begin = np.concatenate([np.zeros(3), np.log(axes), np.zeros(3)])
    low = np.concatenate([-np.full(3, 12.0), np.full(3, np.log(0.5)), -np.full(3, 4.0)])
    high = np.concatenate([np.full(3, 12.0), np.full(3, np.log(10.0 * extent)), np.full(3, 4.0)])
    found = least_squares(residuals, begin, bounds=(low, np.maximum(high, begin + 0.1)))
    return _sorted(at(found.x))


def _normal_residuals(candidate: Ellipsoid, points: Float64, normals: Float64) -> Float64:
    """Sine of the angle to the gradient, as vectors, so that the sign of a normal is free."""
    scaled = candidate.scaled(points)
    towards = (scaled / candidate.semi_axes) @ candidate.rotation.T
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return np.asarray(np.cross(towards, normals).reshape(-1) / NORMAL_SD)


def _first_guesses(points: Float64) -> list[Ellipsoid]:
    middle = points.mean(axis=0)
    local = points - middle
    extent = float(np.ptp(points, axis=0).max())
    system = np.column_stack([2.0 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(system, np.sum(local**2, axis=1), rcond=None)[0]
    radius = float(np.sqrt(max(solution[3] + solution[:3] @ solution[:3], 1.0)))
    radius = min(radius, 5.0 * extent)
    offset = solution[:3] / max(1.0, float(np.linalg.norm(solution[:3])) / radius)
    sphere = Ellipsoid(middle + offset, radius * np.array([1.02, 1.0, 0.98]), np.eye(3))
    variances, directions = np.linalg.eigh(np.cov(local.T))
    axes = np.sqrt(3.0 * np.maximum(variances, 0.25))
    return [sphere, _sorted(Ellipsoid(middle, axes, directions))]


def _sorted(ellipsoid: Ellipsoid) -> Ellipsoid:
    order = np.argsort(-ellipsoid.semi_axes)
    rotation = ellipsoid.rotation[:, order]
    if np.linalg.det(rotation) < 0.0:
        rotation = rotation * np.array([1.0, 1.0, -1.0])
    return Ellipsoid(ellipsoid.centre_zyx, ellipsoid.semi_axes[order], rotation)
