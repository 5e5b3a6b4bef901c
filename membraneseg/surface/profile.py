"""Density across a membrane: profiles along normals, their mean, centre, thickness, contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, map_coordinates
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from membraneseg.surface.implicit import Surface
from membraneseg.surface.window import VoxelWindow
from membraneseg.types import Bool, Float64, Int64

CORE_NM = 2.8
"""Half width of a bilayer with its head groups: what is dark."""
FLANK_NM = (4.5, 9.0)
"""Distances from the middle where the surroundings are taken."""


@dataclass(frozen=True)
class Profiles:
    """The tomogram along the normals of one membrane.

    Parameters
    ----------
    sites_zyx : (S, 3) float64
        Places on the surface, in voxels.
    normals_zyx : (S, 3) float64
        Unit, outward.
    areas : (S,) float64
        Area that each site stands for, in voxels².
    offsets : (K,) float64
        Distances from the surface, in voxels, outward positive, equally spaced about 0.
    density : (S, K) float64
        Tomogram there; NaN outside the volume.
    """

    sites_zyx: Float64
    normals_zyx: Float64
    areas: Float64
    offsets: Float64
    density: Float64


def sample_profiles(
    voxels: npt.NDArray[np.generic] | VoxelWindow,
    surface: Surface,
    observed: Bool,
    reach: float,
    step: float,
) -> Profiles:
    """Sample the tomogram along the normals at the observed faces.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        May be a memory map: only the bounding box of the surface is read.
    surface : Surface
    observed : (V,) bool
        Faces with at least two observed vertices are sampled, each at its centroid.
    reach, step : float
        Largest distance from the surface and spacing along the normal, in voxels.

    Returns
    -------
    Profiles
    """
    vertices = np.asarray(surface.vertices_zyx, dtype=np.float64)
    faces = np.asarray(surface.faces, dtype=np.int64)
    faces = faces[observed[faces].sum(axis=1) >= 2]
    corners = vertices[faces]
    sites = corners.mean(axis=1)
    spanned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = 0.5 * np.linalg.norm(spanned, axis=1)
    normals = unit(surface.gradient(sites)) if len(sites) else np.zeros((0, 3))
    half = int(np.floor(reach / step))
    offsets = np.asarray(step * np.arange(-half, half + 1), dtype=np.float64)
    positions = sites[:, None, :] + offsets[None, :, None] * normals[:, None, :]
    return Profiles(sites, normals, areas, offsets, _interpolated(voxels, positions))


def _interpolated(voxels: npt.NDArray[np.generic] | VoxelWindow, positions: Float64) -> Float64:
    """Linear interpolation at (S, K, 3) positions in voxels; NaN outside the volume."""
    if positions.size == 0:
        return np.zeros(positions.shape[:2])
    flat = positions.reshape(-1, 3)
    top = np.asarray(voxels.shape)
    low = np.clip(np.floor(flat.min(axis=0)).astype(int) - 1, 0, top - 1)
    high = np.clip(np.ceil(flat.max(axis=0)).astype(int) + 2, low + 1, top)
    crop = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float64)
    values = map_coordinates(crop, (flat - low).T, order=1, mode="constant", cval=np.nan)
    return np.asarray(values.reshape(positions.shape[:2]), dtype=np.float64)


def unit(vectors: Float64) -> Float64:
    """Return (N, 3) vectors at length one; null vectors stay null."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float64)


def weighted_mean(density: Float64, weights: Float64) -> Float64:
    """Mean over the first axis of (S, K), weighted by (S,), where finite; NaN where nothing is."""
    known = np.isfinite(density)
    total = weights @ known
    summed = weights @ np.where(known, density, 0.0)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


def patch_centres(sites: Float64, spacing: float) -> Int64:
    """Index (P,) of one site per cubic cell of edge `spacing`: the one nearest its cell's mean."""
    cells = np.floor(sites / spacing).astype(np.int64)
    _, cell_of_site = np.unique(cells, axis=0, return_inverse=True)
    cell_of_site = np.asarray(cell_of_site).reshape(-1)
    counts = np.bincount(cell_of_site)
    means = np.stack([np.bincount(cell_of_site, sites[:, k]) / counts for k in range(3)], axis=1)
    distance = np.linalg.norm(sites - means[cell_of_site], axis=1)
    order = np.lexsort((distance, cell_of_site))
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.asarray(order[first], dtype=np.int64)


def patch_average(profiles: Profiles, centres: Int64, radius: float) -> Float64:
    """Average the profiles over patches.

    Parameters
    ----------
    profiles : Profiles
    centres : (P,) int64
        Sites at the centres of the patches.
    radius : float
        Two standard deviations of the Gaussian weight, in voxels; nothing farther counts.

    Returns
    -------
    (P, K) float64
        Sites whose normal differs by more than 60° belong to another sheet and do not count.
    """
    tree = cKDTree(profiles.sites_zyx)
    found = tree.query_ball_point(profiles.sites_zyx[centres], radius)
    rows = np.repeat(np.arange(len(centres)), [len(f) for f in found])
    columns = np.concatenate([np.asarray(f, dtype=np.int64) for f in found])
    distance = np.linalg.norm(
        profiles.sites_zyx[columns] - profiles.sites_zyx[centres[rows]], axis=1
    )
    agreement = (profiles.normals_zyx[columns] * profiles.normals_zyx[centres[rows]]).sum(axis=1)
    weight = np.exp(-2.0 * (distance / radius) ** 2) * profiles.areas[columns]
    weight[agreement < 0.5] = 0.0
    shape = (len(centres), len(profiles.sites_zyx))
    matrix = csr_array((weight, (rows, columns)), shape=shape)
    known = np.isfinite(profiles.density)
    total = matrix @ known.astype(np.float64)
    summed = matrix @ np.where(known, profiles.density, 0.0)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


def band_contrast(profiles: Profiles, voxel_size_nm: float, patch_nm: float) -> tuple[float, float]:
    """How dark the membrane is against its surroundings, and how certain that is.

    Parameters
    ----------
    profiles : Profiles
    voxel_size_nm : float
    patch_nm : float
        Edge of the disjoint patches whose scatter gives the error; longer than the noise's
        correlation.

    Returns
    -------
    depth : float
        Mean of the flanks minus mean of the core, in units of the tomogram.
    z_score : float
        Depth over its standard error; 0 when fewer than three patches are known.
    """
    offsets_nm = np.abs(profiles.offsets) * voxel_size_nm
    core = offsets_nm <= max(CORE_NM, 0.6 * voxel_size_nm)
    flank = (offsets_nm >= max(FLANK_NM[0], 1.5 * voxel_size_nm)) & (
        offsets_nm <= max(FLANK_NM[1], 3.0 * voxel_size_nm)
    )
    known = np.isfinite(profiles.density[:, core | flank]).all(axis=1)
    if not known.any():
        return 0.0, 0.0
    density = profiles.density[known]
    per_site = density[:, flank].mean(axis=1) - density[:, core].mean(axis=1)
    cells = np.floor(profiles.sites_zyx[known] * voxel_size_nm / patch_nm).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    areas = np.bincount(np.asarray(cell).reshape(-1), profiles.areas[known])
    sums = np.bincount(np.asarray(cell).reshape(-1), profiles.areas[known] * per_site)
    depth = float(sums.sum() / areas.sum())
    if len(areas) < 3:
        return depth, 0.0
    deviation = sums - depth * areas
    error = float(np.sqrt((deviation**2).sum() * len(areas) / (len(areas) - 1)) / areas.sum())
    return depth, depth / error if error > 0 else 0.0


def sharpness(profiles: Profiles, voxel_size_nm: float) -> float:
    """Root mean square of the mean profile within 6 nm about its own mean: higher when aligned."""
    mean = weighted_mean(profiles.density, profiles.areas)
    near = mean[np.abs(profiles.offsets) * voxel_size_nm <= max(6.0, 2.0 * voxel_size_nm)]
    near = near[np.isfinite(near)]
    return float(near.std()) if len(near) else 0.0


def dark_centre(mean: Float64, offsets: Float64, half_width: float, bound: float) -> float:
    """Middle of the dark band of a mean profile.

    Parameters
    ----------
    mean : (K,) float64
        Mean profile.
    offsets : (K,) float64
        In voxels.
    half_width : float
        Half width of the window about the centre, in voxels.
    bound : float
        The centre is sought within ± this, in voxels.

    Returns
    -------
    float
        Centroid of the darkness (window maximum minus profile), iterated until the window sits
        on it; two equal leaflets give their midpoint. 0 where nothing is dark.
    """
    smooth = gaussian_filter1d(mean, 0.5 * half_width / (offsets[1] - offsets[0]), mode="nearest")
    allowed = np.abs(offsets) <= bound
    centre = float(offsets[allowed][np.argmin(smooth[allowed])])
    for _ in range(50):
        window = np.clip(1.5 - np.abs(offsets - centre) / half_width, 0.0, 1.0)
        inside = window > 0
        darkness = window * (mean[inside].max() - mean)
        if darkness.sum() <= 0:
            return 0.0
        moved = float(np.clip((darkness * offsets).sum() / darkness.sum(), -bound, bound))
        if abs(moved - centre) < 1e-4:
            break
        centre = moved
    return centre


def thickness(
    mean: Float64, offsets: Float64, centre: float, noise: float
) -> tuple[float, bool] | None:
    """Thickness of the dark band of a mean profile, in the unit of the offsets.

    Parameters
    ----------
    mean : (K,) float64
    offsets : (K,) float64
    centre : float
        Middle of the band.
    noise : float
        Standard error of the mean profile; a hump between leaflets lower than twice this is none.

    Returns
    -------
    thickness : float
        Distance between the minima of the two leaflets if they are resolved, otherwise between
        the inflections on the two flanks of the one minimum.
    resolved : bool
    None
        When there is no dark band.
    """
    fine = np.linspace(offsets[0], offsets[-1], 8 * (len(offsets) - 1) + 1)
    curve = gaussian_filter1d(np.interp(fine, offsets, mean), 4.0, mode="nearest")
    minima = np.flatnonzero((curve[1:-1] < curve[:-2]) & (curve[1:-1] <= curve[2:])) + 1
    left, right = minima[fine[minima] < centre], minima[fine[minima] >= centre]
    if len(left) and len(right):
        inner, outer = int(left[-1]), int(right[0])
        hump = curve[inner:outer].max() - max(curve[inner], curve[outer])
        depth = np.median(curve) - max(curve[inner], curve[outer])
        if hump > 2.0 * noise and depth > 2.0 * noise:
            return float(fine[outer] - fine[inner]), True
    if len(minima) == 0:
        return None
    lowest = int(minima[np.argmin(np.abs(fine[minima] - centre))])
    slope = np.gradient(np.gradient(curve))
    below = np.flatnonzero(slope[:lowest] <= 0)
    above = np.flatnonzero(slope[lowest:] <= 0)
    if len(below) == 0 or len(above) == 0:
        return None
    return float(fine[lowest + above[0]] - fine[below[-1]]), False
