"""Where the ice ends inside the volume: the height at which many membranes are cut off at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gp_fit.points import local_normals, superpoints
from membraneseg.surface.frame import VolumeFrame
from membraneseg.types import Float64

LEAST_CUT = 4
"""Membranes that must be cut off at the same height."""
CUT_SHARE = 0.5
"""Share that these must be of all that reach that height."""
STEEP = 0.5
"""Largest |z| of the normal of a wall that would still be seen further on."""
BAND_PX = 2.0
NEAR_EDGE_PX = 8.0
AT_BORDER_PX = 3.0
_OUTERMOST = 0.999  # quantile of the heights of all points
_LEAST_POINTS = 10  # of a membrane in the band
_PATCH_PX, _NORMALS_PX = 3.0, 9.0


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
    must lie level, else it is not found, and membranes are completed beyond it.
    """
    low, high = float(frame.low_px[0]), float(frame.high_px[0])
    if not points_px:
        return low, high
    upper = _last_height(points_px)
    lower = -_last_height([points * [-1.0, 1.0, 1.0] for points in points_px])
    if high - upper > AT_BORDER_PX and _cuts(points_px, upper):
        high = upper + 0.5
    if lower - low > AT_BORDER_PX and _cuts([p * [-1.0, 1.0, 1.0] for p in points_px], -lower):
        low = lower - 0.5
    return low, high


def _last_height(points_px: Sequence[Float64]) -> float:
    return float(np.quantile(np.concatenate([points[:, 0] for points in points_px]), _OUTERMOST))


def _cuts(points_px: Sequence[Float64], height: float) -> bool:
    """Whether most membranes that reach a height end there as steep walls."""
    reaching = [p for p in points_px if (p[:, 0] > height - BAND_PX).sum() >= _LEAST_POINTS]
    cut = sum(_is_steep(points[points[:, 0] > height - NEAR_EDGE_PX]) for points in reaching)
    return cut >= max(LEAST_CUT, CUT_SHARE * len(reaching))


def _is_steep(points: Float64) -> bool:
    """Whether points (P, 3) lie on walls that stand upright."""
    centre, count, _ = superpoints(points, _PATCH_PX)
    normal = local_normals(centre, _NORMALS_PX, count.astype(np.float64))
    return bool(np.median(np.abs(normal[:, 0])) < STEEP)
