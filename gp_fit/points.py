"""Thin out and prepare a cloud of surface points: density filter, superpoints, normals."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.spatial import cKDTree

from gp_fit.arrays import Bool, Float64, Int64

LLOYD_STEPS = 2
NORMAL_NEIGHBOURS = 24
_COUNTED_POINTS = 100_000
_WIDEST_CARRIED_RAD = 0.3


def density_filter(points: Float64, radius_px: float = 4.0, share: float = 0.3) -> Bool:
    """Tell which points are not isolated.

    Parameters
    ----------
    points : (N, 3) float64
        Points in voxels.
    radius_px : float
        Neighbours are counted within this distance.
    share : float
        A point needs this share of the median count.

    Returns
    -------
    (N,) bool
        True for the points to keep.
    """
    step = -(-len(points) // _COUNTED_POINTS)  # of more points, every k-th tells the density
    tree = cKDTree(points[::step])
    counts = tree.query_ball_point(points, radius_px, return_length=True)
    counts[::step] -= 1
    return np.asarray(counts >= share * np.median(counts))


def superpoints(points: Float64, spacing_px: float) -> tuple[Float64, Int64, Int64]:
    """Average neighbouring points: grid cells, then two Lloyd steps.

    Parameters
    ----------
    points : (N, 3) float64
        Points in voxels.
    spacing_px : float
        Edge of the grid cells.

    Returns
    -------
    centres : (M, 3) float64
        Mean position of each cluster.
    counts : (M,) int64
        Points in each cluster.
    labels : (N,) int64
        Cluster of each point.
    """
    labels = np.unique(_cells(points, spacing_px), return_inverse=True)[1].reshape(-1)
    centres, counts, labels = _means(points, labels)
    for _ in range(LLOYD_STEPS):
        labels = np.asarray(cKDTree(centres).query(points)[1])
        centres, counts, labels = _means(points, labels)
    return centres, counts, labels


def _cells(points: Float64, spacing_px: float) -> Int64:
    """Number (N,) of the grid cell in which each point lies."""
    cells = np.floor((points - points.min(axis=0)) / spacing_px).astype(np.int64)
    shape = cells.max(axis=0) + 1
    return np.asarray((cells[:, 0] * shape[1] + cells[:, 1]) * shape[2] + cells[:, 2])


def _means(points: Float64, labels: Int64) -> tuple[Float64, Int64, Int64]:
    used, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(-1).astype(np.int64)
    counts = np.bincount(compact, minlength=len(used)).astype(np.int64)
    sums = [np.bincount(compact, points[:, axis]) for axis in range(points.shape[1])]
    return np.column_stack(sums) / counts[:, None], counts, compact


def superpoint_spacing(points: Float64, target: int, minimum_px: float = 1.6) -> float:
    """Spacing in voxels at which about `target` superpoints remain, at least `minimum_px`."""
    spacing = minimum_px
    for _ in range(4):
        occupied = len(np.unique(_cells(points, spacing)))
        if occupied <= 1.15 * target:
            break
        spacing *= float(np.sqrt(occupied / target))
    return spacing


def local_normals(points: Float64, radius_px: float, weights: Float64 | None = None) -> Float64:
    """Estimate unit normals, of either sign, by principal components of the neighbourhood.

    Parameters
    ----------
    points : (N, 3) float64
        Points in voxels.
    radius_px : float
        Neighbours further away are ignored; never fewer than six are used.
    weights : (N,) float64, optional
        Weight of each point, such as a superpoint's count.

    Returns
    -------
    (N, 3) float64
    """
    count = min(NORMAL_NEIGHBOURS, len(points))
    distances, neighbours = cKDTree(points).query(points, k=count)
    near = distances <= radius_px
    near[:, : min(7, count)] = True
    share = near.astype(np.float64)
    if weights is not None:
        share = share * weights[neighbours]
    share /= share.sum(axis=1, keepdims=True)
    cloud = points[neighbours]
    cloud = cloud - np.einsum("nk,nkd->nd", share, cloud)[:, None]
    covariance = np.einsum("nk,nkd,nke->nde", share, cloud, cloud)
    return np.ascontiguousarray(np.linalg.eigh(covariance)[1][:, :, 0])


def unlagged_normals(
    points: Float64,
    normals: Float64,
    level: tuple[Float64, Float64],
    neighbourhood: tuple[float, Float64],
) -> Float64:
    """Correct planes through neighbourhoods for what the neighbourhoods of a surface make of it.

    At the edge of a gap the neighbours lie to one side, and the plane through them leans.

    Parameters
    ----------
    points, normals : (N, 3) float64
        The points and the normals of `local_normals`, of any sign.
    level : (N,) and (N, 3) float64
        Values and gradients of f at the points; f = 0 is about the surface.
    neighbourhood : float and (N,) float64
        Radius and weights that gave the normals.

    Returns
    -------
    (N, 3) float64
        The normals, turned as the surface's own normals differ from planes through points on it.
    """
    values, slopes = level
    square = np.maximum(np.sum(slopes**2, axis=1, keepdims=True), 0.05)
    leaning = local_normals(points - values[:, None] * slopes / square, *neighbourhood)
    same_side = np.sum(leaning * slopes, axis=1, keepdims=True) >= 0.0
    return carried_along(normals, np.where(same_side, leaning, -leaning), slopes)


def carried_along(normals: Float64, there: Float64, here: Float64) -> Float64:
    """Turn unit normals (N, 3) as directions (N, 3) turn from there to here.

    Where these turn by more than 0.3 radians, nothing is turned.
    """
    first = there / np.maximum(np.linalg.norm(there, axis=1, keepdims=True), 1e-12)
    second = here / np.maximum(np.linalg.norm(here, axis=1, keepdims=True), 1e-12)
    axis = np.cross(first, second)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    cosine = np.sum(first * second, axis=1, keepdims=True)
    unit = axis / np.maximum(sine, 1e-12)
    along = np.sum(unit * normals, axis=1, keepdims=True) * unit
    turned = cosine * normals + sine * np.cross(unit, normals) + (1.0 - cosine) * along
    return np.where(cosine > np.cos(_WIDEST_CARRIED_RAD), turned, normals)


def orient_normals(points: Float64, normals: Float64, neighbours: int = 10) -> Float64:
    """Give normals consistent signs, outward for a closed surface.

    Parameters
    ----------
    points, normals : (N, 3) float64
        At most some 500 points: on finer sets noise flips whole regions; transfer with
        `transfer_orientation`.
    neighbours : int
        Edges per point of the graph whose spanning tree carries the sign.

    Returns
    -------
    (N, 3) float64

    Notes
    -----
    Along an edge, the mirror image of one normal in the plane between both points is compared
    with the other normal; on a circle the two agree however far apart the points are, which
    carries the sign across the gap between two facing lunes.
    """
    rows, columns = _edges(points, neighbours)
    cosine = mirrored_cosine(points, normals, rows, columns)
    length = np.linalg.norm(points[rows] - points[columns], axis=1)
    cost = 1e-3 + (1.0 - np.abs(cosine)) + 1e-3 * length / length.mean()
    graph = coo_matrix((cost, (rows, columns)), shape=(len(points), len(points)))
    tree = minimum_spanning_tree(csr_matrix(graph))
    order, parents = breadth_first_order(tree, 0, directed=False)
    signs = np.ones(len(points))
    child = order[1:]
    agree = mirrored_cosine(points, normals, parents[child], child)
    for index, cosine_of_edge in zip(child, agree, strict=True):
        signs[index] = signs[parents[index]] * (1.0 if cosine_of_edge >= 0.0 else -1.0)
    oriented = normals * signs[:, None]
    outward = np.sum(oriented * (points - points.mean(axis=0)))
    return oriented if outward >= 0.0 else -oriented


def _edges(points: Float64, neighbours: int) -> tuple[Int64, Int64]:
    """Neighbour pairs, plus the shortest links that join separate pieces."""
    count = min(neighbours + 1, len(points))
    near = cKDTree(points).query(points, k=count)[1][:, 1:]
    rows = np.repeat(np.arange(len(points)), count - 1)
    columns = near.reshape(-1)
    while True:
        graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(points),) * 2)
        pieces, piece_of = connected_components(graph, directed=False)
        if pieces == 1:
            return np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        here = np.flatnonzero(piece_of == piece_of[0])
        there = np.flatnonzero(piece_of != piece_of[0])
        distance, nearest = cKDTree(points[here]).query(points[there])
        link = int(np.argmin(distance))
        rows = np.append(rows, here[nearest[link]])
        columns = np.append(columns, there[link])


def mirrored_cosine(points: Float64, normals: Float64, rows: Int64, columns: Int64) -> Float64:
    """Cosine (E,) between one normal, mirrored in the plane between both points, and the other."""
    step = points[columns] - points[rows]
    step = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    along = np.sum(normals[rows] * step, axis=1, keepdims=True)
    mirrored = normals[rows] - 2.0 * along * step
    return np.asarray(np.sum(mirrored * normals[columns], axis=1))


def transfer_orientation(
    coarse: Float64, coarse_normals: Float64, fine: Float64, fine_normals: Float64
) -> Float64:
    """Give fine normals (N, 3) the sign of the nearest coarse point's oriented normal."""
    nearest = cKDTree(coarse).query(fine)[1]
    agree = np.sum(fine_normals * coarse_normals[nearest], axis=1) >= 0.0
    return np.where(agree[:, None], fine_normals, -fine_normals)


def tangent_pairs(normals: Float64) -> tuple[Float64, Float64]:
    """Two unit vectors (N, 3) that with each unit normal (N, 3) make a right angle each."""
    helper = np.where(np.abs(normals[:, :1]) < 0.7, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(normals, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return first, np.cross(normals, first)
