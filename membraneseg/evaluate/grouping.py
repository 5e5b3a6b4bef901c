"""Scores of a grouping: points with the number of their group against true membranes in voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.evaluate.voxels import Voxels, adjusted_rand_index
from membraneseg.types import Bool, Float64, Int64

REACH_PX = 2.5
"""A group's points stand for the membrane voxels within this distance."""
LEAST_SHARE = 0.8
"""A membrane is found by a group that is as pure and as complete as this."""
LEAST_VOXELS = 300
"""Membranes of which fewer voxels can be seen are not counted."""


@dataclass(frozen=True)
class GroupScores:
    """How well groups agree with true membranes.

    Parameters
    ----------
    true, found, groups, false : int
        Membranes that can be seen, those of them with a pure and complete group of their own, all
        groups, and groups of which most points lie on no membrane at all.
    adjusted_rand_index : float
        Over the visible membrane voxels that a group reaches.
    split_bits, merge_bits : float
        Variation of information over the same voxels; see `variation_of_information`.
    covered : float
        Share of the visible membrane voxels that a group reaches.
    """

    true: int
    found: int
    groups: int
    false: int
    adjusted_rand_index: float
    split_bits: float
    merge_bits: float
    covered: float


def score_groups(
    points_px: Float64, labels: Int64, instances: Voxels, visible: Bool
) -> GroupScores:
    """Compare groups of points with true membranes.

    Parameters
    ----------
    points_px : (N, 3) float64
        Points or voxels of all groups, zyx.
    labels : (N,) int64
        Group of each point, 1 or more.
    instances : (Z, Y, X) array of int
        True membrane of each voxel, 0 for none.
    visible : (Z, Y, X) bool
        Membrane voxels that can be seen.

    Returns
    -------
    GroupScores

    Notes
    -----
    Each visible membrane voxel takes the group of the nearest point within `REACH_PX`; each point
    the membrane (visible or not) of the nearest voxel within it. Purity is the share of a group's
    points on its membrane, completeness the share of the membrane's visible voxels in the group.
    """
    counts = np.bincount(instances[visible & (instances > 0)].astype(np.int64))
    seen = visible & (instances > 0) & (counts[instances] >= LEAST_VOXELS)
    reached = _nearest(points_px, labels, np.argwhere(seen))
    membrane = instances[seen].astype(np.int64)
    home = _nearest(np.argwhere(instances > 0), instances[instances > 0], points_px)
    wide = (int(labels.max(initial=0)) + 1, int(instances.max(initial=0)) + 1)
    purity = _shares(np.ravel_multi_index((labels, home), wide), wide, axis=1)
    complete = _shares(np.ravel_multi_index((reached, membrane), wide), wide, axis=0)
    good = (purity >= LEAST_SHARE) & (complete >= LEAST_SHARE)
    split, merge = variation_of_information(reached, membrane)
    present = np.unique(labels)
    return GroupScores(
        true=int((counts >= LEAST_VOXELS).sum()),
        found=int(good[1:, 1:].any(axis=0).sum()),
        groups=len(present),
        false=int((purity[present, 0] > 0.5).sum()),
        adjusted_rand_index=adjusted_rand_index(reached, membrane),
        split_bits=split,
        merge_bits=merge,
        covered=float((reached > 0).mean()) if len(reached) else 1.0,
    )


def variation_of_information(predicted: Voxels, true: Voxels) -> tuple[float, float]:
    """Split and merge errors of a grouping, on the elements that both call something.

    Parameters
    ----------
    predicted, true : arrays of int of one shape
        Labels; 0 is nothing.

    Returns
    -------
    (float, float)
        H(predicted | true), by which true membranes are split, and H(true | predicted), by which
        they are merged, in bits; 0 and 0 for equal groupings.

    References
    ----------
    Meilă 2007, doi:10.1016/j.jmva.2006.11.013.
    """
    first, second = np.asarray(predicted), np.asarray(true)
    common = (first > 0) & (second > 0)
    if not common.any():
        return 0.0, 0.0
    _, pairs = np.unique(np.stack([first[common], second[common]]), axis=1, return_counts=True)
    joint = _entropy_bits(pairs)
    of_first = _entropy_bits(np.unique(first[common], return_counts=True)[1])
    of_second = _entropy_bits(np.unique(second[common], return_counts=True)[1])
    return max(joint - of_second, 0.0), max(joint - of_first, 0.0)


def _entropy_bits(counts: Int64) -> float:
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _nearest(places: Float64 | Int64, labels: Int64, asked: Float64 | Int64) -> Int64:
    """Label of the nearest place within `REACH_PX` of each point asked for; 0 where none is."""
    if not len(places) or not len(asked):
        return np.zeros(len(asked), dtype=np.int64)
    distance, index = cKDTree(places).query(asked, distance_upper_bound=REACH_PX)
    out = np.zeros(len(asked), dtype=np.int64)
    known = np.isfinite(distance)
    out[known] = labels[index[known]]
    return out


def _shares(flat: Int64, shape: tuple[int, int], axis: int) -> Float64:
    """Table of pair counts, each row (axis 1) or column (axis 0) divided by its sum."""
    table = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    return np.asarray(table / np.maximum(table.sum(axis=axis, keepdims=True), 1.0))
