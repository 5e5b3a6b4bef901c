"""The two ends of every fragment: where they are, where they point, and how they bend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_SHORT_REACH = 6.0  # units of length over which the direction of the very tip is measured
_LONG_REACH = 20.0  # … and over which direction and curvature of the end are measured
_POSITION_NOISE = 0.4  # of a traced point, in units
_CURVATURE_SPREAD = 0.05  # of membranes, per unit: keeps short ends from bending wildly
_CHORD = 4.0  # units over which the heading along a fragment is measured


class Ends(NamedTuple):
    """Ends of F fragments, E = 2F; ends 2f and 2f + 1 are the first and last point of fragment f.

    All lengths are in the caller's unit of length, all angles in radians.

    Parameters
    ----------
    position : (E, 2) float64
        The end point.
    tangent : (E, 2) float64
        Unit vector out of the fragment, from its last `_LONG_REACH` units.
    tip : (E, 2) float64
        The same from its last `_SHORT_REACH` units.
    curvature : (E,) float64
        Signed, walking out of the fragment; positive turns from the first towards the second
        axis.
    length : (E,) float64
        Of the end's fragment.
    turning : (E,) float64
        By how much the direction turns on the walk through the fragment that *enters* here.
    """

    position: Float64
    tangent: Float64
    tip: Float64
    curvature: Float64
    length: Float64
    turning: Float64


def turn_between(from_vectors: Float64, to_vectors: Float64) -> Float64:
    """Signed angles (...) in (−π, π] that turn (..., 2) vectors into others."""
    cross = from_vectors[..., 0] * to_vectors[..., 1] - from_vectors[..., 1] * to_vectors[..., 0]
    along = from_vectors[..., 0] * to_vectors[..., 0] + from_vectors[..., 1] * to_vectors[..., 1]
    return np.asarray(np.arctan2(cross, along))


def fragment_ends(curves: Sequence[Float64], unit: float = 1.0) -> Ends:
    """Measure both ends of every open curve.

    Parameters
    ----------
    curves : sequence of (N_i, 2) float64
        Points in order, at least two different ones each.
    unit : float
        Length that counts as one: the spacing of the points, a voxel.

    Returns
    -------
    Ends
        E = 2 · len(curves).

    Raises
    ------
    ValueError
        If a curve has fewer than two points or no length, or the unit is not positive.

    Notes
    -----
    Direction and curvature come from a parabola over arc length, fitted to the last points with
    a penalty on its bend that assumes the position noise and spread of curvatures above.
    Linear in the points.
    """
    if unit <= 0:
        raise ValueError(f"unit is {unit}: give a positive length")
    rows = []
    for index, curve in enumerate(curves):
        points = np.asarray(curve, dtype=np.float64) / unit
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
            raise ValueError(f"curve {index} has shape {points.shape}: give (N, 2) with N ≥ 2")
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        if steps.sum() <= 0:
            raise ValueError(f"curve {index} has no length: leave out points without extent")
        arc = np.concatenate([[0.0], np.cumsum(steps)])
        first = _measure_end(points, arc)
        last = _measure_end(points[::-1], arc[-1] - arc[::-1])
        through = _turning(points, arc, -first[1], last[1])
        rows += [(*first, arc[-1], through), (*last, arc[-1], -through)]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    vectors = [np.array(column, dtype=np.float64).reshape(-1, 2) for column in columns[:3]]
    scalars = [np.array(column, dtype=np.float64) for column in columns[3:]]
    return Ends(*vectors, *scalars)


def _measure_end(points: Float64, arc: Float64) -> tuple[Float64, Float64, Float64, float]:
    """Position, direction over both reaches, and curvature at the first point of a curve."""
    long = arc <= _LONG_REACH
    long[:2] = True
    short = arc <= _SHORT_REACH
    short[:2] = True
    slope, bend = _parabola(points[long], arc[long])
    tangent = -slope / max(float(np.linalg.norm(slope)), 1e-12)
    outward = points[short] - points[short].mean(axis=0)
    tip = -(outward * (arc[short] - arc[short].mean())[:, None]).sum(axis=0)
    length = float(np.linalg.norm(tip))
    tip = tip / length if length > 1e-12 else tangent
    # The parabola is walked inward; walked outward, slope and curvature change their sign.
    curvature = -float(slope[0] * bend[1] - slope[1] * bend[0]) / max(float(slope @ slope), 1e-12)
    return points[0], tangent, tip, curvature


def _parabola(points: Float64, arc: Float64) -> tuple[Float64, Float64]:
    """First and second derivative at arc length 0 of a penalised parabola."""
    design = np.stack([np.ones_like(arc), arc, 0.5 * arc**2], axis=1)
    normal = design.T @ design
    normal[2, 2] += (_POSITION_NOISE / _CURVATURE_SPREAD) ** 2
    normal += 1e-9 * np.eye(3)
    solution = np.linalg.solve(normal, design.T @ points)
    return solution[1], solution[2]


def _turning(points: Float64, arc: Float64, entering: Float64, leaving: Float64) -> float:
    """Signed turning from the first to the last direction, whole turns included."""
    count = max(2, int(arc[-1] / _CHORD) + 1)
    stops = np.linspace(0.0, arc[-1], count)
    coarse = np.stack([np.interp(stops, arc, points[:, axis]) for axis in (0, 1)], axis=1)
    headings = np.concatenate([entering[None], np.diff(coarse, axis=0), leaving[None]])
    return float(turn_between(headings[:-1], headings[1:]).sum())
