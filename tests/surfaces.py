"""Meshes of implicit surfaces, and what the distance from them is by another method."""

import numpy as np
import trimesh
from scipy.spatial import cKDTree

from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import middle_mesh

NEIGHBOURS = 24


def box_around(shape, voxel_A=20.0, margin_A=100.0):
    low, high = shape.bounds_zyx_A
    size = np.ceil((high - low + 2 * margin_A) / voxel_A).astype(int) + 1
    return Box(tuple(size.tolist()), voxel_A, low - margin_A)


def solid(shape, box=None, spacing_A=25.0):
    """The mesh in xyz."""
    vertices, faces = middle_mesh(shape, box or box_around(shape), spacing_A)
    return trimesh.Trimesh(vertices[:, ::-1], faces, process=False)


def true_distance(mesh, points_zyx_A):
    """Unsigned distance from the triangles, by way of those with the nearest centroids."""
    points = points_zyx_A[:, ::-1]
    _, near = cKDTree(mesh.triangles_center).query(points, k=NEIGHBOURS)
    closest = trimesh.triangles.closest_point(
        mesh.triangles[near.ravel()], np.repeat(points, NEIGHBOURS, axis=0)
    )
    gaps = np.linalg.norm(closest - np.repeat(points, NEIGHBOURS, axis=0), axis=1)
    return gaps.reshape(-1, NEIGHBOURS).min(axis=1)


def points_off(mesh, offset_A, count, seed=0):
    """Points (N, 3) zyx a distance along the normals from random points of the mesh."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(mesh.faces), count, p=mesh.area_faces / mesh.area)
    places = mesh.triangles_center[chosen] + offset_A * mesh.face_normals[chosen]
    return np.ascontiguousarray(places[:, ::-1])


def distance_ratio(shape, mesh, offset_A, count=1500):
    """|Signed distance| over the true one at points off the surface; nan where the sign is wrong.

    Points that another part of the surface is much nearer to are left out.
    """
    points = points_off(mesh, offset_A, count)
    true = true_distance(mesh, points)
    ours = shape.signed_distance(points)
    near_own = true > 0.9 * abs(offset_A)
    ratio = np.where(np.sign(ours) == np.sign(offset_A), np.abs(ours) / true, np.nan)
    return ratio[near_own]
