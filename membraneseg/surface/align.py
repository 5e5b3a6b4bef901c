"""Where each patch of a membrane lies against the surface, by cross-correlation of profiles."""

from __future__ import annotations

import numpy as np
from scipy.linalg import toeplitz
from scipy.spatial import cKDTree

from membraneseg.surface.profile import (
    CORE_NM,
    Profiles,
    band_contrast,
    dark_centre,
    patch_average,
    patch_centres,
    weighted_mean,
)
from membraneseg.types import Float64

LEAST_PATCHES = 3
PATCH_Z = 3.0
"""Patches grow until the membrane is about this many standard errors dark in each."""


def patch_radius_nm(
    profiles: Profiles, voxel_size_nm: float, least_nm: float, doubtful_z: float
) -> float:
    """Radius of patches large enough for the membrane to stand out of the noise in each.

    Parameters
    ----------
    profiles : Profiles
    voxel_size_nm : float
    least_nm : float
        The smallest radius wanted.
    doubtful_z : float
        Standard errors of darkness below which the membrane itself is doubtful.

    Returns
    -------
    float
        At least `least_nm`; infinite (one patch) where the whole membrane is needed, and 0
        (do not move) where even the whole is doubtful.
    """
    _, z_score = band_contrast(profiles, voxel_size_nm, least_nm)
    if z_score < doubtful_z:
        return 0.0
    # A Gaussian patch weighs as much as a disc of half its area: z grows with the root of area.
    area_nm2 = float(profiles.areas.sum()) * voxel_size_nm**2
    needed_nm = PATCH_Z / z_score * np.sqrt(2.0 * area_nm2 / np.pi)
    if needed_nm > 0.5 * np.sqrt(area_nm2):
        return float("inf")
    return max(least_nm, float(needed_nm))


def point_shifts(
    profiles: Profiles, points_px: Float64, voxel_size_nm: float, patch_nm: float, largest: float
) -> Float64:
    """How far each point should move along the outward normal.

    Parameters
    ----------
    profiles : Profiles
    points_px : (P, 3) float64
    voxel_size_nm : float
    patch_nm : float
        Radius of the patches; infinite: the whole membrane moves alike; 0: nothing moves.
    largest : float
        Bound of a shift, in voxels.

    Returns
    -------
    (P,) float64
        In voxels, within ± `largest`; 0 where no patch is near.
    """
    if len(profiles.sites_zyx) == 0 or len(points_px) == 0 or patch_nm <= 0:
        return np.zeros(len(points_px))
    if np.isinf(patch_nm):
        mean = weighted_mean(profiles.density, profiles.areas)
        half_width = CORE_NM / voxel_size_nm + 0.5
        centre = dark_centre(mean, profiles.offsets, half_width, largest)
        return np.full(len(points_px), centre)
    radius = max(patch_nm / voxel_size_nm, 2.0)
    centres = patch_centres(profiles.sites_zyx, 0.5 * radius)
    patches = patch_average(profiles, centres, radius)
    usable = np.isfinite(patches).all(axis=1)
    if int(usable.sum()) < LEAST_PATCHES:
        return np.zeros(len(points_px))
    patches, places = patches[usable], profiles.sites_zyx[centres[usable]]
    shifts, trust, centre = align(patches, profiles.offsets, voxel_size_nm, largest)
    shifts = shifts * reliability(patches, profiles.offsets, shifts)
    return spread_to_points(points_px, places, (shifts, trust), radius, (centre, largest))


def spread_to_points(
    points_px: Float64,
    places: Float64,
    patches: tuple[Float64, Float64],
    radius: float,
    common: tuple[float, float],
) -> Float64:
    """Give every point the mean shift of the patches about it.

    Parameters
    ----------
    points_px : (P, 3) float64
    places : (Q, 3) float64
        Centres of the patches.
    patches : ((Q,), (Q,)) float64
        Their shifts and how far these are trusted.
    radius : float
        Of the patches, in voxels.
    common : (float, float)
        What is added everywhere, and the bound of the sum.

    Returns
    -------
    (P,) float64
        0 for points farther than 1.5 radii from every patch.
    """
    shifts, trust = patches
    centre, largest = common
    count = min(8, len(places))
    distance, nearest = cKDTree(places).query(points_px, k=np.arange(1, count + 1))
    weight = np.exp(-2.0 * (distance / radius) ** 2)
    summed = (weight * (trust * shifts)[nearest]).sum(axis=1)
    local = summed / np.maximum((weight * trust[nearest]).sum(axis=1), 1e-12)
    local = np.where(distance[:, 0] <= 1.5 * radius, local + centre, 0.0)
    return np.asarray(np.clip(local, -largest, largest))


def align(
    patches: Float64, offsets: Float64, voxel_size_nm: float, largest: float
) -> tuple[Float64, Float64, float]:
    """Align patch profiles with their mean by cross-correlation.

    Parameters
    ----------
    patches : (P, K) float64
    offsets : (K,) float64
        In voxels.
    voxel_size_nm : float
    largest : float
        Bound of a shift, in voxels.

    Returns
    -------
    shifts : (P,) float64
        Voxels by which each patch's membrane lies outside the mean's; sub-voxel by a parabola.
    trust : (P,) float64
        Squared positive correlation at the best shift, 0 to 1.
    centre : float
        Voxels by which the middle of the aligned mean profile lies outside the surface.
    """
    template = patches.mean(axis=0)
    shifts, trust = np.zeros(len(patches)), np.ones(len(patches))
    for _ in range(2):
        shifts, trust = _correlate(patches, template, offsets, largest)
        shifts = shifts - (trust * shifts).sum() / max(float(trust.sum()), 1e-12)
        template = aligned_mean(patches, offsets, shifts, trust)
    centre = dark_centre(template, offsets, CORE_NM / voxel_size_nm + 0.5, largest)
    return shifts, trust, centre


def _correlate(
    patches: Float64, template: Float64, offsets: Float64, largest: float
) -> tuple[Float64, Float64]:
    step = offsets[1] - offsets[0]
    lags = round(float(largest / step))
    inner = slice(lags, len(offsets) - lags)
    taper = np.cos(0.5 * np.pi * offsets[inner] / (offsets[inner][-1] + step)) ** 2
    taper = taper / taper.sum()
    reference = template[inner] - (taper * template[inner]).sum()
    reference = reference / max(float(np.sqrt((taper * reference**2).sum())), 1e-12)
    table = np.empty((len(patches), 2 * lags + 1))
    for column, lag in enumerate(range(-lags, lags + 1)):
        piece = patches[:, lags + lag : len(offsets) - lags + lag]
        piece = piece - (piece @ taper)[:, None]
        spread = np.sqrt((piece**2) @ taper)
        table[:, column] = (piece @ (taper * reference)) / np.maximum(spread, 1e-12)
    best = np.argmax(table, axis=1)
    rows = np.arange(len(patches))
    middle = np.clip(best, 1, 2 * lags - 1)
    left, here, right = (table[rows, middle + k] for k in (-1, 0, 1))
    bend = left - 2.0 * here + right
    safe = np.where(bend < 0, bend, -1.0)
    peak = np.where((bend < 0) & (best == middle), 0.5 * (left - right) / safe, best - middle)
    shifts = (middle - lags + np.clip(peak, -1.0, 1.0)) * step
    return shifts, np.clip(table[rows, best], 0.0, 1.0) ** 2


def reliability(patches: Float64, offsets: Float64, shifts: Float64) -> float:
    """Share (0–1) of the scatter of the shifts that is not explained by the tomogram's noise.

    Parameters
    ----------
    patches : (P, K) float64
    offsets : (K,) float64
    shifts : (P,) float64
        Best shift of each patch against the mean, in the unit of the offsets.

    Returns
    -------
    float
        τ² / (τ² + σ²), the factor that shrinks a noisy shift to its best estimate.

    Notes
    -----
    A patch's shift errs by Σ t′e / Σ t′², with the slope t′ of the mean profile and the noise e;
    its variance σ² follows from the autocovariance of the residuals along the normal. τ² is what
    the shifts scatter beyond that.
    """
    template = aligned_mean(patches, offsets, shifts, np.ones(len(patches)))
    slope = np.gradient(template, offsets)
    slope_power = float((slope**2).sum())
    if slope_power <= 0 or len(patches) < 2:
        return 0.0
    positions = offsets[None, :] + shifts[:, None]
    rows = np.array([np.interp(p, offsets, q) for p, q in zip(positions, patches, strict=True)])
    residual = rows - template
    residual = residual - residual.mean(axis=1, keepdims=True)
    count = len(offsets)
    spectrum = np.abs(np.fft.rfft(residual, 2 * count, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum.mean(axis=0))[:count] / (count - np.arange(count))
    covariance[count // 2 :] = 0.0  # the long lags are estimated from few pairs
    noise = float(slope @ toeplitz(covariance) @ slope) / slope_power**2
    scatter = float(shifts.var())
    return float(np.clip(1.0 - noise / scatter, 0.0, 1.0)) if scatter > 0 else 0.0


def aligned_mean(patches: Float64, offsets: Float64, shifts: Float64, weights: Float64) -> Float64:
    """Mean (K,) of (P, K) profiles after each was moved back by its shift."""
    moved = [
        np.interp(offsets + shift, offsets, patch)
        for patch, shift in zip(patches, shifts, strict=True)
    ]
    if not weights.any():
        weights = np.ones(len(patches))
    return np.asarray(np.average(np.array(moved), axis=0, weights=weights))
