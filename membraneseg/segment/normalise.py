"""The one normalisation that training and prediction share."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from membraneseg.types import Float32

BACKGROUND_SIGMA_PX = 20.0
"""Width of the Gaussian that takes out the slow background, in pixels of the network's input."""
CLIP = 5.0
"""Densities beyond this many standard deviations (gold, ice) are cut off."""


def flatten_background(slices: Float32) -> Float32:
    """Subtract from every slice of a (C, H, W) stack its own slow background."""
    sigma = (0.0, BACKGROUND_SIGMA_PX, BACKGROUND_SIGMA_PX)
    return np.asarray(slices - ndimage.gaussian_filter(slices, sigma, truncate=3.0), np.float32)


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
    flat = flatten_background(slices)
    deviation = robust_deviation(flat)
    if deviation <= 0.0:
        return np.zeros_like(flat)
    return np.asarray(np.clip(flat / deviation, -CLIP, CLIP), dtype=np.float32)
