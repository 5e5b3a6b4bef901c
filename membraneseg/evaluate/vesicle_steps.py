"""Scores of vesicles after each step: voxels, counts, diameters and centres."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import center_of_mass, sum_labels

from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.evaluate.spheres import score_vesicles
from membraneseg.evaluate.vesicle_truth import VesicleTruth
from membraneseg.types import Bool, Float64
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, paint_balls

STEP_TITLES = {
    "probability": "probability",
    "threshold": "global threshold",
    "segments": "adaptive threshold",
    "spheres": "spheres",
    "refinement": "radial profile",
    "outliers": "outliers",
}
MEASURES = ("mask_dice", "f1", "diameter_error", "centre_error_nm")


@dataclass(frozen=True, eq=False)
class Found:
    """What a step found.

    Parameters
    ----------
    centres_zyx_A : (N, 3) float64
    radii_A, outer_radii_A : (N,) float64
    labels : (Z, Y, X) int, optional
        If missing, the spheres are painted up to their outer radius.
    """

    centres_zyx_A: Float64
    radii_A: Float64
    outer_radii_A: Float64
    labels: npt.NDArray[np.integer[Any]] | None = field(default=None)


@dataclass(frozen=True)
class StepScores:
    """One row of the table of steps.

    Parameters
    ----------
    true, predicted, found : int
    f1 : float
    mask_dice : float
        Of lumen and membrane; voxels of vesicles that the volume cuts count neither way.
    label_dice : float or None
        Mean over the true vesicles of the Dice of their own label; a missed one counts 0.
    diameter_error, centre_error_nm : float or None
        δ_d of the diameters to the middle of the membrane, and Δ_c, over the found ones.
    outer_radius_error_A : float or None
        Mean of found minus true outer radius.
    """

    true: int
    predicted: int
    found: int
    f1: float
    mask_dice: float
    label_dice: float | None
    diameter_error: float | None
    centre_error_nm: float | None
    outer_radius_error_A: float | None


def score_step(found: Found, truth: VesicleTruth) -> dict[str, Any]:
    """Score one step.

    Parameters
    ----------
    found : Found
    truth : VesicleTruth

    Returns
    -------
    dict
        Of `StepScores`, JSON-able.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169, equations 8 and 9, tables 1
    to 3 and figure 4.
    """
    voxel_A, origin = truth.place.voxel_size_A, truth.place.origin_zyx_A
    index = angstrom_to_index(found.centres_zyx_A, voxel_A, origin)
    labels = found.labels
    if labels is None:
        ids = np.arange(1, len(found.radii_A) + 1)
        labels = paint_balls(truth.labels.shape, ids, index, found.outer_radii_A / voxel_A)
    counted = ~_in_mask(truth.neutral, index)
    centres, radii = found.centres_zyx_A[counted], found.radii_A[counted]
    spheres = score_vesicles(centres, radii, truth.centres_zyx_A, truth.radii_A)
    scores = StepScores(
        spheres.true,
        spheres.predicted,
        spheres.found,
        spheres.f1,
        mask_dice(labels > 0, truth),
        _label_dice(labels, truth),
        spheres.diameter_error,
        spheres.centre_error_nm,
        _outer_error(centres, found.outer_radii_A[counted], truth),
    )
    return asdict(scores)


def mask_dice(predicted: npt.NDArray[Any], truth: VesicleTruth) -> float:
    """Dice of a mask, or of a probability (equation 8), leaving out what is neutral.

    Parameters
    ----------
    predicted : (Z, Y, X) bool or float
    truth : VesicleTruth

    Returns
    -------
    float
        0–1; nothing against nothing scores 1.
    """
    values = np.where(truth.neutral, 0.0, predicted).astype(np.float32)
    true = truth.labels > 0
    total = float(np.square(values, dtype=np.float64).sum()) + float(true.sum())
    return 1.0 if total == 0.0 else 2.0 * float(values[true].sum(dtype=np.float64)) / total


def found_in_labels(labels: npt.NDArray[np.integer[Any]], truth: VesicleTruth) -> Found:
    """Centroid, and radius of the ball of the same volume, of each label.

    Parameters
    ----------
    labels : (Z, Y, X) int
    truth : VesicleTruth

    Returns
    -------
    Found
        Labels reach to the outer face, so half a typical membrane less is the middle.
    """
    voxel_A = truth.place.voxel_size_A
    numbers = np.unique(labels)
    numbers = numbers[numbers > 0]
    if not len(numbers):
        return Found(np.empty((0, 3)), np.empty(0), np.empty(0), labels)
    volumes = np.asarray(sum_labels(np.ones_like(labels), labels, numbers), dtype=np.float64)
    centres = np.array(center_of_mass(np.ones_like(labels), labels, numbers)).reshape(-1, 3)
    outer_A = np.cbrt(3.0 * volumes / (4.0 * np.pi)) * voxel_A
    places = index_to_angstrom(centres, voxel_A, truth.place.origin_zyx_A)
    return Found(places, np.maximum(outer_A - HALF_MEMBRANE_A, voxel_A), outer_A, labels)


def _in_mask(mask: Bool, index: Float64) -> Bool:
    nearest = np.clip(np.rint(index).astype(int), 0, np.array(mask.shape) - 1)
    return np.asarray(mask[tuple(nearest.T)], dtype=np.bool_)


def _label_dice(labels: npt.NDArray[np.integer[Any]], truth: VesicleTruth) -> float | None:
    """Mean Dice of each true vesicle with the label that covers most of it."""
    if not len(truth.ids):
        return None
    true, own = truth.labels.ravel(), labels.ravel()
    both = np.flatnonzero((true > 0) & (own > 0))
    count = int(labels.max(initial=0)) + 1
    pairs, shared = np.unique(
        true[both].astype(np.int64) * count + own[both].astype(np.int64), return_counts=True
    )
    true_sizes = np.bincount(true)
    own_sizes = np.bincount(own[~truth.neutral.ravel()].astype(np.int64), minlength=count)
    best = dict.fromkeys(truth.ids.tolist(), 0.0)
    for pair, overlap in zip(pairs.tolist(), shared.tolist(), strict=True):
        vesicle, label = divmod(pair, count)
        dice = 2.0 * overlap / float(true_sizes[vesicle] + own_sizes[label])
        best[vesicle] = max(best.get(vesicle, 0.0), dice)
    return float(np.mean(list(best.values())))


def _outer_error(centres: Float64, outer_A: Float64, truth: VesicleTruth) -> float | None:
    """Mean error of the outer radius over true vesicles with a centre inside them."""
    if not len(centres) or not len(truth.ids):
        return None
    apart = np.linalg.norm(centres[:, None] - truth.centres_zyx_A[None], axis=2)
    nearest = apart.argmin(axis=0)
    hit = apart[nearest, np.arange(len(truth.ids))] < truth.radii_A
    if not hit.any():
        return None
    return float((outer_A[nearest] - truth.outer_radii_A)[hit].mean())
