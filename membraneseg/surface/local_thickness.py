"""Thickness of the bilayer from place to place on one membrane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import Surface
from membraneseg.surface.profile import (
    CORE_NM,
    FLANK_NM,
    patch_average,
    patch_centres,
    sample_profiles,
    thickness,
)
from membraneseg.types import Bool, Float64

STEP_VOXELS = 0.5
CLEAR = 2.0
"""A patch is measured where it is darker than its flanks by so many times their scatter."""


def vertex_thickness_nm(
    voxels: npt.NDArray[np.generic],
    surface: Surface,
    observed: Bool,
    frame: VolumeFrame,
    patch_nm: float = 12.0,
) -> Float64:
    """Thickness at every vertex that the data show.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        The tomogram, dark membranes; may be a memory map.
    surface : Surface
    observed : (V,) bool
        Of its vertices.
    frame : VolumeFrame
    patch_nm : float
        Profiles are averaged with Gaussian weights of which this is two standard deviations.

    Returns
    -------
    (V,) float64
        Between the middles of the leaflets if they are resolved in most patches of this membrane,
        otherwise the width of the one dark band; NaN where the vertex is inferred, no dark band is
        clear, or the patch would be measured the other way.

    Notes
    -----
    As `profile.thickness`, on the mean of each patch instead of that of the whole membrane; a
    vertex takes the value of the nearest patch. 12 nm is also what the program
    surface_morphometrics 2 averages over.
    """
    found = np.full(len(observed), np.nan)
    radius = patch_nm / frame.voxel_size_nm
    reach = (FLANK_NM[1] + 1.0) / frame.voxel_size_nm
    profiles = sample_profiles(voxels, surface, observed, max(reach, 5.0), STEP_VOXELS)
    if not len(profiles.sites_zyx):
        return found
    centres = patch_centres(profiles.sites_zyx, 0.5 * radius)
    offsets_nm = profiles.offsets * frame.voxel_size_nm
    means = patch_average(profiles, centres, radius)
    measured = [_of_profile(mean, offsets_nm, frame.voxel_size_nm) for mean in means]
    values, resolved = np.array(measured).T
    known = np.isfinite(values)
    if known.any():  # the two definitions do not mix on one membrane
        values[resolved != (resolved[known].mean() >= 0.5)] = np.nan
    vertices = np.asarray(surface.vertices_zyx)[observed]
    away, nearest = cKDTree(profiles.sites_zyx[centres]).query(vertices)
    found[observed] = np.where(away <= radius, values[nearest], np.nan)
    return found


def _of_profile(mean: Float64, offsets_nm: Float64, voxel_nm: float) -> tuple[float, bool]:
    """Thickness in nm of a patch's mean profile (NaN without a clear dark band); if resolved."""
    unknown = (float("nan"), False)
    if not np.isfinite(mean).all():
        return unknown
    far = np.abs(offsets_nm)
    core = mean[far <= max(CORE_NM, 0.6 * voxel_nm)]
    flank = mean[far >= max(FLANK_NM[0], 1.5 * voxel_nm)]
    noise = float(flank.std())
    if float(flank.mean() - core.mean()) <= CLEAR * noise:
        return unknown
    return thickness(mean, offsets_nm, 0.0, noise) or unknown
