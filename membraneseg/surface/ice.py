"""Where the ice ends inside the volume: the height at which many membranes are cut off at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gp_fit.points import local_normals, superpoints
from membraneseg.surface.frame import VolumeFrame
from membraneseg.types import Float64

LEAST_CUT = 4
"""Membranes that must be cut off at about the same height."""
CUT_SHARE = 0.5
"""Share that these must be of all that reach that height."""
STEEP = 0.5
"""Largest |z| of the normal of a wall that would still be seen further on."""
ALIKE_PX = 6.0
"""Ice is uneven: heights so near the last one count as the same."""
AT_BORDER_PX = 3.0
_LAST = 0.99  # quantile of the heights of a membrane's points
_NEAR_END_PX = 6.0
_LEAST_POINTS = 30  # of a membrane near its end
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
    several membranes end at one height has another reason: the surface of the ice or lamella. It
    must lie about level, else it is not found, and membranes are completed beyond it.
    """
    low, high = float(frame.low_px[0]), float(frame.high_px[0])
    top = _end_of_ice(points_px)
    bottom = _end_of_ice([points * _UPSIDE_DOWN for points in points_px])
    return (
        low if bottom is None or -bottom - low < AT_BORDER_PX else -bottom,
        high if top is None or high - top < AT_BORDER_PX else top,
    )


def _end_of_ice(points_px: Sequence[Float64]) -> float | None:
    """Median height at which steep walls end above; None if too few end there so."""
    if not points_px:
        return None
    ends = np.array([np.quantile(points[:, 0], _LAST) for points in points_px])
    reaching = np.flatnonzero(ends > ends.max() - ALIKE_PX).tolist()
    cut = [k for k in reaching if _ends_steeply(points_px[k], ends[k])]
    if len(cut) < max(LEAST_CUT, CUT_SHARE * len(reaching)):
        return None
    return float(np.median(ends[cut])) + 0.5


def _ends_steeply(points: Float64, end: float) -> bool:
    """Whether points (P, 3) below their last height lie on walls that stand upright."""
    near = points[points[:, 0] > end - _NEAR_END_PX]
    if len(near) < _LEAST_POINTS:
        return False
    centre, count, _ = superpoints(near, _PATCH_PX)
    normal = local_normals(centre, _NORMALS_PX, count.astype(np.float64))
    return bool(np.median(np.abs(normal[:, 0])) < STEEP)
