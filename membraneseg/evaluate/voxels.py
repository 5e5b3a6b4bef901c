"""Scores of labelled voxels against labelled voxels.

Nothing against nothing scores 1; nothing against something scores 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree
from sklearn.metrics import adjusted_rand_score

from membraneseg.types import Bool, Float64

Voxels = npt.NDArray[Any]


def dice(predicted: Voxels, true: Voxels) -> float:
    """Twice the overlap over the sum of both.

    Parameters
    ----------
    predicted, true : arrays of one shape
        Anything above 0 counts.

    Returns
    -------
    float
        0–1; two empty masks score 1.
    """
    first, second = np.asarray(predicted) > 0, np.asarray(true) > 0
    total = int(first.sum()) + int(second.sum())
    return 1.0 if total == 0 else 2.0 * int((first & second).sum()) / total


def slice_dice(predicted: Voxels, true: Voxels) -> Float64:
    """Dice of every z slice; NaN in slices where both are empty.

    Parameters
    ----------
    predicted, true : (Z, Y, X) arrays

    Returns
    -------
    (Z,) float64

    References
    ----------
    Zhou et al. 2023, figure 21.
    """
    scores = np.full(len(true), np.nan)
    for index, (first, second) in enumerate(zip(predicted, true, strict=True)):
        if (first > 0).any() or (second > 0).any():
            scores[index] = dice(first, second)
    return scores


def mean_slice_dice(predicted: Voxels, true: Voxels) -> float:
    """Mean of `slice_dice` over the slices where there is anything; 1 if there is nothing."""
    scores = slice_dice(predicted, true)
    return 1.0 if np.isnan(scores).all() else float(np.nanmean(scores))


def surface_dice_of_shells(
    predicted: Voxels, true: Voxels, tolerances_px: tuple[float, ...]
) -> tuple[float, ...]:
    """Share of the boundary voxels of both masks that lie near the other mask's boundary.

    Parameters
    ----------
    predicted, true : (Z, Y, X) arrays
        Anything above 0 counts.
    tolerances_px : tuple of float
        Largest distance between voxel centres that counts as near.

    Returns
    -------
    tuple of float, one per tolerance
        (near voxels of one + near voxels of the other) / (voxels of both). Two empty masks
        score 1, one empty mask 0.
    """
    first, second = boundary(predicted), boundary(true)
    total = int(first.sum()) + int(second.sum())
    if total == 0:
        return (1.0,) * len(tolerances_px)
    if not first.any() or not second.any():
        return (0.0,) * len(tolerances_px)
    ours, theirs = np.argwhere(first), np.argwhere(second)
    farthest = max(tolerances_px) + 1.0
    apart_px = np.concatenate(
        [
            cKDTree(theirs).query(ours, distance_upper_bound=farthest)[0],
            cKDTree(ours).query(theirs, distance_upper_bound=farthest)[0],
        ]
    )
    return tuple(float((apart_px <= tolerance).mean()) for tolerance in tolerances_px)


def boundary(mask: Voxels) -> Bool:
    """Voxels of a mask that touch the outside by a face; the edge of the volume is no outside."""
    solid = np.asarray(mask) > 0
    return np.asarray(solid & ~binary_erosion(solid, border_value=1), dtype=np.bool_)


def adjusted_rand_index(predicted: Voxels, true: Voxels) -> float:
    """Agreement of two groupings, on the voxels that both call membrane.

    Parameters
    ----------
    predicted, true : arrays of int
        Instance labels; 0 is no membrane.

    Returns
    -------
    float
        1 for the same grouping under any labels, about 0 for a random one. It says nothing of
        membranes that were missed or invented: `dice` does. Two empty volumes score 1, volumes
        without any common voxel 0.
    """
    first, second = np.asarray(predicted), np.asarray(true)
    common = (first > 0) & (second > 0)
    if not common.any():
        return 1.0 if not (first > 0).any() and not (second > 0).any() else 0.0
    return float(adjusted_rand_score(second[common], first[common]))
