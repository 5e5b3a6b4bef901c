"""Neighbouring pieces: those that may be one membrane, and those that cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.patches import Pieces
from membraneseg.types import Float64, Int64

_OFFSET_PX = 0.8  # scatter across the membrane between neighbouring pieces
_ANGLE_RAD = 0.25  # scatter of their normals
_MIN_PARALLEL = 0.75  # cosine between the normals of two pieces that lie one above the other


@dataclass(frozen=True)
class Links:
    """Pairs of pieces.

    Parameters
    ----------
    pairs : (E, 2) int64
        Neighbours that agree, best first.
    cost : (E,) float64
        Squared disagreement in units of the expected scatter, ascending.
    stacked : (S, 2) int64
        Parallel pieces one above the other, too far apart to be one membrane.
    """

    pairs: Int64
    cost: Float64
    stacked: Int64


def link_pieces(
    pieces: Pieces, reach_px: float, max_cost: float, stack_px: tuple[float, float]
) -> Links:
    """Find neighbouring pieces and judge whether they can be one membrane.

    Parameters
    ----------
    pieces : Pieces
        Short stretches of curve.
    reach_px : float
        Largest distance between the centres of neighbours (ε of Zhou et al. 2023, section 4.2).
    max_cost : float
        Largest disagreement of a link.
    stack_px : (float, float)
        Distances along the normal between which parallel pieces count as two membranes.

    Returns
    -------
    Links
    """
    tree = cKDTree(pieces.centre)
    near = tree.query_pairs(max(reach_px, stack_px[1]), output_type="ndarray")
    first, second = near[:, 0], near[:, 1]
    apart = pieces.centre[second] - pieces.centre[first]
    offset_first, along = _offset(pieces, first, apart)
    offset_second, _ = _offset(pieces, second, -apart)
    cosine = np.abs((pieces.normal[first] * pieces.normal[second]).sum(axis=1))
    bend = 0.5 * (np.abs(pieces.curvature[first]) + np.abs(pieces.curvature[second]))
    turn = np.maximum(np.arccos(np.clip(cosine, 0, 1)) - np.minimum(bend, 0.2) * along, 0)
    worst = np.maximum(np.abs(offset_first), np.abs(offset_second))
    cost = (worst / _OFFSET_PX) ** 2 + (turn / _ANGLE_RAD) ** 2 + 0.5 * (along / reach_px) ** 2
    linked = (np.linalg.norm(apart, axis=1) <= reach_px) & (cost <= max_cost)
    linked &= ~_bends_contradict(pieces, first, second)
    order = np.flatnonzero(linked)[np.argsort(cost[linked], kind="stable")]
    least = np.minimum(np.abs(offset_first), np.abs(offset_second))
    stacked = (cosine > _MIN_PARALLEL) & (np.abs(apart[:, 0]) <= 1) & (along < 3.5)
    stacked &= (least > stack_px[0]) & (worst < stack_px[1])
    return Links(near[order].astype(np.int64), cost[order], near[stacked].astype(np.int64))


def _offset(pieces: Pieces, index: Int64, apart: Float64) -> tuple[Float64, Float64]:
    """Distance of the other piece from this one's curved surface, and along it."""
    height = (pieces.normal[index] * apart).sum(axis=1)
    along = np.sqrt(np.maximum((apart**2).sum(axis=1) - height**2, 0.0))
    bend = np.clip(pieces.curvature[index], -0.2, 0.2)
    return height + 0.5 * bend * along**2, along


def _bends_contradict(pieces: Pieces, first: Int64, second: Int64) -> Int64:
    """Whether two neighbours surely bend to opposite sides."""
    side = np.sign((pieces.normal[first] * pieces.normal[second]).sum(axis=1))
    one, other = pieces.curvature[first], side * pieces.curvature[second]
    error = np.hypot(pieces.curvature_sd[first], pieces.curvature_sd[second])
    return np.asarray((one * other < 0) & (np.abs(one - other) > 3.0 * error))
