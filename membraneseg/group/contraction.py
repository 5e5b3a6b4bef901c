"""Regions that grow as long as more speaks for one membrane than for two."""

from __future__ import annotations

import heapq

import numpy as np

from membraneseg.group.surface_patches import components
from membraneseg.types import Float64, Int64


def contract(pairs: Int64, evidence: Float64, count: int) -> Int64:
    """Join regions, the surest first, until nothing speaks for another join.

    Parameters
    ----------
    pairs : (E, 2) int64
        Regions, each pair once or more often.
    evidence : (E,) float64
        Positive: speaks for one membrane; negative: for two. Adds up over the pairs between two
        regions.
    count : int
        Number of regions to begin with.

    Returns
    -------
    (count,) int64
        New region of each old one, 0 … R−1.

    References
    ----------
    Keuper et al. 2015, doi:10.1109/ICCV.2015.204 (greedy additive edge contraction).
    """
    between: list[dict[int, float]] = [{} for _ in range(count)]
    for (one, two), value in zip(*_summed(pairs, evidence, count), strict=True):
        between[one][two] = between[two][one] = value
    parent = list(range(count))
    heap = [(-v, a, b) for a, row in enumerate(between) for b, v in row.items() if v > 0 and a < b]
    heapq.heapify(heap)
    while heap:
        value, one, two = heapq.heappop(heap)
        if between[one].get(two) != -value:
            continue  # one of them has grown since
        if len(between[one]) < len(between[two]):
            one, two = two, one
        parent[two] = one
        del between[one][two]
        for other, also in between[two].items():
            if other == one:
                continue
            del between[other][two]
            total = between[one].get(other, 0.0) + also
            between[one][other] = between[other][one] = total
            if total > 0:
                heapq.heappush(heap, (-total, min(one, other), max(one, other)))
        between[two] = {}
    links = np.column_stack([np.arange(count), np.array(parent, dtype=np.int64)])
    return components(links, count)


def _summed(pairs: Int64, evidence: Float64, count: int) -> tuple[list[list[int]], list[float]]:
    """Each pair of different regions once, with all its evidence."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    apart = low != high
    key, inverse = np.unique(low[apart] * count + high[apart], return_inverse=True)
    value = np.bincount(inverse, evidence[apart], len(key))
    return np.column_stack([key // count, key % count]).tolist(), value.tolist()
