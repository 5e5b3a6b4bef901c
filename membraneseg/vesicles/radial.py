"""The radial profile of a nearly round vesicle, and what it says about its membrane.

References
----------
Khosrozadeh et al., CryoVesNet, J. Cell Biol. 2024, "Segmentation refinement using radial profile".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, map_coordinates

from membraneseg.types import Float64

MERGING_NM = 2.0
"""Smoothing that makes one minimum of two leaflets."""
LEAFLET_REACH_NM = 3.5
"""The outer leaflet is sought this far outward of the middle."""
FRINGE_REACH_NM = 6.0
"""The bright Fresnel fringe is sought this far outward of the outer leaflet."""


@dataclass(frozen=True)
class RadialProfile:
    """Mean density against the distance from a vesicle's surface, along rays from its centre.

    Parameters
    ----------
    offsets_A : (K,) float64
        Outward positive, equally spaced about 0.
    density : (K,) float64
    """

    offsets_A: Float64
    density: Float64


@dataclass(frozen=True)
class MembraneBand:
    """The membrane in a radial profile.

    Parameters
    ----------
    middle_A : float
        d_m - R: where the profile, leaflets merged, is darkest.
    thickness_A : float
        t_m: twice the distance from the middle to the outer edge.
    intensity : float
        Mean density within ± t_m/2 of the middle.
    """

    middle_A: float
    thickness_A: float
    intensity: float


def radial_profile(
    voxels: npt.NDArray[np.generic],
    centre_px: Float64,
    rays_px: Float64,
    weights: Float64,
    offsets_px: Float64,
) -> Float64:
    """Average the tomogram over rays, each taken from where it meets the surface.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        May be a memory map: only the bounding box is read.
    centre_px : (3,) float64
        Centre of the vesicle.
    rays_px : (N, 3) float64
        From the centre to the surface.
    weights : (N,) float64
        Of the rays, e.g. their areas.
    offsets_px : (K,) float64

    Returns
    -------
    (K,) float64
        NaN where no ray lies inside the volume.

    Notes
    -----
    For a sphere this is the radial average; for a vesicle that is a little out of round the
    average follows its surface, so that the membrane stays sharp.
    """
    lengths = np.linalg.norm(rays_px, axis=1, keepdims=True)
    distances = np.maximum(lengths + offsets_px, 0.0)  # (N, K)
    places = centre_px + distances[:, :, None] * (rays_px / lengths)[:, None, :]
    flat = places.reshape(-1, 3)
    top = np.asarray(voxels.shape)
    low = np.clip(np.floor(flat.min(axis=0)).astype(int) - 1, 0, top - 1)
    high = np.clip(np.ceil(flat.max(axis=0)).astype(int) + 2, low + 1, top)
    crop = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float64)
    density = map_coordinates(crop, (flat - low).T, order=1, mode="constant", cval=np.nan)
    density = density.reshape(distances.shape)
    known = np.isfinite(density)
    total = weights @ known
    summed = weights @ np.where(known, density, 0.0)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


def membrane_band(profile: RadialProfile, search_A: float) -> MembraneBand | None:
    """Find the membrane in a radial profile.

    Parameters
    ----------
    profile : RadialProfile
    search_A : float
        The middle is sought within ± this of the surface.

    Returns
    -------
    MembraneBand or None
        None if the profile is unknown somewhere, or nothing dark has its middle in the range.

    Notes
    -----
    The outer edge is where the second derivative is least between the outer leaflet and the
    bright fringe outside it.
    """
    offsets, density = profile.offsets_A, profile.density
    if not np.isfinite(density).all():
        return None
    step = float(offsets[1] - offsets[0])
    merged = gaussian_filter1d(density, MERGING_NM * 10.0 / step, mode="nearest")
    allowed = np.flatnonzero(np.abs(offsets) <= search_A)
    darkest = int(allowed[np.argmin(merged[allowed])])
    if darkest in (allowed[0], allowed[-1]):
        return None
    middle = offsets[darkest] + step * _parabola(merged[darkest - 1 : darkest + 2])
    sharp = gaussian_filter1d(density, 5.0 / step, mode="nearest")
    start = int(np.searchsorted(offsets, middle))
    stop = int(np.searchsorted(offsets, middle + LEAFLET_REACH_NM * 10.0))
    leaflet = start + int(np.argmin(sharp[start:stop]))
    stop = int(np.searchsorted(offsets, offsets[leaflet] + FRINGE_REACH_NM * 10.0))
    fringe = leaflet + int(np.argmax(sharp[leaflet:stop]))
    if fringe - leaflet < 2:
        return None
    bend = np.gradient(np.gradient(sharp, step), step)
    edge = leaflet + int(np.argmin(bend[leaflet : fringe + 1]))
    half = float(offsets[edge] + step * _parabola(bend[edge - 1 : edge + 2]) - middle)
    if half <= 0:
        return None
    inside = np.abs(offsets - middle) <= half
    return MembraneBand(float(middle), 2.0 * half, float(density[inside].mean()))


def _parabola(three: Float64) -> float:
    """Place of the extremum through three equidistant values, -1 to 1 from the middle one."""
    bend = three[0] - 2.0 * three[1] + three[2]
    if bend == 0:
        return 0.0
    return float(np.clip(0.5 * (three[0] - three[2]) / bend, -1.0, 1.0))
