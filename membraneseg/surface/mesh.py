"""From a fitted surface in voxels to the mesh in Å that leaves the pipeline."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.surface.cutting import neighbour_average
from membraneseg.surface.fit import FittedMembrane, SurfaceConfig
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import Surface, unit_gradient
from membraneseg.types import Bool, Float64, Int64, Mesh
from synth2d.wedge import is_visible


def membrane_mesh(membrane: FittedMembrane, frame: VolumeFrame, config: SurfaceConfig) -> Mesh:
    """Bring a fitted membrane to Å and say which vertices the data show.

    Parameters
    ----------
    membrane : FittedMembrane
    frame : VolumeFrame
    config : SurfaceConfig

    Returns
    -------
    Mesh
        `observed` is True where the membrane's own points support the surface and its normal
        lies outside the missing wedge (wedge depth below 0): what looks like membrane deeper in
        is the wedge's smear of its rim.
    """
    surface = membrane.surface
    vertices = np.asarray(surface.vertices_zyx, dtype=np.float64)
    faces = np.asarray(surface.faces, dtype=np.int64)
    points = angstrom_to_index(membrane.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
    sigma = np.hypot(surface.vertex_sd * config.sigma_inflation, config.sigma_floor_voxels)
    return Mesh(
        vertices_zyx_A=index_to_angstrom(vertices, frame.voxel_size_A, frame.origin_zyx_A),
        faces=faces,
        sigma_A=sigma * frame.voxel_size_A,
        observed=seen_vertices(surface, points, frame, config),
    )


def seen_vertices(
    surface: Surface, points_px: Float64, frame: VolumeFrame, config: SurfaceConfig
) -> Bool:
    """Tell which vertices (V,) have points nearby and a normal outside the missing wedge."""
    supported = supported_vertices(surface.vertices_zyx, surface.faces, points_px, config)
    normals = unit_gradient(surface, surface.vertices_zyx)
    return np.asarray(supported & is_visible(normals, frame.tilt_range_deg), dtype=np.bool_)


def supported_vertices(
    vertices: Float64, faces: Int64, points: Float64, config: SurfaceConfig
) -> Bool:
    """Tell which vertices have enough points nearby.

    Parameters
    ----------
    vertices : (V, 3) float64
        In voxels.
    faces : (F, 3) int64
    points : (P, 3) float64
        In voxels.
    config : SurfaceConfig
        `support_radius_voxels`, `support_share`, `flag_smoothing_rounds`.

    Returns
    -------
    (V,) bool

    Notes
    -----
    A vertex counts when the points in the ball about it reach `support_share` of the median over
    the vertices that have any. The flag is then averaged over neighbours a few times and cut at
    one half, so that single vertices do not flicker and the border stays where it was.
    """
    if len(points) == 0 or len(vertices) == 0:
        return np.zeros(len(vertices), dtype=np.bool_)
    counts = np.asarray(
        cKDTree(points).query_ball_point(
            vertices, config.support_radius_voxels, return_length=True
        ),
        dtype=np.float64,
    )
    if not counts.any():
        return np.zeros(len(vertices), dtype=np.bool_)
    needed = max(1.0, config.support_share * float(np.median(counts[counts > 0])))
    share = (counts >= needed).astype(np.float64)
    average = neighbour_average(faces, len(vertices))
    for _ in range(config.flag_smoothing_rounds):
        share = average @ share
    return np.asarray(share > 0.5, dtype=np.bool_)
