"""Round vesicles packed closely: drawn where they like to be, then pushed apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.phantom.blends import gradients
from membraneseg.phantom.box import Box
from membraneseg.types import Bool, Float64, Int64

SWEEPS = 400
TOLERANCE_A = 0.5
"""Overlap that is left when pushing stops; the drawn gap allows for it."""

Clearance = Callable[[Float64], Float64]
"""From (N, 3) points in Å to (N,) distances from the nearest wall, negative beyond it."""


def pushed_apart(
    centres_zyx_A: Float64, reaches_A: Float64, still: Bool, clearance: Clearance, box: Box
) -> Float64:
    """Move balls until they neither overlap nor stick out, as far as there is room.

    Parameters
    ----------
    centres_zyx_A : (N, 3) float64
    reaches_A : (N,) float64
        Radii of the balls.
    still : (N,) bool
        Balls that do not move.
    clearance : callable
        Of a ball's centre from the walls around all of them; at least its reach is wanted.
    box : Box
        Centres stay in it.

    Returns
    -------
    (N, 3) float64
        Cost: a few hundred sweeps over the neighbours of each.
    """
    centres = centres_zyx_A.copy()
    share = np.where(still, 0.0, 1.0)
    for _ in range(SWEEPS):
        pairs, overlaps_A = _overlaps(centres, reaches_A)
        i, j = pairs.T
        line = centres[j] - centres[i]
        line /= np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-6)
        moving = np.maximum(share[i] + share[j], 1.0)
        step = (overlaps_A / moving)[:, None] * line
        np.add.at(centres, i, -share[i, None] * step)
        np.add.at(centres, j, share[j, None] * step)
        short_A = reaches_A - clearance(centres)
        out = np.flatnonzero((short_A > 0.0) & ~still)
        if len(out):
            uphill = gradients(clearance, centres[out])
            length = np.maximum(np.linalg.norm(uphill, axis=1, keepdims=True), 0.1)
            centres[out] += short_A[out, None] * uphill / length
        centres[~still] = np.clip(centres[~still], box.low_A, box.high_A)
        if overlaps_A.max(initial=0.0) < TOLERANCE_A and not len(out):
            break
    return centres


def settled(
    centres_zyx_A: Float64, reaches_A: Float64, clearance: Clearance
) -> Bool:
    """Which balls may stay: (N,), none of them beyond a wall or overlapping another that stays.

    Of two that overlap, the earlier one stays.
    """
    kept = clearance(centres_zyx_A) > reaches_A - TOLERANCE_A
    pairs, overlaps_A = _overlaps(centres_zyx_A, reaches_A)
    for i, j in np.sort(pairs[overlaps_A > TOLERANCE_A], axis=1).tolist():
        kept[j] &= not kept[i]
    return np.asarray(kept)


def _overlaps(centres_zyx_A: Float64, reaches_A: Float64) -> tuple[Int64, Float64]:
    """Pairs (M, 2) of balls that overlap, and by how much (M,)."""
    tree = cKDTree(centres_zyx_A)
    pairs = tree.query_pairs(2.0 * reaches_A.max(initial=1.0), output_type="ndarray")
    apart_A = np.linalg.norm(centres_zyx_A[pairs[:, 0]] - centres_zyx_A[pairs[:, 1]], axis=1)
    overlaps_A = reaches_A[pairs].sum(axis=1) - apart_A
    return pairs[overlaps_A > 0.0].astype(np.int64), overlaps_A[overlaps_A > 0.0]
