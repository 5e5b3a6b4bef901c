"""Surfaces of any shape: through the points, trimmed to what they and the wedge explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gp_fit.arrays import checked_points
from gp_fit.config import FitConfig
from gp_fit.errors import GeometryError, NoSurfaceError
from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.fitted import FittedSurface
from gp_fit.hermite import HermiteSurface
from gp_fit.local import LocalSurface
from gp_fit.methods import explained_share
from gp_fit.points import density_filter, superpoint_spacing
from gp_fit.sphere import is_watertight, mesh_volume
from gp_fit.star_fit import MINIMUM_POINTS
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import unit_gradient
from membraneseg.surface.trimming import (
    clipped,
    part_of,
    sampled_deviation,
    supported,
    within_volume,
)
from membraneseg.types import Bool, Float64
from synth2d.wedge import wedge_depth_deg

MARGIN_SHARE = 0.1
"""Box around the points in which a free surface is meshed, in extents."""


def free_surface(
    points_px: Float64, frame: VolumeFrame, rules: ClosureRules, gp: FitConfig
) -> FittedSurface:
    """Make a surface of any shape: as far as its points reach, and over what the wedge hides.

    Parameters
    ----------
    points_px : (P, 3) float64
    frame : VolumeFrame
    rules : ClosureRules
    gp : FitConfig

    Returns
    -------
    FittedSurface
        Closed only if points or the wedge explain every part of a closed surface.

    Raises
    ------
    gp_fit.errors.GeometryError
        If the points carry no surface.
    """
    points = dense_points(points_px, gp)
    whole = _untrimmed(points, rules, gp)
    kept = reached(whole, points, frame, rules)
    part = part_of(whole, kept)
    if len(part.faces) == len(whole.faces) and is_watertight(whole.faces):
        method = "hermite" if whole.method == "sheet" else whole.method
        closed = replace(whole, closed=True, method=method)
        return within_volume(_outward(closed), frame, rules)
    return clipped(part, frame, 0.0)


def seen_part(
    surface: FittedSurface, points_px: Float64, frame: VolumeFrame, rules: ClosureRules
) -> FittedSurface:
    """Reduce a surface to where points surround it: open, unless they do everywhere."""
    return part_of(surface, reached(surface, points_px, frame, rules))


def reached(
    surface: FittedSurface, points: Float64, frame: VolumeFrame, rules: ClosureRules
) -> Bool:
    """Which vertices (V,) of a surface points surround, nearby or across what the wedge hides."""
    vertices, faces = surface.vertices_zyx, surface.faces
    normals = unit_gradient(surface, vertices)
    if rules.closed == "none":
        return supported(vertices, faces, normals, points, rules.reach_px)
    kept = supported(vertices, faces, normals, points, rules.sheet_reach_px)
    hidden = wedge_depth_deg(normals, frame.tilt_range_deg) >= rules.hidden_depth_deg
    hidden &= surface.vertex_sd < rules.hidden_sd_px
    reach = 2.0 * rules.sheet_reach_px
    while reach <= rules.hidden_reach_px and (hidden & ~kept).any():
        kept = kept | (hidden & supported(vertices, faces, normals, points, reach))
        reach *= 2.0
    return np.asarray(kept)


def dense_points(points_px: Float64, gp: FitConfig) -> Float64:
    """Points (P, 3) that are not isolated."""
    points = checked_points(points_px, 3, MINIMUM_POINTS)
    kept = density_filter(points, gp.isolation_radius_px, gp.isolation_share)
    return checked_points(points[kept], 3, MINIMUM_POINTS)


def _untrimmed(points: Float64, rules: ClosureRules, gp: FitConfig) -> FittedSurface:
    """Return the whole zero level set of the best free fit, meshed around the points."""
    local: FittedSurface | None = None
    if superpoint_spacing(points, gp.hermite.superpoints) <= rules.widest_superpoints_px:
        process = _process(points, gp)
        if process is not None and process.explained >= gp.explained_share:
            return _meshed(process, points, gp)
        local = _local(points, gp)
        if process is not None and process.explained >= local.explained:
            return _meshed(process, points, gp)
    return _meshed(local or _local(points, gp), points, gp)


def _process(points: Float64, gp: FitConfig) -> FittedSurface | None:
    try:
        surface = HermiteSurface(points, gp.hermite)
    except (GeometryError, np.linalg.LinAlgError):
        return None
    return _bare("sheet", "no star-shaped surface is believed", surface, points, gp)


def _local(points: Float64, gp: FitConfig) -> FittedSurface:
    why = "too large or too folded for one process"
    return _bare("local", why, LocalSurface(points), points, gp)


def _bare(
    method: str,
    reason: str,
    surface: HermiteSurface | LocalSurface,
    points: Float64,
    gp: FitConfig,
) -> FittedSurface:
    """Return a surface without a mesh yet."""
    return FittedSurface(
        method=method,
        reason=reason,
        closed=False,
        surface=surface,
        vertices_zyx=np.zeros((0, 3)),
        faces=np.zeros((0, 3), dtype=np.int64),
        vertex_sd=np.zeros(0),
        explained=explained_share(surface, points, gp.explained_distance_px),
        coverage=1.0,
    )


def _meshed(surface: FittedSurface, points: Float64, gp: FitConfig) -> FittedSurface:
    extraction = ExtractConfig(
        spacing_px=gp.mesh_spacing_px, margin_share=MARGIN_SHARE, every_piece=True
    )
    vertices, faces = zero_level(surface.value, surface.gradient, points, extraction)
    if len(faces) == 0:
        raise NoSurfaceError("the fitted function has no zero level near the points")
    deviation = sampled_deviation(surface, vertices)
    return replace(surface, vertices_zyx=vertices, faces=faces, vertex_sd=deviation)


def _outward(surface: FittedSurface) -> FittedSurface:
    """Turn a closed surface's faces so that they enclose a positive volume."""
    if mesh_volume(surface.vertices_zyx, surface.faces) >= 0.0:
        return surface
    return replace(surface, faces=np.ascontiguousarray(surface.faces[:, ::-1]))
