"""Parts of membranes that hang together inside the volume.

Where the volume cuts a membrane into parts, nothing in it tells that they are one: the two walls
of a cisterna that is wider than the volume, the far sides of a mitochondrion.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from membraneseg.types import Float64, Int64, Mesh

LEAST_AREA = 0.01
"""Smaller parts, as shares of the part of the membrane that lies inside, are left out."""


def voxel_parts(instances: npt.NDArray[Any]) -> Int64:
    """Number the parts of membranes that hang together inside the volume.

    Parameters
    ----------
    instances : (Z, Y, X) array of int
        True membrane of each voxel, 0 for none; whether it can be seen or not.

    Returns
    -------
    (Z, Y, X) int64
        1, 2, …; 0 for none. Voxels that touch by a corner hang together.
    """
    out = np.zeros(instances.shape, dtype=np.int64)
    count = 0
    boxes = ndimage.find_objects(instances)
    for label, box in enumerate(boxes, start=1):
        if box is None:
            continue
        parts, found = ndimage.label(instances[box] == label, np.ones((3, 3, 3)))
        out[box] += np.where(parts > 0, parts + count, 0)
        count += found
    return out


def mesh_parts(mesh: Mesh, low_A: Float64, high_A: Float64) -> list[Mesh]:
    """Cut a mesh into the parts that hang together between two corners.

    Parameters
    ----------
    mesh : Mesh
    low_A, high_A : (3,) float64
        Corners zyx of the volume.

    Returns
    -------
    list of Mesh
        Of the triangles whose middle lies inside; none if there are none. Slivers below
        `LEAST_AREA` of all that lies inside are left out.
    """
    corners = mesh.vertices_zyx_A[mesh.faces]
    middles = corners.mean(axis=1)
    inside = ((middles >= low_A) & (middles <= high_A)).all(axis=1)
    faces, corners = mesh.faces[inside], corners[inside]
    if len(faces) == 0:
        return []
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]]).T
    count = len(mesh.vertices_zyx_A)
    graph = coo_matrix((np.ones(ends.shape[1], dtype=bool), ends), shape=(count, count))
    part = connected_components(graph, directed=False)[1][faces[:, 0]]
    sides = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.bincount(part, np.linalg.norm(np.cross(*sides), axis=1))
    return [_only(mesh, faces[part == p]) for p in np.flatnonzero(area > LEAST_AREA * area.sum())]


def _only(mesh: Mesh, faces: npt.NDArray[np.integer]) -> Mesh:
    """Some faces of a mesh, with their own vertices."""
    kept, renumbered = np.unique(faces, return_inverse=True)
    return Mesh(
        mesh.vertices_zyx_A[kept],
        renumbered.reshape(-1, 3).astype(np.int64),
        mesh.sigma_A[kept],
        mesh.observed[kept],
    )
