"""Distances between triangle meshes, by samples that each stand for the same area."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import trimesh
from scipy.spatial import cKDTree

from membraneseg.coords import zyx_to_xyz
from membraneseg.types import Bool, Float64, Int64, Mesh
from synth2d.wedge import TRANSITION_DEG, wedge_depth_deg

NEAREST_ANCHORS = 6
FARTHEST_ANCHOR = 3.0
"""No place of a mesh lies farther than so many spacings from a sample or a bare centroid."""


@dataclass(frozen=True)
class SurfaceSamples:
    """Points spread evenly over a mesh, and what is needed to measure distances to it.

    Parameters
    ----------
    mesh : Mesh
    points_zyx_A : (S, 3) float64
    normals_zyx : (S, 3) float64
        Unit normals of the triangles they lie on.
    triangles : (S,) int64
        Index of that triangle.
    area_A2 : float
        Area of the whole mesh; each sample stands for area_A2 / S.
    """

    mesh: Mesh
    points_zyx_A: Float64
    normals_zyx: Float64
    triangles: Int64
    area_A2: float

    @cached_property
    def anchors(self) -> tuple[cKDTree, Int64]:
        """Tree of the samples and of the triangles that got none, and the triangle of each."""
        bare = np.setdiff1d(np.arange(len(self.mesh.faces)), self.triangles)
        centroids = self.mesh.vertices_zyx_A[self.mesh.faces[bare]].mean(axis=1)
        tree = cKDTree(np.concatenate([self.points_zyx_A, centroids]))
        return tree, np.append(self.triangles, bare)


@dataclass(frozen=True)
class Distances:
    """How far samples of one surface are from another surface.

    Parameters
    ----------
    distance_A : (S,) float64
        To the nearest triangle; infinite if the other surface is empty.
    vertex : (S,) int64
        The vertex of the other mesh nearest to each sample; −1 if it is empty.
    """

    distance_A: Float64
    vertex: Int64


def sample_surface(mesh: Mesh, spacing_A: float) -> SurfaceSamples:
    """Spread points over a mesh, one per spacing² of area.

    Parameters
    ----------
    mesh : Mesh
    spacing_A : float

    Returns
    -------
    SurfaceSamples
        Without points if the mesh has no area.

    Notes
    -----
    The cumulated area is cut into equal parts and the middle of each part picks a triangle; the
    place in the triangle comes from a low-discrepancy sequence. No randomness.
    """
    corners = mesh.vertices_zyx_A[mesh.faces]  # (F, 3 corners, 3)
    crosses = np.cross(corners[:, 2] - corners[:, 0], corners[:, 1] - corners[:, 0])
    doubled = np.linalg.norm(crosses, axis=1)
    area_A2 = float(doubled.sum()) / 2
    count = int(np.ceil(area_A2 / spacing_A**2)) if area_A2 > 0 else 0
    steps = (np.arange(count) + 0.5) / max(count, 1)
    cumulated = np.cumsum(doubled) / max(2 * area_A2, 1e-300)
    triangles = np.minimum(np.searchsorted(cumulated, steps), max(len(doubled) - 1, 0))
    first, second = _triangle_places(count)
    chosen = corners[triangles] if count else np.zeros((0, 3, 3))
    points = (
        chosen[:, 0]
        + first[:, None] * (chosen[:, 1] - chosen[:, 0])
        + second[:, None] * (chosen[:, 2] - chosen[:, 0])
    )
    normals = crosses[triangles] / doubled[triangles, None] if count else np.zeros((0, 3))
    return SurfaceSamples(mesh, points, normals, triangles.astype(np.int64), area_A2)


def cropped(samples: SurfaceSamples, low_A: Float64, high_A: Float64) -> SurfaceSamples:
    """Keep the samples between two corners: beyond the tomogram there is no truth.

    Parameters
    ----------
    samples : SurfaceSamples
    low_A, high_A : (3,) float64
        Corners zyx of the tomogram.

    Returns
    -------
    SurfaceSamples
        Of the area inside; the mesh stays whole, so that distances to it do.
    """
    points = samples.points_zyx_A
    inside = ((points >= low_A) & (points <= high_A)).all(axis=1)
    if inside.all():
        return samples
    return replace(
        samples,
        points_zyx_A=points[inside],
        normals_zyx=samples.normals_zyx[inside],
        triangles=samples.triangles[inside],
        area_A2=samples.area_A2 * float(inside.mean()),
    )


def distances_to(
    samples: SurfaceSamples, other: SurfaceSamples, within_A: float = np.inf
) -> Distances:
    """Distance of each sample to the nearest of the other mesh's triangles.

    Parameters
    ----------
    samples, other : SurfaceSamples
    within_A : float
        Larger distances need not be known and may be given as infinite.

    Returns
    -------
    Distances

    Notes
    -----
    Exact distance to the triangles of the nearest few samples and centroids of the other mesh,
    O(S log S).
    """
    count = len(samples.points_zyx_A)
    best, vertex = np.full(count, np.inf), np.full(count, -1, dtype=np.int64)
    if len(other.points_zyx_A) == 0 or count == 0:
        return Distances(best, vertex)
    tree, triangles = other.anchors
    # No place of a mesh is farther from an anchor than a few of its samples from each other.
    apart_A = FARTHEST_ANCHOR * float(np.sqrt(other.area_A2 / len(other.points_zyx_A)))
    low, high = tree.mins - within_A - apart_A, tree.maxes + within_A + apart_A
    chosen = np.flatnonzero(
        ((samples.points_zyx_A >= low) & (samples.points_zyx_A <= high)).all(axis=1)
    )
    wanted = min(NEAREST_ANCHORS, len(triangles))
    away_A, nearest = tree.query(
        samples.points_zyx_A[chosen], np.arange(1, wanted + 1), 0, 2, within_A + apart_A
    )
    known = np.isfinite(away_A)
    near = known[:, 0]
    chosen, nearest = chosen[near], np.where(known, nearest, nearest[:, :1])[near]
    best[chosen], vertex[chosen] = _to_triangles(
        samples.points_zyx_A[chosen], other.mesh, triangles[nearest]
    )
    return Distances(best, vertex)


def _to_triangles(points_A: Float64, mesh: Mesh, triangles: Int64) -> tuple[Float64, Int64]:
    """Distance (S,) to the nearest of some triangles (S, K), and the nearest vertex (S,)."""
    best = np.full(len(points_A), np.inf)
    vertex = np.full(len(points_A), -1, dtype=np.int64)
    for column in triangles.T:
        faces = mesh.faces[column]  # (S, 3)
        corners = mesh.vertices_zyx_A[faces]
        foot = trimesh.triangles.closest_point(corners, points_A)
        distance = np.linalg.norm(foot - points_A, axis=1)
        closer = distance < best
        to_corners = np.linalg.norm(corners - foot[:, None], axis=2)
        corner = faces[np.arange(len(points_A)), to_corners.argmin(axis=1)]
        best[closer], vertex[closer] = distance[closer], corner[closer]
    return best, vertex


def joined(meshes: list[Mesh]) -> Mesh:
    """All meshes as one."""
    offsets = np.cumsum([0, *(len(mesh.vertices_zyx_A) for mesh in meshes)])
    return Mesh(
        np.concatenate([np.zeros((0, 3)), *(mesh.vertices_zyx_A for mesh in meshes)]),
        np.concatenate(
            [np.zeros((0, 3), dtype=np.int64)]
            + [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=False)]
        ),
        np.concatenate([np.zeros(0), *(mesh.sigma_A for mesh in meshes)]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *(mesh.observed for mesh in meshes)]),
    )


def visible(samples: SurfaceSamples, tilt_range_deg: float) -> Bool:
    """Tell which samples have a measured normal: wedge depth below 0."""
    return np.asarray(wedge_depth_deg(samples.normals_zyx, tilt_range_deg) < 0.0)


def on_cap(samples: SurfaceSamples, tilt_range_deg: float) -> Bool:
    """Tell which samples no tilt shows: wedge depth beyond the transition."""
    return np.asarray(wedge_depth_deg(samples.normals_zyx, tilt_range_deg) > TRANSITION_DEG)


def near_share(
    first_A: Float64, second_A: Float64, tolerance_A: float, areas_A2: tuple[float, float]
) -> float:
    """Share of two surfaces together that lies within a tolerance of the other (surface Dice).

    Parameters
    ----------
    first_A, second_A : (S,), (T,) float64
        Distances of the samples of each surface to the other one.
    tolerance_A : float
    areas_A2 : (2,) float
        Area that each set of samples stands for.

    Returns
    -------
    float
        0–1; two empty surfaces score 1, one empty surface 0.
    """
    total = sum(areas_A2)
    if total == 0:
        return 1.0
    near = 0.0
    for distance_A, area_A2 in zip((first_A, second_A), areas_A2, strict=True):
        if len(distance_A):
            near += area_A2 * float((distance_A <= tolerance_A).mean())
    return near / total


def is_watertight(mesh: Mesh) -> bool:
    """Whether every edge belongs to exactly two triangles that run along it in opposite ways."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    if len(edges) == 0:
        return False
    size = int(mesh.faces.max()) + 1
    forward = np.sort(edges[:, 0] * size + edges[:, 1])
    backward = np.sort(edges[:, 1] * size + edges[:, 0])
    once = bool((np.diff(forward) > 0).all()) and bool((edges[:, 0] != edges[:, 1]).all())
    return once and np.array_equal(forward, backward)


def volume_A3(mesh: Mesh) -> float:
    """Volume that a watertight mesh encloses, positive if its faces turn outward."""
    corners = zyx_to_xyz(mesh.vertices_zyx_A - mesh.vertices_zyx_A.mean(axis=0))[mesh.faces]
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


def _triangle_places(count: int) -> tuple[Float64, Float64]:
    """Low-discrepancy barycentric coordinates, folded from the square onto the triangle."""
    root = 1.32471795724474602596  # real root of x³ = x + 1
    index = np.arange(1, count + 1)
    first, second = (0.5 + index / root) % 1.0, (0.5 + index / root**2) % 1.0
    outside = first + second > 1.0
    return np.where(outside, 1 - first, first), np.where(outside, 1 - second, second)
