"""Points spread evenly over a surface, with the normals there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.types import Float64, Int64, Mesh

CANDIDATES_PER_POINT = 12


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a mesh.

    Parameters
    ----------
    points_zyx_A : (N, 3) float64
    normals_zyx : (N, 3) float64
        Outward, of length 1.
    vertices : (N,) int64
        Of the mesh, the nearest corner of the triangle that each point lies in.
    """

    points_zyx_A: Float64
    normals_zyx: Float64
    vertices: Int64


def sample_surface(mesh: Mesh, spacing_A: float, rng: np.random.Generator) -> SurfacePoints:
    """Spread points over a mesh, no two nearer to each other than a given distance.

    Parameters
    ----------
    mesh : Mesh
        With at least one face.
    spacing_A : float
        Smallest distance between two points.
    rng : Generator

    Returns
    -------
    SurfacePoints
        About 0.7 points per spacing².

    Notes
    -----
    Dart throwing: candidates are drawn uniformly over the area, and each is kept if none kept
    before it is near. O(N log N) with a tree, plus O(candidates) in Python.

    References
    ----------
    Cook 1986, doi:10.1145/7529.8927.
    """
    corners = mesh.vertices_zyx_A[mesh.faces]
    # Read as zyx a face that is counter-clockwise in xyz turns the other way: hence the minus.
    spanned = -np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(spanned, axis=1) / 2.0
    count = max(1, int(np.ceil(CANDIDATES_PER_POINT * areas.sum() / spacing_A**2)))
    face = rng.choice(len(areas), size=count, p=areas / areas.sum())
    weights = _uniform_in_triangle(count, rng)
    points = np.einsum("nc,ncd->nd", weights, corners[face])
    kept = _far_apart(points, spacing_A)
    chosen = face[kept]
    normals = spanned[chosen] / np.maximum(2.0 * areas[chosen, None], 1e-300)
    vertices = mesh.faces[chosen, np.argmax(weights[kept], axis=1)]
    return SurfacePoints(points[kept], normals, vertices)


def _uniform_in_triangle(count: int, rng: np.random.Generator) -> Float64:
    """Barycentric coordinates (N, 3), uniform over the area."""
    root, share = np.sqrt(rng.random(count)), rng.random(count)
    return np.stack([1.0 - root, root * (1.0 - share), root * share], axis=1)


def _far_apart(points: Float64, spacing: float) -> Int64:
    """Indices of points kept in turn, each at least `spacing` from those kept before."""
    near = cKDTree(points).query_ball_point(points, spacing, return_sorted=False)
    free = np.ones(len(points), dtype=np.bool_)
    kept = []
    for number in range(len(points)):
        if free[number]:
            kept.append(number)
            free[near[number]] = False
    return np.array(kept, dtype=np.int64)
