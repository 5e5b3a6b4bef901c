"""What a walker may ask about one slice: visibility, probability, and the border."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from membraneseg.group.ridge import BORDER_PX
from membraneseg.types import Float32, Float64
from rl_agent.cues import Cues


def picture_cues(probability_yx: Float32, tilt_range_deg: float) -> Cues:
    """What the walker may ask about a slice; points are (..., 2), y and x in voxels.

    Parameters
    ----------
    probability_yx : (Y, X) float32
        Membrane probability, 0 to 1.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.

    Returns
    -------
    Cues

    Notes
    -----
    Visibility: a membrane that crosses the slice with an elevation β of its normal shows where
    tan β ≤ |cos φ| tan θ, φ being the angle of the in-plane normal from x. A sphere is cut with
    sin β evenly spread, so the share that shows is sin(arctan(|cos φ| tan θ)).
    """
    extent = np.array(probability_yx.shape, dtype=np.float64) - 1.0
    tangent = float(np.tan(np.deg2rad(tilt_range_deg)))

    def visibility(directions: Float64) -> Float64:
        # the normal's x is the tangent's y
        return np.asarray(np.sin(np.arctan(np.abs(directions[..., 0]) * tangent)))

    def density(points: Float64) -> Float64:
        where = points.reshape(-1, 2).T
        values = ndimage.map_coordinates(probability_yx, where, order=1, mode="nearest")
        return np.asarray(values, dtype=np.float64).reshape(points.shape[:-1])

    def to_border(points: Float64) -> Float64:
        return np.asarray(np.minimum(points, extent - points).min(axis=-1) - BORDER_PX)

    return Cues(visibility, density, to_border)
