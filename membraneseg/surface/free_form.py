"""Surfaces of any shape: through the points, trimmed to what they and the wedge explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from gp_fit.arrays import checked_points
from gp_fit.config import FitConfig
from gp_fit.errors import GeometryError, NoSurfaceError
from gp_fit.extract import Box, ExtractConfig, zero_level
from gp_fit.fitted import FittedSurface, ImplicitSurface
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_closing import less_trusted
from gp_fit.hermite_evidence import (
    Sighting,
    asked_turns,
    hermite_with_evidence,
    patches_of,
)
from gp_fit.lattice import Equations, LatticeSurface, equations_of
from gp_fit.level_methods import doubts_about
from gp_fit.points import density_filter, superpoint_spacing
from gp_fit.scene import Scene, explained_share
from gp_fit.sphere import is_watertight, mesh_volume
from gp_fit.star_fit import MINIMUM_POINTS
from gp_fit.walls import with_continued_walls
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import unit_gradient
from membraneseg.surface.trimming import (
    ON_BOTH_SIDES_RAD,
    clipped,
    connected_to,
    part_of,
    roughly,
    sampled_deviation,
    supported,
    within_volume,
)
from membraneseg.types import Bool, Float64, Int64
from synth2d.wedge import wedge_depth_deg

MARGIN_SHARE = 0.35
"""Box around the points in which a free surface is meshed, in extents."""
BEYOND_PX = 2.0
"""The same box leaves the volume by no more than this."""
LATTICE_REACH_PX = 64.0
"""A surface on a lattice is meshed so far from its points; its deviation trims it to less."""
LATTICE_NODES = 50_000_000
"""Nodes of its grid at most: it is asked near the surface only."""
FOLDS_TURN_DEG = 5.0
"""How far the normals of a folded membrane may be off at its rims."""
COARSER = 2.0
"""Spacing of the mesh that only tells where the surface goes on, in that of the final one."""
MOST_LOST = 0.01
"""Share of the points that what was not seen may take from a surface."""


def free_surface(
    scene: Scene, frame: VolumeFrame, rules: ClosureRules, gp: FitConfig
) -> FittedSurface:
    """Make a surface of any shape: as far as its points reach, and over what the wedge hides.

    Parameters
    ----------
    scene : Scene
        Points in voxels.
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
    bare = _untrimmed(scene, frame, rules, gp)
    whole = _meshed(bare, scene.points, meshed_box(frame), gp.mesh_spacing_px)
    part = part_of(whole, reached(whole, scene.points, frame, rules))
    if part is whole and is_watertight(whole.faces):
        method = "hermite" if whole.method == "sheet" else whole.method
        doubts = doubts_about(whole.faces, whole.explained, gp)
        closed = replace(whole, closed=True, method=method, warnings=doubts)
        return within_volume(_outward(closed), frame, rules)
    part = replace(part, warnings=doubts_about(None, part.explained, gp))
    return clipped(part, frame, 0.0)


def _untrimmed(
    scene: Scene, frame: VolumeFrame, rules: ClosureRules, gp: FitConfig
) -> FittedSurface:
    """Return the best free fit, without a mesh; what was not seen turns its hidden parts."""
    bare, equations = _best(scene, rules, gp)
    seen = scene.detection_probability
    if rules.closed == "none" or seen is None:
        return bare
    sighting = Sighting(scene.raw, seen, scene.inside_volume)
    if isinstance(bare.surface, HermiteSurface):
        process = with_continued_walls(bare.surface, seen, scene.inside_volume)
        bare = replace(bare, surface=process)
    coarse = _meshed(bare, scene.points, meshed_box(frame), COARSER * gp.mesh_spacing_px)
    surface = bare.surface
    if isinstance(surface, HermiteSurface):
        mesh = roughly(coarse, reached(coarse, scene.points, frame, rules))
        surface = hermite_with_evidence(surface, mesh, sighting, gp.negative_evidence)
    elif isinstance(surface, LatticeSurface) and equations is not None:
        vertices, faces = roughly(coarse, coarse.vertex_sd < rules.hidden_sd_px)
        patches = patches_of(vertices, faces, len(vertices))
        turns = asked_turns(surface, patches, sighting, gp.negative_evidence)
        surface = surface if turns is None else surface.turned(equations, turns)
    after = _bare(bare.method, bare.reason, surface, scene, gp)
    return after if after.explained > bare.explained - MOST_LOST else bare


def meshed_box(frame: VolumeFrame) -> Box:
    """Corners of the volume and some voxels more, so that what it cuts reaches its border."""
    return frame.low_px - BEYOND_PX, frame.high_px + BEYOND_PX


def seen_part(
    surface: FittedSurface, points_px: Float64, frame: VolumeFrame, rules: ClosureRules
) -> FittedSurface:
    """Reduce a surface to where points surround it: open, unless they do everywhere."""
    return part_of(surface, reached(surface, points_px, frame, rules))


def reached(
    surface: FittedSurface, points: Float64, frame: VolumeFrame, rules: ClosureRules
) -> Bool:
    """Which vertices (V,) of a surface points surround, or are reached from there while hidden."""
    mesh = surface.vertices_zyx, surface.faces
    normals = unit_gradient(surface, mesh[0])
    if rules.closed == "none":
        return supported(mesh, normals, points, rules.reach_px)
    folded = isinstance(surface.surface, LatticeSurface)
    kept = supported(mesh, normals, points, rules.reach_px if folded else rules.sheet_reach_px)
    from_deg = rules.hidden_depth_deg - (FOLDS_TURN_DEG if folded else 0.0)
    hidden = wedge_depth_deg(normals, frame.tilt_range_deg) >= from_deg
    hidden |= ~frame.contains(mesh[0])
    bridge = np.zeros(len(kept), dtype=np.bool_)
    if not folded:  # among folds, points of other walls lie on both sides of everything
        bridge = _between(mesh, normals, points, rules)
    most_sd = np.where(bridge, rules.bridge_sd_px, rules.hidden_sd_px)
    told_sd = rules.hidden_sd_px if folded else rules.bridge_sd_px
    missing = ~kept & ~hidden & (surface.vertex_sd < told_sd)
    goes_on = bridge | _nearer(mesh[0], mesh[0][kept], mesh[0][missing])
    return connected_to(kept, hidden & (surface.vertex_sd < most_sd) & goes_on, mesh[1])


def _between(
    mesh: tuple[Float64, Int64], normals: Float64, points: Float64, rules: ClosureRules
) -> Bool:
    """Which vertices (V,) have points on both sides, however far within what the rules allow."""
    bridge = np.zeros(len(normals), dtype=np.bool_)
    reach = 2.0 * rules.sheet_reach_px
    while reach <= rules.hidden_reach_px:
        bridge |= supported(mesh, normals, points, reach, ON_BOTH_SIDES_RAD)
        reach *= 2.0
    return bridge


def _nearer(places: Float64, ones: Float64, others: Float64) -> Bool:
    """Whether each place (N, 3) is nearer to one set of points than to another.

    A hidden part next to what should be seen and is not lies beyond a real end.
    """
    if len(ones) == 0 or len(others) == 0:
        return np.full(len(places), len(others) == 0)
    return np.asarray(cKDTree(ones).query(places)[0] < cKDTree(others).query(places)[0])


def dense_points(points_px: Float64, gp: FitConfig) -> Float64:
    """Points (P, 3) that are not isolated."""
    points = checked_points(points_px, 3, MINIMUM_POINTS)
    kept = density_filter(points, gp.isolation_radius_px, gp.isolation_share)
    return checked_points(points[kept], 3, MINIMUM_POINTS)


def _best(
    scene: Scene, rules: ClosureRules, gp: FitConfig
) -> tuple[FittedSurface, Equations | None]:
    """Return the best free fit to the points alone, and the equations of one on a lattice."""
    process = None
    spacing_px = superpoint_spacing(scene.points, gp.hermite.superpoints)
    if spacing_px <= rules.widest_superpoints_px:
        process = _process(scene, gp)
        if process is not None and process.explained >= gp.explained_share:
            return process, None
    equations = equations_of(scene.points, gp.lattice)
    why = "too large or too folded for one process"
    lattice = _bare("lattice", why, LatticeSurface(equations), scene, gp)
    if process is not None and process.explained >= lattice.explained:
        return process, None
    return lattice, equations


def _process(scene: Scene, gp: FitConfig) -> FittedSurface | None:
    try:
        surface = HermiteSurface(scene.points, gp.hermite)
        if scene.reliability is not None:
            surface = less_trusted(surface, scene.reliability)
    except (GeometryError, np.linalg.LinAlgError):
        return None
    return _bare("sheet", "no star-shaped surface is believed", surface, scene, gp)


def _bare(
    method: str, reason: str, surface: ImplicitSurface, scene: Scene, gp: FitConfig
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
        explained=explained_share(
            surface, scene.points, gp.explained_distance_px, scene.reliability
        ),
        coverage=1.0,
    )


def _meshed(surface: FittedSurface, points: Float64, box: Box, spacing_px: float) -> FittedSurface:
    exact = isinstance(surface.surface, LatticeSurface)  # and cheap
    extraction = ExtractConfig(spacing_px=spacing_px, margin_share=MARGIN_SHARE, every_piece=True)
    if exact:
        extraction = replace(extraction, reach_px=LATTICE_REACH_PX, most_nodes=LATTICE_NODES)
    vertices, faces = zero_level(surface.value, surface.gradient, points, extraction, box)
    if len(faces) == 0:
        raise NoSurfaceError("the fitted function has no zero level near the points")
    deviation = surface.sd(vertices) if exact else sampled_deviation(surface, vertices)
    return replace(surface, vertices_zyx=vertices, faces=faces, vertex_sd=deviation)


def _outward(surface: FittedSurface) -> FittedSurface:
    """Turn a closed surface's faces so that they enclose a positive volume."""
    if mesh_volume(surface.vertices_zyx, surface.faces) >= 0.0:
        return surface
    return replace(surface, faces=np.ascontiguousarray(surface.faces[:, ::-1]))
