"""Which points on the middle of a mask hang together, and which loose pieces are one membrane."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from membraneseg.group.config import GroupConfig
from membraneseg.group.trail import ellipsoid_of, goes_on_in, piece_through, put_together
from membraneseg.types import Float64, Int64

NEIGHBOUR_PX = 2.0
"""Points of one sheet lie no farther apart."""
LEAST_POINTS = 100
"""Smaller pieces are dropped; a point stands for about one voxel of area."""


def loose_pieces(points_zyx: Float64) -> Int64:
    """Name (P,) of the piece that each point hangs together with."""
    if len(points_zyx) == 0:
        return np.zeros(0, dtype=np.int64)
    names = connected_components(_graph(points_zyx), directed=False)[1]
    return np.asarray(names, dtype=np.int64)


def adopted(points_zyx: Float64, names: Int64) -> Int64:
    """Give points without a name that of their neighbours, and the rest names of their own.

    Parameters
    ----------
    points_zyx : (P, 3) float64
    names : (P,) int64
        −1 where unknown.

    Returns
    -------
    (P,) int64
        Names spread step by step over neighbouring points; loose pieces without any name get new
        ones.
    """
    graph = _graph(points_zyx).tocsr()
    graph = graph + graph.T
    names = names.copy()
    while True:
        rows = np.flatnonzero(names < 0)
        if len(rows) == 0:
            return names
        near = graph[rows].tocoo()
        known = names[near.coords[1]] >= 0
        best = np.full(len(rows), -1, dtype=np.int64)
        best[near.coords[0][known]] = names[near.coords[1][known]]
        if not (best >= 0).any():
            break
        names[rows] = best
    rows = np.flatnonzero(names < 0)
    names[rows] = names.max(initial=-1) + 1 + loose_pieces(points_zyx[rows])
    return names


def joined_pieces(points_zyx: Float64, names: Int64, config: GroupConfig) -> Int64:
    """Give pieces of one closed membrane that the mask holds in parts the same name.

    Parameters
    ----------
    points_zyx : (P, 3) float64
        Voxel indices.
    names : (P,) int64
        Piece of each point, from 0 on.
    config : GroupConfig

    Returns
    -------
    (P,) int64
        The name of the largest part stands for all.

    Notes
    -----
    A piece is joined to a larger one if it lies on the ellipsoid through that one and goes on at
    the same height (`goes_on_in`): what is left of a large body's wall when its caps and flanks
    are missing. Pieces that show no ellipsoid stay as they are.
    """
    sizes = np.bincount(names)
    whole = [int(name) for name in np.argsort(-sizes, kind="stable") if sizes[name] >= LEAST_POINTS]
    waiting = {name: piece_through(points_zyx[names == name]) for name in whole}
    joined = names.copy()
    for name in whole:
        if len(waiting) < 2 or name not in waiting:
            continue
        piece = waiting.pop(name)
        while (quadric := ellipsoid_of(piece, config)) is not None:
            met = [k for k, other in waiting.items() if goes_on_in(piece, quadric, other, config)]
            if not met:
                break
            piece = put_together([piece, waiting.pop(met[0])])
            joined[names == met[0]] = name
    return joined


def _graph(points: Float64) -> coo_array:
    pairs = cKDTree(points).query_pairs(NEIGHBOUR_PX, output_type="ndarray")
    shape = (len(points), len(points))
    return coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=shape)
