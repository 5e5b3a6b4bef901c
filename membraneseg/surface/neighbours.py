"""Membranes do not pass through each other: find where meshes do, and move them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.surface.cutting import neighbour_average
from membraneseg.surface.labels import vertex_normals
from membraneseg.types import Bool, Float64, Int64, Mesh

Labelled = tuple[int, Mesh]
ROUNDS = 8
CLEARANCE_VOXELS = 0.75
"""Distance that repaired surfaces keep."""
REACH_VOXELS = 12.0
"""Overlaps deeper than this are not one membrane grazing another; they are left alone."""
SMOOTHING_ROUNDS = 3
NEIGHBOURS = 4
EDGES_AT_ONCE = 5_000


@dataclass(frozen=True)
class Separated:
    """Meshes after the repair, and how many pairs passed through each other before and after."""

    meshes: list[Labelled]
    crossings_before: int
    crossings_after: int


def separate(meshes: Sequence[Labelled], voxel_size_A: float) -> Separated:
    """Move meshes that pass through each other apart.

    Parameters
    ----------
    meshes : sequence of (label, Mesh)
    voxel_size_A : float

    Returns
    -------
    Separated
        In the order given; meshes that touch nothing are the very same objects.

    Notes
    -----
    Of two that cross, each vertex on the wrong side of the other surface moves along that
    surface's normal until it is clear of it; the way is shared by the squares of both standard
    deviations, so that the less certain surface does most of it. Vertices and faces stay the
    same in number, so what was watertight stays so.
    """
    now = dict(meshes)
    before = crossing_pairs(now)
    crossing = before
    for _ in range(ROUNDS):
        if not crossing:
            break
        for one, other in crossing:
            now[one], now[other] = _moved_apart(now[one], now[other], voxel_size_A)
        crossing = [pair for pair in crossing if cross(now[pair[0]], now[pair[1]])]
    after = crossing_pairs(now) if before else []
    return Separated([(label, now[label]) for label, _ in meshes], len(before), len(after))


def crossing_pairs(meshes: Mapping[int, Mesh]) -> list[tuple[int, int]]:
    """Labels of the pairs that pass through each other, in order.

    Parameters
    ----------
    meshes : mapping of label to Mesh
    """
    boxes = {
        label: (mesh.vertices_zyx_A.min(axis=0), mesh.vertices_zyx_A.max(axis=0))
        for label, mesh in meshes.items()
        if len(mesh.faces)
    }
    labels = sorted(boxes)
    found = []
    for index, one in enumerate(labels):
        for other in labels[index + 1 :]:
            apart = (boxes[one][0] > boxes[other][1]) | (boxes[other][0] > boxes[one][1])
            if not apart.any() and cross(meshes[one], meshes[other]):
                found.append((one, other))
    return found


def cross(first: Mesh, second: Mesh) -> bool:
    """Whether an edge of one mesh passes through a face of the other, exactly.

    Parameters
    ----------
    first, second : Mesh

    Returns
    -------
    bool
        False where one lies wholly inside the other, or where they are apart.
    """
    return _pierces(first, second) or _pierces(second, first)


def _pierces(edged: Mesh, faced: Mesh) -> bool:
    """Whether an edge of the first passes through a face of the second."""
    edges = _edges(edged.faces)
    starts, ends = edged.vertices_zyx_A[edges[:, 0]], edged.vertices_zyx_A[edges[:, 1]]
    corners = faced.vertices_zyx_A[faced.faces]
    radii = np.linalg.norm(corners - corners.mean(axis=1, keepdims=True), axis=2).max(axis=1)
    # A few stretched faces must not make every edge look far around.
    stretched = radii > 2.0 * np.median(radii)
    return any(
        _meet(starts, ends, corners[chosen], float(radii[chosen].max()))
        for chosen in (~stretched, stretched)
        if chosen.any()
    )


def _meet(starts: Float64, ends: Float64, corners: Float64, radius: float) -> bool:
    """Whether any segment (E, 3) to (E, 3) passes through a triangle (F, 3 corners, 3).

    `radius` is the largest distance of a corner from its triangle's centre.
    """
    tree, middles = cKDTree(corners.mean(axis=1)), 0.5 * (starts + ends)
    reach = radius + 0.5 * np.linalg.norm(ends - starts, axis=1)
    for begin in range(0, len(starts), EDGES_AT_ONCE):
        part = slice(begin, begin + EDGES_AT_ONCE)
        near = tree.query_ball_point(middles[part], reach[part], return_sorted=False)
        rows = begin + np.repeat(np.arange(len(near)), [len(found) for found in near])
        columns = np.fromiter(chain.from_iterable(near), dtype=np.int64, count=len(rows))
        if _hits(starts[rows], ends[rows], corners[columns]).any():
            return True
    return False


def _edges(faces: Int64) -> Int64:
    """Each edge (E, 2) once."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.asarray(np.unique(np.sort(edges, axis=1), axis=0))


def _hits(starts: Float64, ends: Float64, corners: Float64) -> Bool:
    """Which segments (N, 3) to (N, 3) meet their triangles (N, 3 corners, 3).

    Möller and Trumbore 1997, doi:10.1080/10867651.1997.10487468.
    """
    along = ends - starts
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    cross = np.cross(along, two)
    volume = np.sum(one * cross, axis=1)
    safe = np.where(np.abs(volume) > 1e-12, volume, np.inf)
    offset = starts - corners[:, 0]
    u = np.sum(offset * cross, axis=1) / safe
    other = np.cross(offset, one)
    v = np.sum(along * other, axis=1) / safe
    t = np.sum(two * other, axis=1) / safe
    inside = (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (t >= 0.0) & (t <= 1.0)
    return np.asarray(inside & np.isfinite(safe))


def _moved_apart(first: Mesh, second: Mesh, voxel_size_A: float) -> tuple[Mesh, Mesh]:
    """One round: each gives way by its share of the variance."""
    gap_A, reach_A = CLEARANCE_VOXELS * voxel_size_A, REACH_VOXELS * voxel_size_A
    ways = [_way(a, b, gap_A, reach_A) for a, b in ((first, second), (second, first))]
    moved = []
    for mesh, way in zip((first, second), ways, strict=True):
        average = neighbour_average(mesh.faces, len(mesh.vertices_zyx_A))
        smooth = way
        for _ in range(SMOOTHING_ROUNDS):
            smooth = average @ smooth
        larger = np.linalg.norm(smooth, axis=1) > np.linalg.norm(way, axis=1)
        way = np.where(larger[:, None], smooth, way)
        moved.append(replace(mesh, vertices_zyx_A=mesh.vertices_zyx_A + way))
    return moved[0], moved[1]


def _way(mesh: Mesh, other: Mesh, gap_A: float, reach_A: float) -> Float64:
    """How each vertex (V, 3) must move to be clear of the other surface, its share of it."""
    height, normals, nearest = _height_over(mesh.vertices_zyx_A, other)
    near = np.abs(height) <= reach_A
    if not near.any():
        return np.zeros_like(mesh.vertices_zyx_A)
    side = 1.0 if np.sum(np.sign(height[near])) >= 0 else -1.0
    lack = np.where(near, np.maximum(gap_A - side * height, 0.0), 0.0)
    own, theirs = mesh.sigma_A**2, other.sigma_A[nearest] ** 2
    share = own / np.maximum(own + theirs, 1e-12)
    return np.asarray((side * share * lack)[:, None] * normals)


def _height_over(points: Float64, other: Mesh) -> tuple[Float64, Float64, Int64]:
    """Signed height (N,) over a mesh, the normals (N, 3) and the nearest vertices (N,) there.

    Infinite beside an open mesh: past its edge there is nothing to pass through.
    """
    vertices = other.vertices_zyx_A
    normals = -vertex_normals(vertices, other.faces)  # faces turn outward read as xyz
    count = min(NEIGHBOURS, len(vertices))
    distance, found = cKDTree(vertices).query(points, k=np.arange(1, count + 1))
    weights = 1.0 / (distance**2 + 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    direction = np.einsum("nk,nkd->nd", weights, normals[found])
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
    each = np.sum((points[:, None] - vertices[found]) * normals[found], axis=2)
    height = np.sum(weights * each, axis=1)
    nearest = found[:, 0].astype(np.int64)
    beside = _rim(other)[nearest]
    return np.where(beside, np.inf, height), direction, nearest


def _rim(mesh: Mesh) -> Bool:
    """Which vertices (V,) lie on an open edge."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    pairs, times = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    rim = np.zeros(len(mesh.vertices_zyx_A), dtype=np.bool_)
    rim[pairs[times == 1]] = True
    return rim
