"""The missing wedge of a single-axis tilt series, as one formula.

Tilt axis along y, beam along z, tilts from -θ to +θ. A membrane patch of unit normal
n = (nz, ny, nx) puts its contrast along the frequency direction n, which was measured only if
|nz| ≤ |nx| tan θ. How far n lies inside the unmeasured wedge is its *wedge depth*.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from synth2d.lookup import evenly_spaced

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

TRANSITION_DEG = 10.0
"""Depth in degrees up to which a membrane fades; deeper than this it cannot be seen."""
SURE_DEG, UNSEEN_DEG = 0.3 * TRANSITION_DEG, 1.4 * TRANSITION_DEG
"""Labels for training: membrane up to the first depth, unknown up to the second, then nothing."""

# Contrast of a bilayer that ideal back-projection keeps, against wedge depth.
_DEPTH_DEG = np.array([-30.0, -17.0, -7.0, -2.0, 2.0, 7.0, 12.0, 17.0])
_KEPT = np.array([1.0, 0.95, 0.66, 0.54, 0.43, 0.28, 0.13, 0.0])
_SINE_STEP = 1 / 1024  # of the depth; a table over the sine needs no arcsine of every normal
_KEPT_BY_SINE = np.interp(
    np.rad2deg(np.arcsin(np.arange(-1.0, 1.0 + _SINE_STEP, _SINE_STEP))), _DEPTH_DEG, _KEPT
)


def wedge_depth_deg(normals_zyx: Float64, tilt_range_deg: float) -> Float64:
    """Angle in degrees by which each normal lies inside the missing wedge.

    Parameters
    ----------
    normals_zyx : (..., 3) float64
        Unit normals.
    tilt_range_deg : float
        θ of a ±θ tilt series about the y axis.

    Returns
    -------
    (...) float64
        asin(|nz| cos θ − |nx| sin θ): below 0 visible, 0 to 10 fading, above 10 invisible.
    """
    normals = np.asarray(normals_zyx, dtype=np.float64)
    depth = depth_deg(normals[..., 0], normals[..., 2], tilt_range_deg)
    return np.asarray(depth, dtype=np.float64)


def depth_deg(nz: Any, nx: Any, tilt_range_deg: float) -> Any:
    """`wedge_depth_deg` from two components of the normals, in their precision.

    Parameters
    ----------
    nz, nx : (...) float
        Components of unit normals along the beam and across the tilt axis.
    tilt_range_deg : float

    Returns
    -------
    (...) float
    """
    sine = _sine_of_depth(nz, nx, tilt_range_deg)
    return np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0)))


def contrast_of_normals(nz: Float32, nx: Float32, tilt_range_deg: float) -> Float32:
    """`contrast_kept` of many normals at once, looked up to within 0.001.

    Parameters
    ----------
    nz, nx : (...) float32
        As for `depth_deg`.
    tilt_range_deg : float

    Returns
    -------
    (...) float32
    """
    return evenly_spaced(_KEPT_BY_SINE, -1.0, _SINE_STEP, _sine_of_depth(nz, nx, tilt_range_deg))


def _sine_of_depth(nz: Any, nx: Any, tilt_range_deg: float) -> Any:
    theta = np.deg2rad(tilt_range_deg)
    sine = np.abs(nz) * nz.dtype.type(np.cos(theta))
    sine -= np.abs(nx) * nx.dtype.type(np.sin(theta))
    return sine


def contrast_kept(depth_deg: Float64) -> Float64:
    """Share (0–1) of a bilayer's contrast left by ideal back-projection at a wedge depth."""
    return np.asarray(np.interp(depth_deg, _DEPTH_DEG, _KEPT), dtype=np.float64)


def is_visible(normals_zyx: Float64, tilt_range_deg: float) -> npt.NDArray[np.bool_]:
    """Whether a membrane with these normals shows in the tomogram (depth below 0)."""
    return wedge_depth_deg(normals_zyx, tilt_range_deg) < 0.0
