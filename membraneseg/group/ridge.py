"""Ridges of a probability slice: which pixels belong to them, and where their crest lies."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import skeletonize

from membraneseg.types import Bool, Float32, Float64

BORDER_PX = 2
"""Width of the rim in which nothing is traced: the ridge of a cut membrane runs along it."""


def ridge_strength(plane: Float32, sigma_px: float) -> Float32:
    """How strongly each pixel lies on a bright line: minus the lowest curvature, at least 0.

    Parameters
    ----------
    plane : (Y, X) float32
        Probability of one slice.
    sigma_px : float
        Scale of the Gaussian derivatives in voxels.

    Returns
    -------
    (Y, X) float32
        −λ · σ² with λ the smaller eigenvalue of the Hessian; 0 where that is positive.
    """
    yy = ndimage.gaussian_filter(plane, sigma_px, order=(2, 0))
    xx = ndimage.gaussian_filter(plane, sigma_px, order=(0, 2))
    yx = ndimage.gaussian_filter(plane, sigma_px, order=(1, 1))
    lowest = 0.5 * (yy + xx) - np.sqrt(0.25 * (yy - xx) ** 2 + yx**2)
    return np.asarray(np.maximum(-lowest, 0.0) * sigma_px**2, dtype=np.float32)


def ridge_skeleton(
    plane: Float32, low: float, high: float, sigma_px: float, min_strength: float
) -> Bool:
    """One-pixel-wide lines along the ridges of a slice.

    Pixels above `low` that hang together with one above `high`, and whose ridge strength is at
    least `min_strength` (this parts two membranes that lie side by side), are thinned.

    Parameters
    ----------
    plane : (Y, X) float32
        Smoothed probability of one slice.
    low, high : float
        Hysteresis thresholds.
    sigma_px : float
        Scale of the ridge filter in voxels.
    min_strength : float
        Least ridge strength.

    Returns
    -------
    (Y, X) bool
    """
    mask = apply_hysteresis_threshold(plane, low, high)
    if not mask.any():
        return np.zeros(plane.shape, dtype=bool)
    mask &= ridge_strength(plane, sigma_px) > min_strength
    mask[:BORDER_PX] = mask[-BORDER_PX:] = False
    mask[:, :BORDER_PX] = mask[:, -BORDER_PX:] = False
    return np.asarray(skeletonize(mask), dtype=bool)


def curve_normals(curve_yx: Float64, reach: int, closed: bool) -> Float64:
    """Return unit normals (N, 2) of a curve, from chords over `reach` points to either side."""
    count = len(curve_yx)
    index = np.arange(count)
    if closed:
        chord = curve_yx[(index + reach) % count] - curve_yx[(index - reach) % count]
    else:
        chord = curve_yx[np.minimum(index + reach, count - 1)]
        chord = chord - curve_yx[np.maximum(index - reach, 0)]
    length = np.maximum(np.linalg.norm(chord, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.stack([-chord[:, 1], chord[:, 0]], axis=1) / length)


def move_to_crest(
    plane: Float32, curve_yx: Float64, closed: bool, reach_px: float = 1.5
) -> Float64:
    """Move each point of a curve across it onto the crest of the probability.

    The shift is the centroid of the probability above its lowest value on the section, over
    ±`reach_px`, then smoothed along the curve, so that a noisy pixel does not make a kink.

    Parameters
    ----------
    plane : (Y, X) float32
        Smoothed probability of one slice.
    curve_yx : (N, 2) float64
        Points in order, in voxels.
    closed : bool
        Whether the curve returns to its start.
    reach_px : float
        Half the length of the section across the curve.

    Returns
    -------
    (N, 2) float64
    """
    mode = "wrap" if closed else "nearest"
    smooth = ndimage.gaussian_filter1d(curve_yx, 1.0, axis=0, mode=mode)
    offsets = np.linspace(-reach_px, reach_px, 7)
    for _ in range(2):
        normals = curve_normals(smooth, 3, closed)
        sections = smooth[:, None, :] + offsets[None, :, None] * normals[:, None, :]  # (N, 7, 2)
        values = ndimage.map_coordinates(
            plane, sections.reshape(-1, 2).T, order=1, mode="nearest"
        ).reshape(len(smooth), -1)
        weight = (values - values.min(axis=1, keepdims=True)) ** 2 + 1e-6
        shift = (weight * offsets).sum(axis=1) / weight.sum(axis=1)
        shift = ndimage.gaussian_filter1d(shift, 1.5, mode=mode)
        smooth = smooth + shift[:, None] * normals
    return np.asarray(smooth)
