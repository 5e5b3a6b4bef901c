"""Open surfaces: where they end, and the cut along the border of the volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gp_fit.errors import NoSurfaceError
from gp_fit.extract import compacted
from gp_fit.fitted import FittedSurface
from gp_fit.points import superpoints
from gp_fit.sheets import surrounded, without_gaps
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.cutting import cut_along_flag
from membraneseg.surface.frame import VolumeFrame
from membraneseg.types import Bool, Float64, Int64

GAP_RINGS = 2
ON_POINT_PX = 1.5
WIDEST_EMPTY_RAD = float(np.deg2rad(150.0))
ON_BOTH_SIDES_RAD = float(np.deg2rad(200.0))
SPACINGS_PER_REACH = 4.0
LEAST_PIECE_SHARE, LEAST_PIECE_FACES = 0.02, 200
"""Loose pieces of an open surface that are smaller than both are dropped."""
DEVIATION_VERTICES = 1500


def supported(
    mesh: tuple[Float64, Int64],
    normals: Float64,
    points: Float64,
    reach_px: float,
    widest_rad: float = WIDEST_EMPTY_RAD,
) -> Bool:
    """Tell which vertices have points all round them, or on them.

    Parameters
    ----------
    mesh : (V, 3) float64 and (F, 3) int64
    normals : (V, 3) float64
    points : (P, 3) float64
    reach_px : float
        Points farther away do not count.
    widest_rad : float
        Of an empty sector in the tangent plane.

    Returns
    -------
    (V,) bool
        Small gaps are filled.
    """
    vertices, faces = mesh
    places = superpoints(points, reach_px / SPACINGS_PER_REACH)[0]
    # Most vertices of an untrimmed surface are far from all points.
    near = np.isfinite(cKDTree(places).query(vertices, distance_upper_bound=reach_px)[0])
    kept = np.zeros(len(vertices), dtype=np.bool_)
    kept[near] = surrounded(vertices[near], normals[near], places, reach_px, widest_rad)
    on_point = cKDTree(points).query(vertices, distance_upper_bound=ON_POINT_PX)[0]
    kept |= np.isfinite(on_point)
    return without_gaps(len(vertices), faces, kept, GAP_RINGS)


def connected_to(kept: Bool, further: Bool, faces: Int64) -> Bool:
    """Add to `kept` (V,) what hangs together with it over vertices that are in `further` (V,)."""
    allowed = kept | further
    inner = faces[allowed[faces].all(axis=1)]
    rows, columns = inner.reshape(-1), inner[:, [1, 2, 0]].reshape(-1)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(kept),) * 2)
    piece = connected_components(graph, directed=False)[1]
    reached = np.zeros(len(kept), dtype=np.bool_)
    reached[piece[kept]] = True
    return np.asarray(kept | (further & reached[piece]))


def part_of(surface: FittedSurface, kept: Bool) -> FittedSurface:
    """Reduce a surface to where its vertices are kept, up to a smooth line, without loose specks.

    Parameters
    ----------
    surface : FittedSurface
    kept : (V,) bool

    Returns
    -------
    FittedSurface
        Open unless nothing was taken away.

    Raises
    ------
    gp_fit.errors.NoSurfaceError
        If nothing is left.
    """
    vertices, faces, origin = cut_along_flag(surface.vertices_zyx, surface.faces, kept)
    if faces is surface.faces:
        return surface
    deviation = np.asarray(origin @ surface.vertex_sd)
    cut = replace(surface, vertices_zyx=vertices, faces=faces, vertex_sd=deviation)
    return with_mesh(cut, *_without_specks(vertices, faces))


def roughly(surface: FittedSurface, kept: Bool) -> tuple[Float64, Int64]:
    """Vertices and faces of a surface whose vertices are all kept (V,), without loose specks.

    Raises
    ------
    gp_fit.errors.NoSurfaceError
        If nothing is left.
    """
    return _without_specks(surface.vertices_zyx, surface.faces[kept[surface.faces].all(axis=1)])


def with_mesh(surface: FittedSurface, vertices: Float64, faces: Int64) -> FittedSurface:
    """Give an open surface another mesh; each vertex takes the deviation of the nearest old one."""
    nearest = cKDTree(surface.vertices_zyx).query(vertices)[1]
    return replace(
        surface,
        closed=False,
        vertices_zyx=vertices,
        faces=faces,
        vertex_sd=surface.vertex_sd[nearest],
    )


def clipped(surface: FittedSurface, frame: VolumeFrame, slack_px: float) -> FittedSurface:
    """Cut a surface off at the border of the volume.

    Parameters
    ----------
    surface : FittedSurface
    frame : VolumeFrame
    slack_px : float
        A surface that leaves the volume by no more than this stays whole.

    Returns
    -------
    FittedSurface
        Open if it was cut.

    Raises
    ------
    gp_fit.errors.NoSurfaceError
        If all of it lies outside.
    """
    if leaves_by(surface.vertices_zyx, frame) <= slack_px:
        return surface
    low, high = frame.low_px, frame.high_px
    vertices, faces = surface.vertices_zyx, surface.faces
    for axis in range(3):
        for corner, direction in ((low, 1.0), (high, -1.0)):
            if len(faces) == 0:
                raise NoSurfaceError("the surface lies outside the volume")
            normal = direction * np.eye(3)[axis]
            vertices, faces, _ = trimesh.intersections.slice_faces_plane(
                vertices, faces, normal, corner
            )
    if len(faces) == 0:
        raise NoSurfaceError("the surface lies outside the volume")
    vertices, faces = _merged(np.asarray(vertices), np.asarray(faces, dtype=np.int64))
    return with_mesh(surface, np.clip(vertices, low, high), faces)


def within_volume(surface: FittedSurface, frame: VolumeFrame, rules: ClosureRules) -> FittedSurface:
    """Cut a closed surface at the border of the volume, unless all are to be closed."""
    if rules.closed == "all" or leaves_by(surface.vertices_zyx, frame) <= rules.border_px:
        return surface
    cut = clipped(surface, frame, rules.border_px)
    return replace(
        cut, warnings=(*surface.warnings, "cut by the border of the volume or of the ice")
    )


def leaves_by(vertices: Float64, frame: VolumeFrame) -> float:
    """Largest distance in voxels by which vertices (V, 3) lie outside the volume."""
    beyond = np.maximum(frame.low_px - vertices, vertices - frame.high_px)
    return float(beyond.max(initial=0.0))


def sampled_deviation(surface: FittedSurface, vertices: Float64) -> Float64:
    """Standard deviation (V,) at vertices, computed at some and interpolated: it is smooth."""
    step = max(1, len(vertices) // DEVIATION_VERTICES)
    known = vertices[::step]
    deviation = surface.sd(known)
    gap, nearest = cKDTree(known).query(vertices, k=np.arange(1, min(4, len(known)) + 1))
    weights = 1.0 / (gap**2 + 1e-6)
    return np.asarray(np.sum(weights * deviation[nearest], axis=1) / weights.sum(axis=1))


def _without_specks(vertices: Float64, faces: Int64) -> tuple[Float64, Int64]:
    """Keep the pieces with a fair share of the faces."""
    if len(faces) == 0:
        raise NoSurfaceError("no part of the open surface is surrounded by points; too sparse")
    rows, columns = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(vertices),) * 2)
    piece = connected_components(graph, directed=False)[1][faces[:, 0]]
    counts = np.bincount(piece)
    enough = min(LEAST_PIECE_SHARE * len(faces), LEAST_PIECE_FACES, counts.max())
    return compacted(vertices, faces[counts[piece] >= enough])


def _merged(vertices: Float64, faces: Int64) -> tuple[Float64, Int64]:
    """Join the vertices that cutting made twice, and drop faces without area."""
    _, first, name = np.unique(
        np.round(vertices, 6), axis=0, return_index=True, return_inverse=True
    )
    faces = name.reshape(-1)[faces]
    sound = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    return compacted(vertices[first], faces[sound])
