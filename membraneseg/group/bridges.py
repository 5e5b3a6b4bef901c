"""Regions joined across what the missing wedge hides: rims that go on into each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.contraction import contract
from membraneseg.group.rims import Rims
from membraneseg.types import Bool, Float64, Int64
from synth2d.wedge import wedge_depth_deg

_BEND = 0.25  # by which a bridge may differ from a circular arc, as a sine
_TWIST = 0.25  # by which the normal may turn about the bridge, as a sine
_SIDEWAYS = 0.5  # by which a bridge may leave a rim sideways, as a sine
_TURN_RAD = 1.0  # typical angle of the arc
_MOST_COST = 6.0
_LEAST_AHEAD = 0.5  # cosine between the outward direction and the bridge, at both ends
_SHORT_PX = 8.0  # shorter gaps need no wedge to explain them
_SEEN_DEG = -8.0  # wedge depth below which a membrane would have been seen
_LENGTH_PX = 25.0  # longer bridges are worse, all else equal


class Bridges(NamedTuple):
    """Pairs of rim patches (E, 2) that go on into each other, and their cost (E,)."""

    pairs: Int64
    cost: Float64


def find_bridges(rims: Rims, tilt_range_deg: float, max_gap_px: float) -> Bridges:
    """Find the pairs of rim patches that one smooth hidden stretch of membrane can connect.

    Parameters
    ----------
    rims : Rims
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    max_gap_px : float
        Longest bridge.

    Returns
    -------
    Bridges

    Notes
    -----
    A stretch is smooth if a circular arc leaves both rims straight ahead. It must be hidden: the
    wedge depth of the arc's middle normal says that it cannot be seen, unless the gap is short.
    """
    pairs = cKDTree(rims.place).query_pairs(max_gap_px, output_type="ndarray").astype(np.int64)
    one, two = pairs.T
    apart = rims.place[two] - rims.place[one]
    length = np.linalg.norm(apart, axis=1)
    along = apart / np.maximum(length, 1e-9)[:, None]
    ahead = np.minimum((rims.outward[one] * along).sum(1), -(rims.outward[two] * along).sum(1))
    kept = (ahead > _LEAST_AHEAD) & (length > 1.0)
    pairs, along, length = pairs[kept], along[kept], length[kept]
    cost, middle = _arc_cost(rims, pairs, along)
    hidden = (wedge_depth_deg(middle, tilt_range_deg) > _SEEN_DEG) | (length < _SHORT_PX)
    good = hidden & (cost < _MOST_COST)
    return Bridges(pairs[good], cost[good] + (length[good] / _LENGTH_PX) ** 2)


def _arc_cost(rims: Rims, pairs: Int64, along: Float64) -> tuple[Float64, Float64]:
    """Squared misfit (E,) of an arc between two rims, and the unit normal (E, 3) halfway."""
    one, two = pairs.T
    first = rims.normal[one]
    other = rims.normal[two]
    same_side = (first * other).sum(1) - (first * along).sum(1) * (other * along).sum(1)
    second = other * np.where(same_side < 0, -1.0, 1.0)[:, None]  # an arc keeps what is across it
    bend = (first * along).sum(1) + (second * along).sum(1)  # 0 for an arc, by symmetry
    sideways_one = (np.cross(first, rims.outward[one]) * along).sum(1)
    sideways_two = (np.cross(second, rims.outward[two]) * along).sum(1)
    across = np.cross(first, along)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    twist = (second * across).sum(1)
    turn = np.arccos(np.clip((first * second).sum(1), -1.0, 1.0))
    cost = (bend / _BEND) ** 2 + (twist / _TWIST) ** 2 + (turn / _TURN_RAD) ** 2
    cost += (sideways_one / _SIDEWAYS) ** 2 + (sideways_two / _SIDEWAYS) ** 2
    middle = first + second
    return cost, middle / np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)


def join_over_gaps(
    rims: Rims,
    bridges: Bridges,
    min_share: float,
    count: int,
    more_votes: tuple[Int64, Float64] | None = None,
) -> Int64:
    """Join regions where a large share of a rim goes on into another region's rim.

    Parameters
    ----------
    rims : Rims
    bridges : Bridges
    min_share : float
        Least share of the shorter of two rims that must go on into the other.
    count : int
        Number of regions.
    more_votes : ((V, 2) int64, (V,) float64), optional
        Pairs of regions that something else wants to join, and how much it says.

    Returns
    -------
    (count,) int64
        New region of each old one.

    Notes
    -----
    Each rim patch votes for the best of its bridges, be it to its own region; what already goes on
    into its own region is not to be had by another one. Votes between two regions, less the share
    of the shorter rim that is asked for, are the evidence for joining them; see `contract`.
    """
    best = _best_bridge(bridges, len(rims))
    voter = np.flatnonzero(best >= 0)
    ends = bridges.pairs[best[voter]]
    partner = np.where(ends[:, 0] == voter, ends[:, 1], ends[:, 0])
    goes_on = np.full(len(rims), -1, dtype=np.int64)
    goes_on[voter] = rims.region[partner]
    taken = goes_on[partner] == rims.region[partner]
    regions = np.sort(np.column_stack([rims.region[voter], rims.region[partner]]), axis=1)[~taken]
    weight = np.ones(len(regions))
    if more_votes is not None:
        regions = np.concatenate([regions, np.sort(more_votes[0], axis=1)])
        weight = np.concatenate([weight, more_votes[1]])
    apart = regions[:, 0] != regions[:, 1]
    if not apart.any():
        return np.arange(count)
    pairs, inverse = np.unique(regions[apart], axis=0, return_inverse=True)
    votes = np.bincount(inverse.ravel(), weight[apart])
    length = np.bincount(rims.region, minlength=count)
    shorter = np.minimum(length[pairs[:, 0]], length[pairs[:, 1]])
    return contract(pairs, votes - min_share * shorter, count)


def _best_bridge(bridges: Bridges, count: int) -> Int64:
    """Index (count,) of the cheapest bridge of each rim patch; −1 where it has none."""
    best = np.full(count, -1, dtype=np.int64)
    order = np.argsort(-bridges.cost, kind="stable")
    for end in (0, 1):
        cheaper = bridges.pairs[order, end]
        fresh = np.full(count, -1, dtype=np.int64)
        fresh[cheaper] = order  # the last, cheapest one stays
        best = np.where(_is_cheaper(bridges.cost, fresh, best), fresh, best)
    return best


def _is_cheaper(cost: Float64, fresh: Int64, best: Int64) -> Bool:
    known = np.append(cost, np.inf)  # index −1 reads the last entry: no bridge, endless cost
    return np.asarray(known[fresh] < known[best])
