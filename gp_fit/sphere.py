"""Even sets of directions: an icosahedral mesh and a spiral."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gp_fit.arrays import Float64, Int64


@lru_cache(maxsize=32)
def icosphere(frequency: int) -> tuple[Float64, Int64]:
    """Icosahedron whose edges are cut into `frequency` parts, blown up to the unit sphere.

    Parameters
    ----------
    frequency : int
        At least 1.

    Returns
    -------
    directions_zyx : (10 n² + 2, 3) float64
        Unit vectors (read-only).
    faces : (20 n², 3) int64
        Counter-clockwise from outside when the vectors are read as xyz = zyx[::-1] (read-only).
    """
    corners, triangles = _icosahedron()
    steps = [(i, j) for i in range(frequency + 1) for j in range(frequency + 1 - i)]
    number = {step: index for index, step in enumerate(steps)}
    weights = np.array([(frequency - i - j, i, j) for i, j in steps]) / frequency
    up = [(number[i, j], number[i + 1, j], number[i, j + 1]) for i, j in steps if i + j < frequency]
    down = [
        (number[i + 1, j], number[i + 1, j + 1], number[i, j + 1])
        for i, j in steps
        if i + j < frequency - 1
    ]
    local = np.array(up + down, dtype=np.int64)
    points = np.einsum("sk,tkd->tsd", weights, corners[triangles]).reshape(-1, 3)
    keys = np.round(points * 1e6).astype(np.int64)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    offsets = len(steps) * np.arange(len(triangles))[:, None, None]
    faces = inverse.reshape(-1)[(local[None] + offsets).reshape(-1, 3)].astype(np.int64)
    directions = points[first]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions = np.ascontiguousarray(directions[:, ::-1])
    directions.setflags(write=False)
    faces.setflags(write=False)
    return directions, faces


def _icosahedron() -> tuple[Float64, Int64]:
    """Corners xyz and faces, counter-clockwise from outside."""
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    corners = np.array(
        [(0.0, a, b * golden) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
        + [(a, b * golden, 0.0) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
        + [(b * golden, 0.0, a) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    )
    gaps = np.linalg.norm(corners[:, None] - corners[None], axis=2)
    near = np.isclose(gaps, 2.0)
    faces = []
    for i in range(12):
        for j in range(i + 1, 12):
            for k in range(j + 1, 12):
                if near[i, j] and near[j, k] and near[i, k]:
                    volume = np.linalg.det(corners[[i, j, k]])
                    faces.append((i, j, k) if volume > 0.0 else (i, k, j))
    return corners, np.array(faces, dtype=np.int64)


def spiral_directions(count: int) -> Float64:
    """Quasi-uniform unit vectors (count, 3) on a golden spiral."""
    index = np.arange(count) + 0.5
    polar = 1.0 - 2.0 * index / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * index
    ring = np.sqrt(1.0 - polar**2)
    return np.column_stack([polar, ring * np.sin(turn), ring * np.cos(turn)])


def mesh_volume(vertices_zyx: Float64, faces: Int64) -> float:
    """Enclosed volume in voxels³, positive if the faces turn outward (read as xyz)."""
    corners = vertices_zyx[:, ::-1][faces]
    mixed = np.sum(corners[:, 0] * np.cross(corners[:, 1], corners[:, 2]), axis=1)
    return float(mixed.sum() / 6.0)


def mesh_area(vertices: Float64, faces: Int64) -> float:
    """Area in voxels² of a triangle mesh."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(0.5 * np.linalg.norm(cross, axis=1).sum())


def euler_number(faces: Int64) -> int:
    """Vertices - edges + faces; 2 for a closed surface without holes or handles."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int(len(np.unique(faces)) - len(np.unique(edges, axis=0)) + len(faces))


def is_watertight(faces: Int64) -> bool:
    """Whether every directed edge has exactly one opposite partner."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    size = int(faces.max()) + 1
    forward = np.sort(edges[:, 0] * size + edges[:, 1])
    backward = np.sort(edges[:, 1] * size + edges[:, 0])
    unique = bool(np.all(np.diff(forward) > 0)) if len(forward) > 1 else True
    return unique and bool(np.array_equal(forward, backward))
