"""Which predicted membrane is which true one, and how good the pairs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from membraneseg.evaluate.surfaces import (
    Distances,
    SurfaceSamples,
    distances_to,
    is_watertight,
    on_cap,
    volume_A3,
)
from membraneseg.types import Bool, Float64

LEAST_IOU = 0.5


@dataclass(frozen=True)
class Matching:
    """Pairs of membranes.

    Parameters
    ----------
    iou : (P, T) float64
        Surface IoU of each predicted with each true membrane.
    pairs : tuple of (predicted, true)
        Indices; no membrane twice, each IoU at least 0.5.
    distances : dict of (predicted, true) to (Distances, Distances)
        Of the pairs: predicted to true samples and true to predicted.
    """

    iou: Float64
    pairs: tuple[tuple[int, int], ...]
    distances: dict[tuple[int, int], tuple[Distances, Distances]]

    @property
    def found(self) -> int:
        """True membranes with a partner."""
        return len(self.pairs)

    @property
    def missed(self) -> int:
        """True membranes without a partner."""
        return int(self.iou.shape[1]) - len(self.pairs)

    @property
    def false(self) -> int:
        """Predicted membranes without a partner."""
        return int(self.iou.shape[0]) - len(self.pairs)


def mutual_distances(
    predicted: SurfaceSamples, true: SurfaceSamples, within_A: float = np.inf
) -> tuple[Distances, Distances]:
    """Distances of the predicted samples to the true surface, and of the true ones to it."""
    return distances_to(predicted, true, within_A), distances_to(true, predicted, within_A)


def surface_iou(
    predicted: SurfaceSamples,
    true: SurfaceSamples,
    distances: tuple[Distances, Distances],
    tolerance_A: float,
) -> float:
    """Area that two surfaces share over the area they cover together.

    Parameters
    ----------
    predicted, true : SurfaceSamples
    distances : (Distances, Distances)
        From `mutual_distances`.
    tolerance_A : float
        A piece of one within this distance of the other is shared.

    Returns
    -------
    float
        I / (A + B − I) with I the mean of both shared areas; 0 if one is empty.
    """
    if len(predicted.points_zyx_A) == 0 or len(true.points_zyx_A) == 0:
        return 0.0
    shared = 0.0
    for side, away in zip((predicted, true), distances, strict=True):
        shared += 0.5 * side.area_A2 * float((away.distance_A <= tolerance_A).mean())
    return shared / (predicted.area_A2 + true.area_A2 - shared)


def match(
    predicted: list[SurfaceSamples], true: list[SurfaceSamples], tolerance_A: float
) -> Matching:
    """Pair predicted with true membranes so that the summed IoU is largest (Hungarian method).

    Parameters
    ----------
    predicted, true : list of SurfaceSamples
    tolerance_A : float
        See `surface_iou`.

    Returns
    -------
    Matching
    """
    iou = np.zeros((len(predicted), len(true)))
    for i, j in _close_pairs(predicted, true, tolerance_A):
        near = mutual_distances(predicted[i], true[j], tolerance_A)
        iou[i, j] = surface_iou(predicted[i], true[j], near, tolerance_A)
    worth = np.where(iou >= LEAST_IOU, iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    pairs = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if worth[i, j] > 0]
    distances = {(i, j): mutual_distances(predicted[i], true[j]) for i, j in pairs}
    return Matching(iou, tuple(pairs), distances)


def panoptic_quality(matching: Matching) -> float:
    """Sum of the pairs' IoU over pairs plus half of the missed and false membranes.

    Returns
    -------
    float
        0–1; nothing against nothing scores 1, against something 0.

    References
    ----------
    Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963.
    """
    weight = matching.found + 0.5 * (matching.missed + matching.false)
    return 1.0 if weight == 0 else sum(float(matching.iou[p]) for p in matching.pairs) / weight


@dataclass(frozen=True)
class PairScores:
    """One predicted membrane against the true one; None where there is nothing to measure.

    Parameters
    ----------
    mean_distance_A, p95_distance_A : float
        Of the samples of both surfaces to the other one.
    cap_mean_distance_A, cap_p95_distance_A : float or None
        The same over the samples that lie in the missing wedge by their own normals.
    area_error, volume_error : float or None
        (predicted − true) / true; the volume only if both are watertight.
    within_2_sigma, cap_within_2_sigma : float or None
        Share of the true (cap) surface within 2σ of the predicted one.
    """

    mean_distance_A: float
    p95_distance_A: float
    cap_mean_distance_A: float | None
    cap_p95_distance_A: float | None
    area_error: float
    volume_error: float | None
    within_2_sigma: float | None
    cap_within_2_sigma: float | None


def score_pair(
    predicted: SurfaceSamples,
    true: SurfaceSamples,
    distances: tuple[Distances, Distances],
    tilt_range_deg: float,
) -> PairScores:
    """Compare a matched pair of membranes.

    Parameters
    ----------
    predicted, true : SurfaceSamples
        Neither empty.
    distances : (Distances, Distances)
        From `mutual_distances`.
    tilt_range_deg : float

    Returns
    -------
    PairScores
    """
    forward, backward = distances
    both = np.concatenate([forward.distance_A, backward.distance_A])
    true_cap = on_cap(true, tilt_range_deg)
    caps = both[np.concatenate([on_cap(predicted, tilt_range_deg), true_cap])]
    volumes = None
    if is_watertight(predicted.mesh) and is_watertight(true.mesh):
        volumes = (abs(volume_A3(predicted.mesh)), abs(volume_A3(true.mesh)))
    return PairScores(
        mean_distance_A=float(both.mean()),
        p95_distance_A=float(np.quantile(both, 0.95)),
        cap_mean_distance_A=float(caps.mean()) if len(caps) else None,
        cap_p95_distance_A=float(np.quantile(caps, 0.95)) if len(caps) else None,
        area_error=predicted.area_A2 / true.area_A2 - 1.0,
        volume_error=volumes[0] / volumes[1] - 1.0 if volumes else None,
        within_2_sigma=share_within_2_sigma(backward, predicted, np.ones_like(true_cap)),
        cap_within_2_sigma=share_within_2_sigma(backward, predicted, true_cap),
    )


def share_within_2_sigma(
    distances: Distances, predicted: SurfaceSamples, chosen: Bool
) -> float | None:
    """Share of true samples that lie within twice the standard deviation that was claimed there.

    Parameters
    ----------
    distances : Distances
        Of the true samples to the predicted surface.
    predicted : SurfaceSamples
    chosen : (S,) bool
        The true samples that count.

    Returns
    -------
    float or None
        None if none is chosen or if the mesh claims no uncertainty (all sigma_A are 0).
    """
    sigma_A = predicted.mesh.sigma_A
    if not chosen.any() or not (sigma_A > 0).any():
        return None
    claimed = sigma_A[distances.vertex[chosen]]
    return float((distances.distance_A[chosen] <= 2.0 * claimed).mean())


def _close_pairs(
    predicted: list[SurfaceSamples], true: list[SurfaceSamples], tolerance_A: float
) -> list[tuple[int, int]]:
    """Indices of the pairs whose boxes come within the tolerance of each other."""
    ours, theirs = (np.array([_box(one) for one in side]) for side in (predicted, true))
    if len(ours) == 0 or len(theirs) == 0:
        return []
    above = ours[:, None, 0] - tolerance_A <= theirs[None, :, 1]
    below = theirs[None, :, 0] - tolerance_A <= ours[:, None, 1]
    return [(int(i), int(j)) for i, j in np.argwhere((above & below).all(axis=2))]


def _box(samples: SurfaceSamples) -> Float64:
    """Lowest and highest corner (2, 3); of nothing, one that touches nothing."""
    points = samples.points_zyx_A
    if len(points) == 0:
        return np.array([[np.inf] * 3, [-np.inf] * 3])
    return np.stack([points.min(axis=0), points.max(axis=0)])
