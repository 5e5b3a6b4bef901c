"""Walls that face each other go on over their gaps each for itself.

In space, two facing walls push each other apart where neither has points: the function between
them would rather be smooth than keep its sharp valley. A wall that is fitted alone knows nothing
of the other. Where it then foretells its own points at a gap's edge better than the whole surface
does, what it says in the gap is given to the process as further points.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_evidence import on_surface, patches_of
from gp_fit.hermite_fit import HermiteState
from gp_fit.hermite_system import (
    left_out_together,
    observed_covariance,
    precision,
    solve,
)
from gp_fit.points import superpoints
from gp_fit.scene import unit_normals
from gp_fit.walls import told

_MOST_PLACES = 600
_BARE_SPACINGS = 1.25
_PART_PX = 14.0
"""Extent of the part of a gap that is looked at together."""
_ALIKE = float(np.cos(np.deg2rad(70.0)))
_OFF_CIRCLE = 0.35
"""Points of one wall lie off the circle through the gap by no more than this share of the way."""
_FEWEST = 20
_AMPLITUDES = (1.0, 0.5, 0.25, 0.125)
"""Of a wall alone, in that of the whole surface, that are tried."""
_EDGE_POINTS = 16
"""So many superpoints nearest to a gap are foretold."""
_FORETOLD = 0.6
_DOUBTING = 6.0
"""Deviations grow with this power of (error alone / error of the whole) / _FORETOLD."""
_MOST_SD_PX = 3.0
_FARTHEST_PX = 8.0
_LEAST_COSINE = 0.5

Places = tuple[Float64, Float64, Float64]
"""Positions (G, 3), unit normals (G, 3) and standard deviations (G,) in voxels."""


def with_walls_alone(
    surface: HermiteSurface, mesh: tuple[Float64, Int64], roughness: float
) -> HermiteSurface:
    """Tell a surface where its walls go on in gaps, if they know better alone.

    Parameters
    ----------
    surface : HermiteSurface
    mesh : (V, 3) float64 and (F, 3) int64
        Its zero level.
    roughness : float
        Squared amplitude over extent, 1/voxel, than which no wall is taken to be smoother.

    Returns
    -------
    HermiteSurface
        `surface` itself where no wall alone foretells its points better.
    """
    gaps = _gaps(surface, mesh)
    if not gaps:
        return surface
    inverse = precision(surface.solution)
    found = (_gone_on(surface, inverse, gap, roughness) for gap in gaps)
    known = [places for places in found if places is not None]
    if not known:
        return surface
    try:
        return told(surface, *(np.concatenate(part) for part in zip(*known, strict=True)))
    except LinAlgError:
        return surface


def _gaps(surface: HermiteSurface, mesh: tuple[Float64, Int64]) -> list[tuple[Float64, Float64]]:
    """Places and normals of the surface far from its superpoints, in parts that face one way."""
    places = on_surface(surface, patches_of(*mesh, _MOST_PLACES)[0])
    far = cKDTree(surface.superpoints_zyx).query(places)[0]
    places = places[far > _BARE_SPACINGS * surface.state.spacing_px]
    if len(places) == 0:
        return []
    normals = unit_normals(surface, places)
    name = superpoints(places, _PART_PX)[2]
    parts = []
    for members in (np.flatnonzero(name == one) for one in np.unique(name)):
        ahead = normals[members] @ normals[members[0]] > _LEAST_COSINE
        parts += [part for part in (members[ahead], members[~ahead]) if len(part)]
    return [(places[part], normals[part]) for part in parts]


def _gone_on(
    surface: HermiteSurface,
    inverse: Float64,
    gap: tuple[Float64, Float64],
    roughness: float,
) -> Places | None:
    """Places where a wall, fitted alone, goes on through part of a gap."""
    places, normals = gap
    middle, normal = places.mean(axis=0), normals.mean(axis=0)
    normal = normal / max(float(np.linalg.norm(normal)), 1e-12)
    wall = _wall_about(surface, middle, normal)
    if len(wall) < _FEWEST:
        return None
    try:
        alone = _fitted_alone(surface.state, wall, roughness)
        doubt = _doubt(surface, inverse, (alone, wall), middle)
    except LinAlgError:
        return None
    found = on_surface(alone, on_surface(alone, places))
    facing = unit_normals(alone, found)
    deviation = doubt * alone.sd(found) / surface.state.sd_inflation
    kept = (deviation < _MOST_SD_PX) & (np.sum(facing * normals, axis=1) > _LEAST_COSINE)
    kept &= np.linalg.norm(found - places, axis=1) < _FARTHEST_PX
    return (found[kept], facing[kept], deviation[kept]) if kept.any() else None


def _wall_about(surface: HermiteSurface, middle: Float64, normal: Float64) -> Int64:
    """Superpoints (K,) of the wall to which a place with a normal belongs.

    They face about the same way, and lie with it on a circle or line: both normals then have the
    same angle to the way between.
    """
    normals, way = surface.state.data.normals, surface.superpoints_zyx - middle
    off = np.abs(np.sum(way * (normals + normal), axis=1))
    slack = surface.state.spacing_px
    near = off < _OFF_CIRCLE * np.linalg.norm(way, axis=1) + slack
    return np.flatnonzero(near & (normals @ normal > _ALIKE))


def _fitted_alone(state: HermiteState, wall: Int64, roughness: float) -> HermiteSurface:
    """Fit part of the superpoints, with an amplitude of their own."""
    data = state.data.part(wall)
    covariance = observed_covariance(data)
    amplitude2, noise2, slope2 = state.hyper_parameters
    least = min(roughness * state.scale_px / amplitude2, 1.0)
    tried = amplitude2 * np.unique(np.clip(np.square(_AMPLITUDES), least, 1.0))
    costs = [solve(data, covariance, one, noise2, slope2).minus_log_likelihood for one in tried]
    chosen = np.array([tried[int(np.argmin(costs))], noise2, slope2])
    return HermiteSurface.from_state(replace(state, data=data, hyper_parameters=chosen))


def _doubt(
    surface: HermiteSurface,
    inverse: Float64,
    alone: tuple[HermiteSurface, Int64],
    middle: Float64,
) -> float:
    """Factor on the deviations of a wall, from how it foretells the points nearest to the gap."""
    process, wall = alone
    away = np.linalg.norm(surface.superpoints_zyx[wall] - middle, axis=1)
    edge = np.argsort(away)[:_EDGE_POINTS]
    own = _foretelling_error(process, precision(process.solution), edge)
    ratio = own / _foretelling_error(surface, inverse, wall[edge])
    return float(max(1.0, ratio / _FORETOLD) ** _DOUBTING)


def _foretelling_error(surface: HermiteSurface, inverse: Float64, edge: Int64) -> float:
    """Root mean square of the values at superpoints that are left out together."""
    rows = np.concatenate([edge, edge + len(surface.superpoints_zyx)])
    missed = left_out_together(surface.solution, inverse, rows)[: len(edge)]
    return float(np.sqrt(np.mean(missed**2)))
