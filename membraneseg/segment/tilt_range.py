"""The tilt range, read off the tomogram itself: power ends where the missing wedge begins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from membraneseg.types import Float64

EDGE = 64
"""Edge of the cubes whose power spectra are averaged, in voxels."""
CUBES = 12
EMPTY_SHARE = 0.25
"""Power beyond the edge, relative to that inside, below which a wedge counts as empty."""
SEARCH_DEG = np.arange(30.0, 76.0, 1.0)
ORDERS = {"zy": (0, 1, 2), "zx": (0, 2, 1), "yz": (1, 0, 2), "yx": (1, 2, 0)}
"""Order in which the axes zyx become beam, tilt axis and the axis across, by beam and tilt axis."""
ASSUMED_TILT_RANGE_DEG = 60.0
"""Taken where nobody says the tilt range and the tomogram does not show it."""


def power_against_elevation(voxels: npt.NDArray[np.generic]) -> Float64:
    """Mean power in steps of 1° of atan(|kz| / |kx|), 0° to 89°.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        A tomogram of at least EDGE/2 slices.

    Returns
    -------
    (90,) float64
        Averaged over cubes spread through the volume and over mid spatial frequencies.
    """
    shape = np.minimum(np.array(voxels.shape), EDGE)
    room = np.array(voxels.shape) - shape
    taper = np.einsum("i,j,k->ijk", *[np.hanning(n + 2)[1:-1] for n in shape])
    power = np.zeros((shape[0], shape[1], shape[2] // 2 + 1))
    for share in np.linspace(0.1, 0.9, CUBES):
        wobble = np.array([0.5, share, (share * 5.3) % 1.0])
        z, y, x = (room * wobble).astype(int)
        cube = np.asarray(voxels[z : z + shape[0], y : y + shape[1], x : x + shape[2]], float)
        power += np.abs(fft.rfftn((cube - cube.mean()) * taper)) ** 2
    kz = np.abs(fft.fftfreq(shape[0]))[:, None, None]
    kx = fft.rfftfreq(shape[2])[None, None, :]
    radius = np.broadcast_to(np.hypot(kz, kx), power.shape)
    elevation = np.broadcast_to(np.rad2deg(np.arctan2(kz, kx)), power.shape).astype(int)
    chosen = (radius > 0.12) & (radius < 0.35) & (elevation < 90)
    total = np.bincount(elevation[chosen], power[chosen], 90)
    count = np.bincount(elevation[chosen], minlength=90)
    known = np.flatnonzero(count)
    return np.interp(np.arange(90), known, total[known] / count[known])


def measure_tilt_range(voxels: npt.NDArray[np.generic]) -> float | None:
    """Half the tilt range in degrees, or None where no missing wedge shows.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Tilt axis along y, beam along z.

    Returns
    -------
    float or None
        The largest angle at which the power has half its inner value; None if the power
        beyond the edge is more than EMPTY_SHARE of that inside (the wedge was filled, or the
        slab is too thin to tell).

    Notes
    -----
    Only the direction of the spectrum is used, so contrast, filters and voxel size drop out.
    """
    power = power_against_elevation(voxels)
    if voxels.shape[0] < EDGE // 2 or not (power > 0).any():
        return None
    logarithm = np.log(np.maximum(power, power.max() * 1e-6))
    angles = np.arange(90) + 0.5
    misfit = [
        logarithm[(angles > 20) & (angles < a)].var() * ((angles > 20) & (angles < a)).sum()
        + logarithm[angles >= a].var() * (angles >= a).sum()
        for a in SEARCH_DEG
    ]
    step = float(SEARCH_DEG[int(np.argmin(misfit))])
    inside = np.median(power[(angles > 15) & (angles < step - 8)])
    outside = np.median(power[angles > min(step + 5, 82)])
    if outside > EMPTY_SHARE * inside:
        return None
    smooth = np.exp(ndimage.gaussian_filter1d(logarithm, 1.0))
    above = np.flatnonzero(smooth >= 0.5 * inside)  # the step's foot is blurred: take half height
    return float(np.clip(angles[above[-1]] + 0.5, SEARCH_DEG[0], SEARCH_DEG[-1]))


def beam_and_tilt_axis(voxels: npt.NDArray[np.generic]) -> str:
    """Read the axes of the beam and of the tilts off the direction of the empty wedge.

    Parameters
    ----------
    voxels : (Z, Y, X) array

    Returns
    -------
    str
        'zy' as expected (and where no other direction is clearly emptier), 'zx' for tilts about x,
        'yz' or 'yx' for a beam along y, as in reconstructions that were never rotated.
    """
    empty = {}
    for axes, order in ORDERS.items():
        power = power_against_elevation(voxels.transpose(order))
        empty[axes] = np.median(power[75:88]) / max(np.median(power[20:40]), 1e-30)
    axes = min(empty, key=lambda name: float(empty[name]))
    clear = empty[axes] < EMPTY_SHARE and empty[axes] < 0.3 * empty["zy"]
    return axes if clear else "zy"
