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
from membraneseg.vesicles.balls import HEAD_GROUPS_A

SYMMETRY_REACH_A = 65.0
"""A bilayer and the fringes of its contrast transfer lie within this of its middle."""
MEMBRANE_REACH_A = 30.0
"""The dark part lies within this of the middle, the bright fringes beyond it."""
LEAFLET_REACH_A = 35.0
"""A leaflet is sought this far from the middle."""
RESOLVED_SHARE = 0.15
"""Leaflets count as resolved if the profile rises so far between them, of the membrane's depth."""
SMOOTHING_A = 5.0
SYMMETRY_STEP_A = 1.0


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
        d_m - R: where the profile is its own mirror image.
    thickness_A : float
        t_m: twice the distance from the middle to the outer edge.
    intensity : float
        Mean density within ± t_m/2 of the middle.
    symmetry : float
        Correlation of the profile with its mirror image about the middle, -1 to 1.
    contrast : float
        How much darker the membrane is than what lies beside it.
    """

    middle_A: float
    thickness_A: float
    intensity: float
    symmetry: float
    contrast: float


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
    A bilayer is symmetric and so is the transfer of contrast, fringes included; the middle is
    therefore where the profile correlates best with its mirror image. The darkest point, which
    CryoVesNet takes, is one of the leaflets as soon as these are resolved.

    The outer edge is the head groups' half width outside the leaflet where both leaflets show,
    else the steepest rise, which blurring does not move. (The least second derivative, which
    CryoVesNet takes, moves outward by the width of the blur.)
    """
    offsets, density = profile.offsets_A, profile.density
    if not np.isfinite(density).all():
        return None
    step = float(offsets[1] - offsets[0])
    found = _middle(profile, search_A)
    if found is None:
        return None
    middle, symmetry = found
    sharp = gaussian_filter1d(density, SMOOTHING_A / step, mode="nearest")
    half = _half_thickness(RadialProfile(offsets - middle, sharp))
    if half is None or half < step:  # a dent, not a membrane
        return None
    apart = np.abs(offsets - middle)
    intensity = float(density[apart <= half].mean())
    beside = density[(apart > MEMBRANE_REACH_A) & (apart < SYMMETRY_REACH_A)]
    contrast = float(beside.mean()) - intensity
    return MembraneBand(middle, 2.0 * half, intensity, symmetry, contrast)


def _middle(profile: RadialProfile, search_A: float) -> tuple[float, float] | None:
    """Centre of symmetry of the dark band, and the correlation with the mirror image there."""
    offsets, density = profile.offsets_A, profile.density
    room_A = min(-float(offsets[0]), float(offsets[-1])) - SYMMETRY_REACH_A
    reach_A = min(search_A, room_A)
    centres = np.arange(-reach_A, reach_A + 0.5 * SYMMETRY_STEP_A, SYMMETRY_STEP_A)
    if len(centres) < 3:
        return None
    distances = np.arange(0.0, SYMMETRY_REACH_A, 2.0)
    outward = np.interp(centres[:, None] + distances, offsets, density)
    inward = np.interp(centres[:, None] - distances, offsets, density)
    mean = 0.5 * (outward + inward).mean(axis=1, keepdims=True)
    near = distances < MEMBRANE_REACH_A
    dark = (outward + inward)[:, near].mean(axis=1) < (outward + inward)[:, ~near].mean(axis=1)
    outward, inward = outward - mean, inward - mean
    scale = np.sqrt((outward**2).sum(axis=1) * (inward**2).sum(axis=1))
    usable = dark & (scale > 0)
    alike = np.where(usable, (outward * inward).sum(axis=1) / np.where(scale > 0, scale, 1.0), -1.0)
    best = int(np.argmax(alike))
    if alike[best] <= 0 or best in (0, len(centres) - 1):
        return None
    place = centres[best] + SYMMETRY_STEP_A * _parabola(alike[best - 1 : best + 2])
    return float(place), float(alike[best])


def _half_thickness(profile: RadialProfile) -> float | None:
    """From the middle, which lies at offset 0, to the outer face of the membrane."""
    offsets, density = profile.offsets_A, profile.density
    outer, outer_depth = _lowest(profile, 0.0, LEAFLET_REACH_A)
    inner, inner_depth = _lowest(profile, -LEAFLET_REACH_A, 0.0)
    beyond = (np.abs(offsets) > MEMBRANE_REACH_A) & (np.abs(offsets) < SYMMETRY_REACH_A)
    bottom = 0.5 * (outer_depth + inner_depth)
    depth = float(density[beyond].max()) - bottom
    between = density[(offsets >= inner) & (offsets <= outer)]
    if len(between) and between.max() - bottom > RESOLVED_SHARE * depth:
        return 0.5 * (outer - inner) + HEAD_GROUPS_A
    slope = np.gradient(density, offsets)
    rising = np.flatnonzero((offsets > 0.0) & (offsets < SYMMETRY_REACH_A))
    if len(rising) < 3:
        return None
    steepest = int(rising[1:-1][np.argmax(slope[rising[1:-1]])])
    step = float(offsets[1] - offsets[0])
    half = float(offsets[steepest]) + step * _parabola(slope[steepest - 1 : steepest + 2])
    return half if half > 0.0 else None


def _lowest(profile: RadialProfile, low_A: float, high_A: float) -> tuple[float, float]:
    """Offset and density of the darkest point of a stretch."""
    offsets, density = profile.offsets_A, profile.density
    allowed = np.flatnonzero((offsets >= low_A) & (offsets <= high_A))
    best = int(allowed[np.argmin(density[allowed])])
    step = float(offsets[1] - offsets[0])
    if best in (0, len(offsets) - 1):
        return float(offsets[best]), float(density[best])
    return float(offsets[best]) + step * _parabola(density[best - 1 : best + 2]), float(
        density[best]
    )


def _parabola(three: Float64) -> float:
    """Place of the extremum through three equidistant values, -1 to 1 from the middle one."""
    bend = three[0] - 2.0 * three[1] + three[2]
    if bend == 0:
        return 0.0
    return float(np.clip(0.5 * (three[0] - three[2]) / bend, -1.0, 1.0))
