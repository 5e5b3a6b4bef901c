"""How far each membrane is from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.types import Float64, Int64, Mesh

CANDIDATES = 6
"""Triangles whose centres are nearest to a point, and one of which holds the nearest place."""
ANCHORS = 100
"""About so many vertices of each mesh give a first bound."""


@dataclass(frozen=True)
class Spacing:
    """Where the other membranes are, seen from one.

    Parameters
    ----------
    distance_A : (V,) float64
        From each vertex to the nearest place on any other mesh; NaN if there is none.
    label : (V,) int64
        Of that mesh; 0 if there is none.
    """

    distance_A: Float64
    label: Int64

    def nearest(self) -> tuple[float, int] | None:
        """Distance in Å and label where the two come closest; None without another membrane."""
        if not np.isfinite(self.distance_A).any():
            return None
        at = int(np.nanargmin(self.distance_A))
        return float(self.distance_A[at]), int(self.label[at])


def spacings(meshes: Sequence[tuple[int, Mesh]]) -> list[Spacing]:
    """Distance from every vertex to the nearest other membrane.

    Parameters
    ----------
    meshes : sequence of (label, Mesh)

    Returns
    -------
    list of Spacing
        In the order of the meshes.

    Notes
    -----
    The other mesh with the nearest vertex is chosen first; a mesh is asked only for the vertices
    whose way to its box is shorter than the best so far. The distance to it is then exact: to
    those `CANDIDATES` of its triangles whose centres are nearest, of which one holds the nearest
    place on meshes of evenly sized triangles.
    """
    others = [_Other(label, mesh) for label, mesh in meshes if len(mesh.faces)]
    return [
        _spacing(mesh.vertices_zyx_A, [other for other in others if other.label != label])
        for label, mesh in meshes
    ]


class _Other:
    """A mesh made ready to be asked how far it is; fitted once, asked by all others."""

    def __init__(self, label: int, mesh: Mesh) -> None:
        self.label = label
        self._triangles = mesh.vertices_zyx_A[mesh.faces]
        self._low = self._triangles.min(axis=(0, 1))
        self._high = self._triangles.max(axis=(0, 1))
        vertices = mesh.vertices_zyx_A[np.unique(mesh.faces)]
        self.some_vertices = vertices[:: max(1, len(vertices) // ANCHORS)]
        self._vertices = cKDTree(vertices)
        self._centres = cKDTree(self._triangles.mean(axis=1))

    def to_box(self, points: Float64) -> Float64:
        """Distance (N,) of (N, 3) points from the box about the mesh; 0 inside."""
        outside = np.maximum(np.maximum(self._low - points, points - self._high), 0.0)
        return np.asarray(np.linalg.norm(outside, axis=1))

    def to_corners(self, points: Float64, bound: float) -> Float64:
        """Distance (N,) of (N, 3) points from the nearest vertex; infinite beyond `bound`."""
        return np.asarray(self._vertices.query(points, distance_upper_bound=bound)[0])

    def distance(self, points: Float64) -> Float64:
        """Distance (N,) of (N, 3) points from the mesh."""
        count = min(CANDIDATES, len(self._triangles))
        near = np.asarray(self._centres.query(points, k=count)[1]).reshape(len(points), count)
        best = np.full(len(points), np.inf)
        for column in near.T:
            place = nearest_on_triangles(points, self._triangles[column])
            best = np.minimum(best, np.linalg.norm(points - place, axis=1))
        return best


def _spacing(points: Float64, others: Sequence[_Other]) -> Spacing:
    if not others:
        return Spacing(np.full(len(points), np.nan), np.zeros(len(points), dtype=np.int64))
    anchors = cKDTree(np.concatenate([other.some_vertices for other in others]))
    owner = np.repeat(np.arange(len(others)), [len(other.some_vertices) for other in others])
    best, nearest = anchors.query(points)
    chosen = owner[nearest]
    for number, other in enumerate(others):
        asked = np.flatnonzero(other.to_box(points) < best)
        if len(asked):
            distance = other.to_corners(points[asked], float(best[asked].max()))
            closer = distance < best[asked]
            best[asked[closer]], chosen[asked[closer]] = distance[closer], number
    label = np.zeros(len(points), dtype=np.int64)
    for number in np.unique(chosen).tolist():
        own = chosen == number
        best[own] = others[number].distance(points[own])
        label[own] = others[number].label
    return Spacing(best, label)


def nearest_on_triangles(points: Float64, triangles: Float64) -> Float64:
    """Nearest place to each point on its own triangle.

    Parameters
    ----------
    points : (N, 3) float64
    triangles : (N, 3, 3) float64
        Three corners each.

    Returns
    -------
    (N, 3) float64

    Notes
    -----
    The foot on the triangle's plane if it lies inside, otherwise the nearest of the feet on the
    three sides, each kept between its corners.
    """
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    normal = np.cross(b - a, c - a)
    square = np.maximum((normal**2).sum(axis=1), 1e-300)
    foot = points - normal * (((points - a) * normal).sum(axis=1) / square)[:, None]
    inside = np.ones(len(points), dtype=np.bool_)
    best = np.full(len(points), np.inf)
    place = np.empty_like(points)
    for start, end in ((a, b), (b, c), (c, a)):
        side = end - start
        inside &= (np.cross(side, foot - start) * normal).sum(axis=1) >= 0
        along = ((points - start) * side).sum(axis=1)
        share = np.clip(along / np.maximum((side**2).sum(axis=1), 1e-300), 0.0, 1.0)
        on_side = start + share[:, None] * side
        away = ((points - on_side) ** 2).sum(axis=1)
        closer = away < best
        best[closer], place[closer] = away[closer], on_side[closer]
    place[inside] = foot[inside]
    return place
