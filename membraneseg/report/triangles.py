"""Meshes made ready for a picture: coarser, with normals, and who encloses whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from membraneseg.coords import zyx_to_xyz
from membraneseg.types import Float64, Mesh

Values = Mapping[str, Float64]

_ASIDE = np.array([0.0, 7.07e-4, 5.77e-4])


def coarser(mesh: Mesh, values: Values, cell_A: float) -> tuple[Mesh, Values]:
    """Merge all vertices that share a cubic cell; drop the triangles that collapse.

    Parameters
    ----------
    mesh : Mesh
    values : mapping of str to (V,) float64
        Of its vertices; NaN where unknown.
    cell_A : float
        Edge of the cells.

    Returns
    -------
    mesh : Mesh
        For looking at only: it need not be watertight. A merged vertex lies at the mean of its
        members, and counts as observed if at least half of them are.
    values : mapping of str to (V,) float64
        The means over the members.
    """
    cells = np.floor(mesh.vertices_zyx_A / cell_A).astype(np.int64)
    _, member_of = np.unique(cells, axis=0, return_inverse=True)
    member_of = member_of.reshape(-1)
    members = np.bincount(member_of)

    def mean(own: Float64) -> Float64:
        return np.bincount(member_of, weights=own) / members

    faces = member_of[mesh.faces]
    kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    merged = Mesh(
        vertices_zyx_A=np.stack([mean(column) for column in mesh.vertices_zyx_A.T], axis=1),
        faces=faces[kept],
        sigma_A=mean(mesh.sigma_A.astype(np.float64)),
        observed=mean(mesh.observed.astype(np.float64)) >= 0.5,
    )
    return merged, {name: mean(own) for name, own in values.items()}


def cell_for(meshes: Sequence[Mesh], triangles: int) -> float | None:
    """Edge in Å of the cells on which meshes together keep about so many triangles.

    Parameters
    ----------
    meshes : sequence of Mesh
    triangles : int

    Returns
    -------
    float or None
        None if they have no more than that already.

    Notes
    -----
    A surface of area A on cells of edge c keeps about 3 A / c² triangles.
    """
    if sum(len(mesh.faces) for mesh in meshes) <= triangles:
        return None
    area_A2 = sum(float(np.linalg.norm(_area_vectors(mesh), axis=1).sum()) for mesh in meshes)
    return float(np.sqrt(3.0 * area_A2 / triangles))


def _area_vectors(mesh: Mesh) -> Float64:
    """Half the cross product of each triangle's edges, xyz, outward: (F, 3)."""
    corners = zyx_to_xyz(mesh.vertices_zyx_A)[mesh.faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2


def smooth_normals_xyz(mesh: Mesh) -> Float64:
    """Outward unit normal of each triangle, smoothed over its corners' neighbours: (F, 3)."""
    area_vectors = _area_vectors(mesh)
    at_vertex = np.zeros((len(mesh.vertices_zyx_A), 3))
    for corner in range(3):
        for axis in range(3):
            at_vertex[:, axis] += np.bincount(
                mesh.faces[:, corner], weights=area_vectors[:, axis], minlength=len(at_vertex)
            )
    normals = at_vertex[mesh.faces].sum(axis=1)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: Float64 = normals / np.maximum(lengths, 1e-12)
    return unit


def encloses(outer: Mesh, inner: Mesh) -> bool:
    """Whether the closed mesh `outer` holds the box about `inner`, and its first vertex.

    Notes
    -----
    Counts the triangles of `outer` above that vertex along z: an odd number means inside. The
    line is moved aside a little, so that it does not run along edges of meshes on one grid.
    """
    if not len(inner.vertices_zyx_A) or not len(outer.faces):
        return False
    vertices = inner.vertices_zyx_A
    low, high = outer.vertices_zyx_A.min(axis=0), outer.vertices_zyx_A.max(axis=0)
    if (vertices.min(axis=0) < low).any() or (vertices.max(axis=0) > high).any():
        return False
    point = vertices[0] + np.ptp(vertices, axis=0) * _ASIDE
    corners = outer.vertices_zyx_A[outer.faces] - point  # (F, 3 corners, zyx)
    flat = corners[..., 1:]
    following = np.roll(flat, -1, axis=1)
    turn = flat[..., 0] * following[..., 1] - flat[..., 1] * following[..., 0]  # (F, 3)
    hit = (turn > 0).all(axis=1) | (turn < 0).all(axis=1)
    weights = np.roll(turn[hit], -1, axis=1)  # of the corner opposite each edge
    height = (weights * corners[hit][..., 0]).sum(axis=1) / turn[hit].sum(axis=1)
    return int((height > 0).sum()) % 2 == 1
