"""Directions round a vesicle, and how much of its membrane the tilts show along each."""

from __future__ import annotations

import numpy as np

from membraneseg.types import Float64
from synth2d.wedge import contrast_kept, wedge_depth_deg

GOLDEN_ANGLE_RAD = np.pi * (1.0 + np.sqrt(5.0))


def even_directions(count: int) -> Float64:
    """Unit vectors spread evenly over the sphere, along a spiral from pole to pole.

    Parameters
    ----------
    count : int

    Returns
    -------
    (count, 3) float64
        zyx; each stands for the same solid angle.
    """
    steps = np.arange(count) + 0.5
    along_z = 1.0 - 2.0 * steps / count
    across = np.sqrt(1.0 - along_z**2)
    turn = GOLDEN_ANGLE_RAD * steps
    return np.stack([along_z, across * np.sin(turn), across * np.cos(turn)], axis=1)


def visibility(directions: Float64, tilt_range_deg: float) -> Float64:
    """Share (N,) of a membrane's contrast that the tilts leave where it faces (N, 3) directions."""
    return contrast_kept(wedge_depth_deg(directions, tilt_range_deg))
