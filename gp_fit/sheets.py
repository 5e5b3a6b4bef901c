"""Trim an open sheet to where its points are."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gp_fit.arrays import Bool, Float64, Int64
from gp_fit.errors import NoSurfaceError
from gp_fit.extract import compacted
from gp_fit.points import tangent_pairs

_NEIGHBOURS = 40
_NO_ANGLE = 1e9


def surrounded(
    vertices: Float64, normals: Float64, points: Float64, reach_px: float, widest_rad: float
) -> Bool:
    """Tell which vertices have points all around them.

    Parameters
    ----------
    vertices, normals : (V, 3) float64
        Positions on a surface and its unit normals there.
    points : (P, 3) float64
        Superpoints.
    reach_px : float
        Points farther away do not count; about three times their spacing.
    widest_rad : float
        Largest empty sector allowed in the tangent plane.

    Returns
    -------
    (V,) bool
    """
    count = min(_NEIGHBOURS, len(points))
    distance, neighbour = cKDTree(points).query(
        vertices, k=np.arange(1, count + 1), distance_upper_bound=reach_px
    )
    near = np.isfinite(distance)
    offsets = points[np.where(near, neighbour, 0)] - vertices[:, None]
    first, second = tangent_pairs(normals)
    along = np.einsum("vkd,vd->vk", offsets, first)
    across = np.einsum("vkd,vd->vk", offsets, second)
    angles = np.sort(np.where(near, np.arctan2(across, along), _NO_ANGLE), axis=1)
    many = near.sum(axis=1)
    steps = np.diff(angles, axis=1)
    steps = np.where(angles[:, 1:] < _NO_ANGLE, steps, 0.0)
    last = angles[np.arange(len(angles)), np.maximum(many - 1, 0)]
    around = angles[:, 0] + 2.0 * np.pi - last
    widest = np.maximum(steps.max(axis=1, initial=0.0), np.where(many > 1, around, np.inf))
    return np.asarray((many >= 3) & (widest <= widest_rad))


def without_gaps(vertex_count: int, faces: Int64, kept: Bool, rings: int) -> Bool:
    """Fill gaps in `kept` (V,) narrower than twice `rings` edges, without growing its outline."""
    rows, columns = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    ones = np.ones(2 * len(rows))
    pairs = (np.append(rows, columns), np.append(columns, rows))
    graph = csr_matrix(coo_matrix((ones, pairs), shape=(vertex_count, vertex_count)))
    grown = kept.astype(np.float64)
    for _ in range(rings):
        grown = np.minimum(grown + graph @ grown, 1.0)
    empty = 1.0 - grown
    for _ in range(rings):
        empty = np.minimum(empty + graph @ empty, 1.0)
    return np.asarray(kept | (empty == 0.0))


def trimmed(vertices: Float64, faces: Int64, kept: Bool) -> tuple[Float64, Int64]:
    """Keep the largest piece of the faces whose three vertices are all kept.

    Raises
    ------
    NoSurfaceError
        If nothing is left.
    """
    rest = faces[kept[faces].all(axis=1)]
    if len(rest) == 0:
        raise NoSurfaceError("no part of the open sheet is surrounded by points; too sparse")
    vertices, rest = compacted(vertices, rest)
    rows, columns = rest.reshape(-1), rest[:, [1, 2, 0]].reshape(-1)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(vertices),) * 2)
    piece = connected_components(graph, directed=False)[1][rest[:, 0]]
    return compacted(vertices, rest[piece == int(np.argmax(np.bincount(piece)))])
