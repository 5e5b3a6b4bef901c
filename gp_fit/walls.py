"""Flat walls go on over their hidden gaps as plates, each for itself.

In space, two facing walls of one flat sac pull each other in where neither has points: the
function between them would rather be smooth than keep its sharp valley. As a height over its own
plane, a wall knows nothing of the other. What it says in its gaps is given to the process in space
as further points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from gp_fit.arrays import Bool, Float64, Int64
from gp_fit.coverage import DetectionProbability, InsideVolume
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_system import HermiteData
from gp_fit.kernels import thin_plate_2d
from gp_fit.points import superpoints, tangent_pairs
from gp_fit.sheets import surrounded

_ALIKE = 0.9
"""Least cosine between a wall's normals and their mean."""
_SLOPE = 0.35
_SLACK_SPACINGS = 0.5
"""Points of one wall lie off each other's planes by no more than this, and this much of the way."""
_FEWEST = 15
_MOST_WALLS = 12
_FARTHEST_PX = 80.0
"""Gaps up to this radius are crossed."""
_COARSE_PX = 20.0
_ON_BOTH_SIDES_RAD = float(np.deg2rad(200.0))
_BARE_SPACINGS = 1.25
_HIDDEN_BELOW = 0.65
"""A gap may be hidden where the chance to be seen is smaller than this."""
_MOST_SD_PX = 6.0
_MOST_NOISE_PX = 2.0
_MOST_PLACES = 300
_ERR_TOGETHER = 4.0
"""So many neighbouring places of a gap share one error."""
_RATIOS = np.logspace(-6.0, 2.0, 9)
"""Of noise to amplitude, squared, that are tried."""
_REACH = 4.0
"""R of the kernel; places reach 1 from their middle."""


@dataclass(frozen=True, eq=False)
class Plate:
    """A thin-plate process of heights over a plane.

    Parameters
    ----------
    places : (M, 2) float64
        Scaled to an extent of about 1.
    lower : (M, M) float64
        Cholesky factor of the covariance of the heights, for unit amplitude.
    projected, trend_lower : (M, 3), (3, 3) float64
        The flat trend 1, u, v in it.
    weights, trend : (M,), (3,) float64
    amplitude2, noise2 : float
        Squared, in voxels.
    """

    places: Float64
    lower: Float64
    projected: Float64
    trend_lower: Float64
    weights: Float64
    trend: Float64
    amplitude2: float
    noise2: float

    def at(self, places: Float64) -> tuple[Float64, Float64]:
        """Mean and standard deviation (N,) of the height at places (N, 2)."""
        cross = thin_plate_2d(cdist(places, self.places), _REACH)
        design = _trend(places)
        half = solve_triangular(self.lower, cross.T, lower=True)
        rest = solve_triangular(self.trend_lower, design.T - self.projected.T @ half, lower=True)
        variance = _REACH**2 - np.sum(half**2, axis=0) + np.sum(rest**2, axis=0)
        mean = cross @ self.weights + design @ self.trend
        return mean, np.sqrt(self.amplitude2 * np.maximum(variance, 0.0))


def with_continued_walls(
    surface: HermiteSurface,
    detection_probability: DetectionProbability,
    inside_volume: InsideVolume | None = None,
) -> HermiteSurface:
    """Tell a surface where its flat walls go on in hidden gaps.

    Parameters
    ----------
    surface : HermiteSurface
    detection_probability : callable
        Probability (N,) that a membrane with unit normals (N, 3) zyx is found.
    inside_volume : callable, optional
        Whether positions (N, 3) zyx lie in the tomogram.

    Returns
    -------
    HermiteSurface
        `surface` itself if no wall has a gap that is hidden and has points on both sides.
    """
    points, data = surface.superpoints_zyx, surface.state.data
    spacing = surface.state.spacing_px
    walls = walls_of(points, data.normals, spacing)
    gaps = [gap for wall in walls if (gap := _gap(points, data, wall, spacing)) is not None]
    if not gaps:
        return surface
    places, normals, deviation = (np.concatenate(part) for part in zip(*gaps, strict=True))
    hidden = detection_probability(normals) < _HIDDEN_BELOW
    if inside_volume is not None:
        hidden &= inside_volume(places)
    chosen = np.flatnonzero(hidden)
    if len(chosen) == 0:
        return surface
    chosen = chosen[:: -(-len(chosen) // _MOST_PLACES)]
    try:
        return told(surface, places[chosen], normals[chosen], deviation[chosen])
    except LinAlgError:
        return surface


def walls_of(points: Float64, normals: Float64, spacing_px: float) -> list[Int64]:
    """Members of each flat wall among superpoints.

    Parameters
    ----------
    points, normals : (M, 3) float64
        Superpoints and their oriented unit normals.
    spacing_px : float

    Returns
    -------
    list of (K,) int64
        From the direction shared by most; a point belongs to one wall at most.
    """
    alike = normals @ normals.T
    free = np.ones(len(points), dtype=np.bool_)
    walls: list[Int64] = []
    for _ in range(_MOST_WALLS):
        votes = ((alike > _ALIKE) & free).sum(axis=1) * free
        if votes.max(initial=0) < _FEWEST:
            break
        members = np.flatnonzero(free & (alike[int(np.argmax(votes))] > _ALIKE))
        free[members] = False
        piece = connected_components(_linked(points[members], normals[members], spacing_px))[1]
        walls += [
            members[piece == name]
            for name in np.unique(piece)
            if np.count_nonzero(piece == name) >= _FEWEST
        ]
    return walls


def _linked(points: Float64, normals: Float64, spacing_px: float) -> Bool:
    """Which pairs (K, K) may lie on one wall: near, and in each other's planes."""
    apart = cdist(points, points)
    along = np.sum(points * normals, axis=1)[:, None] - normals @ points.T
    off = np.maximum(np.abs(along), np.abs(along.T))
    near = apart < 2.0 * _FARTHEST_PX
    return np.asarray(near & (off < _SLOPE * apart + _SLACK_SPACINGS * spacing_px))


def _gap(
    points: Float64, data: HermiteData, wall: Int64, spacing_px: float
) -> tuple[Float64, Float64, Float64] | None:
    """Places (G, 3) where a wall goes on without points, its normals and deviation there."""
    own = points[wall]
    normal = data.normals[wall].mean(axis=0)
    normal /= np.linalg.norm(normal)
    axes = np.vstack([*(axis[0] for axis in tangent_pairs(normal[None])), normal])
    middle = 0.5 * (own.min(axis=0) + own.max(axis=0))
    local = (own - middle) @ axes.T
    flat = _bare(local[:, :2], spacing_px)
    scale = float(np.linalg.norm(local[:, :2], axis=1).max())
    doubts = (data.shares * data.doubts)[wall]
    plate = fitted_plate(local[:, :2] / scale, local[:, 2], doubts) if len(flat) else None
    if plate is None:
        return None
    height, deviation = plate.at(flat / scale)
    step = 0.5 * spacing_px * np.eye(2)
    rise = [plate.at((flat + s) / scale)[0] - plate.at((flat - s) / scale)[0] for s in step]
    tilted = np.column_stack([-rise[0] / spacing_px, -rise[1] / spacing_px, np.ones(len(flat))])
    normals = (tilted / np.linalg.norm(tilted, axis=1, keepdims=True)) @ axes
    places = np.column_stack([flat, height]) @ axes + middle
    around = superpoints(own, max(spacing_px, _COARSE_PX))[0]
    kept = surrounded(places, normals, around, _FARTHEST_PX, _ON_BOTH_SIDES_RAD)
    kept &= (deviation < _MOST_SD_PX) & (cKDTree(points).query(places)[0] > spacing_px)
    return places[kept], normals[kept], deviation[kept]


def _bare(places: Float64, spacing_px: float) -> Float64:
    """Even places (G, 2) between given ones (K, 2), but not near them."""
    low, high = places.min(axis=0), places.max(axis=0)
    steps = [np.arange(a, b, spacing_px) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(grid[cKDTree(places).query(grid)[0] > _BARE_SPACINGS * spacing_px])


def fitted_plate(places: Float64, heights: Float64, variances: Float64) -> Plate | None:
    """Fit heights over a plane, noise and amplitude by restricted marginal likelihood.

    Parameters
    ----------
    places : (M, 2) float64
        Within 1 of the origin.
    heights : (M,) float64
        In voxels.
    variances : (M,) float64
        Of the heights, relative to each other.

    Returns
    -------
    Plate or None
        None if no plate passes near the points.
    """
    covariance = thin_plate_2d(cdist(places, places), _REACH)
    design, best, least = _trend(places), None, np.inf
    free = len(heights) - design.shape[1]
    for ratio in _RATIOS:
        lower = cholesky(covariance + np.diag(ratio * variances + 1e-9), lower=True)
        both = solve_triangular(lower, np.column_stack([design, heights]), lower=True)
        projected, whitened = both[:, :-1], both[:, -1]
        trend_lower = cholesky(projected.T @ projected, lower=True)
        trend = cho_solve((trend_lower, True), projected.T @ whitened)
        residual = whitened - projected @ trend
        amplitude2 = max(float(residual @ residual) / free, 1e-12)
        volume = np.log(np.diag(lower)).sum() + np.log(np.diag(trend_lower)).sum()
        cost = 0.5 * free * np.log(amplitude2) + volume
        if cost < least:
            weights = solve_triangular(lower, residual, lower=True, trans="T")
            noise2 = amplitude2 * ratio * float(np.median(variances))
            least = cost
            best = Plate(places, lower, projected, trend_lower, weights, trend, amplitude2, noise2)
    return best if best is not None and best.noise2 < _MOST_NOISE_PX**2 else None


def _trend(places: Float64) -> Float64:
    return np.hstack([np.ones((len(places), 1)), places])


def told(
    surface: HermiteSurface, places: Float64, normals: Float64, deviation: Float64
) -> HermiteSurface:
    """Add points to a surface, and solve again.

    Parameters
    ----------
    surface : HermiteSurface
    places, normals : (G, 3) float64
        In voxels, and unit normals.
    deviation : (G,) float64
        Standard deviation of each along its normal; neighbours err together.

    Returns
    -------
    HermiteSurface

    Raises
    ------
    numpy.linalg.LinAlgError
        If the system is not positive definite.
    """
    state = surface.state
    data, noise2 = state.data, state.hyper_parameters[1]
    shares = _ERR_TOGETHER * (deviation / state.scale_px) ** 2 / noise2
    more = replace(
        data,
        positions=np.vstack([data.positions, (places - state.centre_zyx) / state.scale_px]),
        normals=np.vstack([data.normals, normals]),
        shares=np.append(data.shares, shares),
        doubts=np.append(data.doubts, np.ones(len(places))),
    )
    return HermiteSurface.from_state(replace(state, data=more))
