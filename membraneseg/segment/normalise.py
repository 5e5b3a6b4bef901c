"""The one normalisation that training and prediction share."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from membraneseg.types import Float32

BACKGROUND_SIGMA_PX = 20.0
"""Width of the Gaussian that takes out the slow background, in pixels of the network's input."""
SLICES_ALIKE = 6.0
"""Standard deviation in slices over which the deviation is smoothed along z."""
CLIP = 5.0
"""Densities beyond this many standard deviations (gold, ice) are cut off."""


def slow_background(plane: Float32) -> Float32:
    """Gaussian blur of an (H, W) slice, taken on a four times coarser grid: it is smooth."""
    height, width = plane.shape
    small = (max(width // 4, 1), max(height // 4, 1))
    coarse = cv2.resize(plane, small, interpolation=cv2.INTER_AREA)
    sigma = BACKGROUND_SIGMA_PX / 4
    blurred = cv2.GaussianBlur(coarse, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR))


def robust_deviation(flat: Float32) -> float:
    """Standard deviation without what lies beyond four deviations (gold beads, edges)."""
    deviation = float(flat.std())
    inner = flat[np.abs(flat) < 4.0 * deviation]
    return float(inner.std()) if inner.size else deviation


def normalise(slices: Float32) -> Float32:
    """Flat background, unit deviation, outliers cut.

    Parameters
    ----------
    slices : (C, H, W) float32
        A slab of adjacent slices.

    Returns
    -------
    (C, H, W) float32
        Mean about 0, deviation about 1, within ±CLIP; all zero for a constant slab.
    """
    flat = np.stack([flat_slice(one) for one in slices])
    deviation = robust_deviation(flat)
    if deviation <= 0.0:
        return np.zeros_like(flat)
    return np.asarray(np.clip(flat / deviation, -CLIP, CLIP), dtype=np.float32)


def flat_slice(plane: npt.NDArray[np.generic]) -> Float32:
    """One (H, W) slice without its slow background."""
    one = np.asarray(plane, dtype=np.float32)
    return one - slow_background(one)


def slice_deviations(flat: Iterable[Float32]) -> Float32:
    """Standard deviation about each slice of a volume.

    Parameters
    ----------
    flat : iterable of (Y, X) float32
        Slices without their slow background, in order of z.

    Returns
    -------
    (Z,) float32
        Positive; robust, and smoothed along z, as it changes slowly.
    """
    deviation = np.array([robust_deviation(plane) for plane in flat], dtype=np.float32)
    smooth = ndimage.gaussian_filter1d(deviation, SLICES_ALIKE)
    return np.asarray(np.maximum(smooth, 1e-12), dtype=np.float32)


def flat_slices(voxels: npt.NDArray[np.generic]) -> tuple[Float32, Float32]:
    """Take the slow background out of every slice of a volume, and measure what is left.

    Parameters
    ----------
    voxels : (Z, Y, X) array

    Returns
    -------
    flat : (Z, Y, X) float32
    deviation : (Z,) float32
        See `slice_deviations`.
    """
    flat = np.empty(voxels.shape, dtype=np.float32)
    for z, plane in enumerate(voxels):
        flat[z] = flat_slice(plane)
    return flat, slice_deviations(flat)


def context_rows(z: int, slices: int, context: int) -> list[int]:
    """Indices of the `context` slices around z; the ends repeat the last slice."""
    half = context // 2
    return [min(max(z + k, 0), slices - 1) for k in range(-half, half + 1)]


def unit_stack(flat: npt.NDArray[np.floating], deviation: float) -> Float32:
    """Flat slices (C, Y, X) in units of their deviation, outliers cut."""
    stack = flat.astype(np.float32) / np.float32(deviation)
    return np.asarray(np.clip(stack, -CLIP, CLIP), dtype=np.float32)


def context_stack(
    flat: npt.NDArray[np.floating], deviation: Float32, z: int, context: int
) -> Float32:
    """Normalised slices around z of a flat volume (Z, Y, X), as (C, Y, X) float32."""
    return unit_stack(flat[context_rows(z, len(flat), context)], float(deviation[z]))
