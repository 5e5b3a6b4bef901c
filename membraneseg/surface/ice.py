"""Where the ice ends inside the volume: the height at which many membranes are cut off at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gp_fit.points import local_normals, superpoints
from membraneseg.surface.frame import VolumeFrame
from membraneseg.types import Bool, Float64, Int64

LEAST_CUT, STRAY_CUT = 4, 0
"""Membranes that must be cut off at about the same height, and that may reach higher."""
LEAST_WALLS, STRAY_WALLS = 8, 2
"""The same of tall walls."""
LEAST_OWNERS = 3
"""Membranes that the walls must belong to: round ones, alone or nested, end level all round."""
CUT_SHARE = 0.5
"""Share that these must be of all that reach that height."""
CUT_WALLS = 0.6
"""Share of all tall walls that must break off: else they turn over, and go on hidden."""
STEEP = 0.5
"""Largest |z| of the normal of a wall that would still be seen further on."""
ALIKE_PX = 6.0
"""Ice is uneven: heights so near the last one count as the same."""
AT_BORDER_PX = 3.0
TALL_PX = 40.0
"""A wall that stood upright for so long does not end by bending into the missing wedge."""
STREAK_PX = 8.0
"""Beyond the ice, streaks go on this far in a network's eyes."""
WALL_WIDTH_PX = 32.0
_LAST = 0.99  # quantile of the heights of a membrane's points
_NEAR_END_PX = 6.0
_LEAST_POINTS = 30  # of a membrane near its end
_LEAST_PATCHES = 20  # of a wall
_PATCH_PX, _NORMALS_PX = 3.0, 9.0
_UPSIDE_DOWN = np.array([-1.0, 1.0, 1.0])


def ice_between(points_px: Sequence[Float64], frame: VolumeFrame) -> tuple[float, float]:
    """Find the lowest and the highest z of the ice, by the membranes that it cuts.

    Parameters
    ----------
    points_px : sequence of (P, 3) float64
        Points of each membrane, in voxels.
    frame : VolumeFrame

    Returns
    -------
    low, high : float
        In voxels; a face of the volume where no end of the ice shows.

    Notes
    -----
    A vesicle fades gradually where its wall turns into the missing wedge. That the steep walls of
    several membranes, or tall walls in several places, end at one height has another reason: the
    surface of the ice or lamella. It must lie about level, else it is not found, and membranes are
    completed beyond it.
    """
    low, high = float(frame.low_px[0]), float(frame.high_px[0])
    top = _end_of_ice(points_px)
    bottom = _end_of_ice([points * _UPSIDE_DOWN for points in points_px])
    return (
        low if bottom is None or -bottom - low < AT_BORDER_PX else -bottom,
        high if top is None or high - top < AT_BORDER_PX else top,
    )


def _end_of_ice(points_px: Sequence[Float64]) -> float | None:
    """Median height at which walls end above; None if too few end there."""
    if not points_px:
        return None
    tall = [_tall_walls(points) for points in points_px]
    ends, cut = (np.concatenate(parts) for parts in zip(*tall, strict=True))
    owner = np.repeat(np.arange(len(tall)), [len(own) for own, _ in tall])
    if len(cut) and cut.mean() >= CUT_WALLS:
        end = _common_end((ends, cut, owner), LEAST_WALLS, STRAY_WALLS)
        if end is not None:
            return end
    ends = np.array([np.quantile(points[:, 0], _LAST) for points in points_px])
    cut = np.array([_ends_steeply(*one) for one in zip(points_px, ends, strict=True)])
    return _common_end((ends, cut, np.arange(len(ends))), LEAST_CUT, STRAY_CUT)


def _common_end(walls: tuple[Float64, Bool, Int64], least: int, strays: int) -> float | None:
    """Median height of the highest walls that are cut; None if they or their owners are too few.

    `walls` are N heights at which they end, whether cut, and the membranes that they belong to.
    """
    ends, cut, owner = walls
    if len(ends) <= strays:
        return None
    reaching = ends > np.sort(ends)[-1 - strays] - ALIKE_PX
    found = reaching & cut
    if found.sum() < max(least, CUT_SHARE * reaching.sum()):
        return None
    if len(np.unique(owner[found])) < LEAST_OWNERS:
        return None
    return float(np.median(ends[found])) + 0.5


def _tall_walls(points: Float64) -> tuple[Float64, Bool]:
    """Height (N,) at which each tall upright wall ends, and whether hardly a thing follows.

    A wall is what one membrane holds of an upright column.
    """
    centre, count, _ = superpoints(points, _PATCH_PX)
    upright = np.abs(local_normals(centre, _NORMALS_PX, count.astype(np.float64))[:, 0]) < STEEP
    column = np.unique(np.floor(centre[:, 1:] / WALL_WIDTH_PX), axis=0, return_inverse=True)[1]
    ends, cut = [], []
    for name in range(int(column.max(initial=-1)) + 1):
        own = column.reshape(-1) == name
        heights = centre[own & upright, 0]
        if len(heights) < _LEAST_PATCHES:
            continue
        low, end = np.quantile(heights, [1.0 - _LAST, _LAST])
        if end - low >= TALL_PX:
            ends.append(float(end))
            cut.append(float(centre[own, 0].max()) - end < STREAK_PX)
    return np.array(ends), np.array(cut, dtype=np.bool_)


def _ends_steeply(points: Float64, end: float) -> bool:
    """Whether points (P, 3) below their last height lie on walls that stand upright."""
    near = points[points[:, 0] > end - _NEAR_END_PX]
    if len(near) < _LEAST_POINTS:
        return False
    centre, count, _ = superpoints(near, _PATCH_PX)
    normal = local_normals(centre, _NORMALS_PX, count.astype(np.float64))
    return bool(np.median(np.abs(normal[:, 0])) < STEEP)
