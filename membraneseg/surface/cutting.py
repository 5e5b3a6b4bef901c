"""Cut a mesh along a smooth line, where a flag on its vertices changes."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array

from membraneseg.types import Bool, Float64, Int64

SMOOTHING_ROUNDS = 4
"""Times a flag is averaged with its neighbours: the line then bends over some two edges."""
CUT_AT = 0.15
"""Level of the flag, −1 to 1: a little nearer to the vertices that are kept than to the others."""
LEAST_SHARE = 0.1
"""Of an edge, that is left on either side of the line: no triangle becomes a splinter."""


def neighbour_average(faces: Int64, count: int) -> csr_array:
    """Return the (V, V) matrix that averages a vertex value with those of its neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rows = np.concatenate([edges[:, 0], edges[:, 1], np.arange(count)])
    columns = np.concatenate([edges[:, 1], edges[:, 0], np.arange(count)])
    matrix = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    matrix.data[:] = 1.0  # an inner edge occurs in two faces
    weights = 1.0 / np.asarray(matrix.sum(axis=1))
    return csr_array(matrix.multiply(weights[:, None]))


def cut_along_flag(vertices: Float64, faces: Int64, kept: Bool) -> tuple[Float64, Int64, csr_array]:
    """Keep the part of a mesh whose vertices are flagged, up to a smooth line.

    Parameters
    ----------
    vertices : (V, 3) float64
    faces : (F, 3) int64
    kept : (V,) bool

    Returns
    -------
    vertices : (W, 3) float64
    faces : (G, 3) int64
    origin : (W, V) matrix
        Each new vertex as a mean of one or two old ones; so follow other values on them.

    Notes
    -----
    The flag is averaged over neighbours; triangles are cut where it passes a level along their
    edges. Gaps and specks of a few triangles go.
    """
    level = np.where(kept, 1.0 - CUT_AT, -1.0 - CUT_AT)
    average = neighbour_average(faces, len(vertices))
    for _ in range(SMOOTHING_ROUNDS):
        level = average @ level
    inside = level > 0.0
    if inside.all():
        return vertices, faces, csr_array(eye_array(len(vertices)))
    many = inside[faces].sum(axis=1)
    edges, cut = _crossed(faces[(many == 1) | (many == 2)], inside)
    share = level[edges[:, 0]] / (level[edges[:, 0]] - level[edges[:, 1]])
    share = np.clip(share, LEAST_SHARE, 1.0 - LEAST_SHARE)
    new = np.arange(len(edges))
    rows = np.concatenate([np.arange(len(vertices)), np.tile(len(vertices) + new, 2)])
    columns = np.concatenate([np.arange(len(vertices)), *edges.T])
    weights = np.concatenate([np.ones(len(vertices)), 1.0 - share, share])
    origin = csr_array(coo_array((weights, (rows, columns))))
    used, faces = np.unique(np.concatenate([faces[many == 3], cut]), return_inverse=True)
    origin = origin[used]
    return origin @ vertices, faces.reshape(-1, 3).astype(np.int64), origin


def _crossed(faces: Int64, inside: Bool) -> tuple[Int64, Int64]:
    """Edges (E, 2) that the line crosses, and the faces (K, 3) left of the crossed ones (F, 3).

    The point on edge e has the number V + e.
    """
    flags = inside[faces]
    alone = flags.sum(axis=1) == 1  # one vertex stays, else one goes
    odd = np.argmax(flags == alone[:, None], axis=1)
    turn = (odd[:, None] + np.arange(3)) % 3
    first, second, third = np.take_along_axis(faces, turn, axis=1).T
    pairs = np.sort(np.stack([first, first, second, third]).reshape(2, 2, -1), axis=0)
    edges, number = np.unique(pairs.reshape(2, -1).T, axis=0, return_inverse=True)
    ahead, behind = len(inside) + number.reshape(2, -1)
    tip = np.stack([first, ahead, behind], axis=1)[alone]
    near = np.stack([ahead, second, third], axis=1)[~alone]
    far = np.stack([ahead, third, behind], axis=1)[~alone]
    return edges.astype(np.int64), np.concatenate([tip, near, far])
