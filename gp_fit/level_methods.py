"""Making surfaces from zero levels: closed Hermite and anchored ones, and open sheets."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from gp_fit.anchored import AnchoredSurface
from gp_fit.arrays import Float64, Int64
from gp_fit.config import FitConfig
from gp_fit.coverage import vertex_areas
from gp_fit.errors import NoSurfaceError
from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.facing import with_walls_alone
from gp_fit.fitted import FittedSurface, ImplicitSurface
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_closing import less_trusted, risen_far_out
from gp_fit.hermite_evidence import Sighting, hermite_with_evidence
from gp_fit.scene import Scene, explained_share, unit_normals
from gp_fit.sheets import surrounded, trimmed, without_gaps
from gp_fit.sphere import euler_number, is_watertight, mesh_volume

_NEAR_PX = 4.0
_ON_POINT_PX = 1.5
_GAP_RINGS = 2
_SD_POINTS = 1500
_BULGE_SHARE = 0.25
_BULGE_PX = 4.0
_MOST_LOST = 0.01
_VOLUME_RATIO = (0.6, 1.4)


def closed_level(
    surface: HermiteSurface | AnchoredSurface, scene: Scene, config: FitConfig
) -> tuple[Float64, Int64, float]:
    """Mesh a closed zero level and measure its coverage.

    Returns
    -------
    vertices_zyx, faces, coverage

    Raises
    ------
    NoSurfaceError
        If the zero level leaves the box around the points, bulges far out of their convex hull or
        is turned inside out: such a surface may well be watertight.
    """
    extraction = ExtractConfig(spacing_px=config.mesh_spacing_px)
    vertices, faces = zero_level(surface.value, surface.gradient, scene.points, extraction)
    if not is_watertight(faces):
        raise NoSurfaceError("the zero level leaves the neighbourhood of the points")
    if mesh_volume(vertices, faces) <= 0.0:
        raise NoSurfaceError("the zero level encloses the outside")
    bulge = _bulge(vertices, scene.points)
    if bulge > _BULGE_PX + _BULGE_SHARE * float(np.ptp(scene.points, axis=0).max()):
        raise NoSurfaceError(f"the zero level bulges {bulge:.0f} voxels out of its points' hull")
    areas = vertex_areas(vertices, faces)
    near = np.isfinite(cKDTree(scene.points).query(vertices, distance_upper_bound=_NEAR_PX)[0])
    return vertices, faces, float(areas[near].sum() / areas.sum())


def closed_hermite(
    surface: HermiteSurface, scene: Scene, config: FitConfig, reason: str
) -> FittedSurface:
    """Close a Hermite surface.

    Raises
    ------
    NoSurfaceError
        If its zero level is not closed or too little of it is seen.
    """
    if scene.reliability is not None:
        surface = less_trusted(surface, scene.reliability)
    try:
        vertices, faces, coverage = closed_level(surface, scene, config)
    except NoSurfaceError:
        if config.method != "hermite":
            raise
        surface = risen_far_out(surface)  # it is known to be closed
        vertices, faces, coverage = closed_level(surface, scene, config)
    if coverage < config.closure.coverage:
        raise NoSurfaceError(f"points show only {coverage:.0%} of the closed surface")
    explained = explained_share(
        surface, scene.points, config.explained_distance_px, scene.reliability
    )
    best = _with_what_is_known((surface, vertices, faces, explained), scene, config)
    why = f"not star-shaped ({reason}), but its zero level closes"
    return _described(("hermite", why, True), best[0], best[1:3], (best[3], coverage), config)


_Closed = tuple[HermiteSurface, Float64, Int64, float]


def _with_what_is_known(plain: _Closed, scene: Scene, config: FitConfig) -> _Closed:
    """Correct a closed surface by its walls alone, and by what was not seen."""
    tried = [with_walls_alone(plain[0], plain[1:3], config.hermite.roughness)]
    if config.evidence and scene.detection_probability is not None:
        sighting = Sighting(scene.raw, scene.detection_probability, scene.inside_volume)
        corrected = hermite_with_evidence(tried[0], plain[1:3], sighting, config.negative_evidence)
        tried.insert(0, corrected)
    sounder = (_sounder(plain, surface, scene, config) for surface in tried)
    return next((one for one in sounder if one is not plain), plain)


def _sounder(plain: _Closed, corrected: HermiteSurface, scene: Scene, config: FitConfig) -> _Closed:
    """Return the corrected surface where it closes, keeps its points and about its volume."""
    if corrected is plain[0]:
        return plain
    try:
        vertices, faces, _ = closed_level(corrected, scene, config)
    except NoSurfaceError:
        return plain
    explained = explained_share(
        corrected, scene.points, config.explained_distance_px, scene.reliability
    )
    ratio = mesh_volume(vertices, faces) / mesh_volume(plain[1], plain[2])
    sound = explained > plain[3] - _MOST_LOST and _VOLUME_RATIO[0] < ratio < _VOLUME_RATIO[1]
    return (corrected, vertices, faces, explained) if sound else plain


def _bulge(vertices: Float64, points: Float64) -> float:
    """Farthest distance of the vertices from the convex hull of the points."""
    planes = ConvexHull(points).equations
    outside = [
        (part @ planes[:, :3].T + planes[:, 3]).max(axis=1)
        for part in np.array_split(vertices, max(1, len(vertices) // 1000))
    ]
    return float(np.concatenate(outside).max())


def open_sheet(
    surface: HermiteSurface, scene: Scene, config: FitConfig, reason: str
) -> FittedSurface:
    """Trim a Hermite surface to where its points are.

    Raises
    ------
    NoSurfaceError
        If the points are too sparse to carry a sheet.
    """
    extraction = ExtractConfig(spacing_px=config.mesh_spacing_px, margin_share=0.0)
    vertices, faces = zero_level(surface.value, surface.gradient, scene.points, extraction)
    reach = config.sheet_reach_spacings * surface.state.spacing_px
    widest = float(np.deg2rad(config.sheet_gap_deg))
    kept = surrounded(
        vertices, unit_normals(surface, vertices), surface.superpoints_zyx, reach, widest
    )
    kept |= cKDTree(scene.points).query(vertices)[0] < _ON_POINT_PX
    kept = without_gaps(len(vertices), faces, kept, _GAP_RINGS)
    kept[kept] = _vertex_sd(surface, vertices[kept]) < config.sheet_sd_px
    vertices, faces = trimmed(vertices, faces, kept)
    explained = explained_share(
        surface, scene.points, config.explained_distance_px, scene.reliability
    )
    return _described(
        ("sheet", reason, False), surface, (vertices, faces), (explained, 1.0), config
    )


def closed_anchored(scene: Scene, config: FitConfig) -> FittedSurface:
    """Fit and close the anchored surface of Zhou et al."""
    surface = AnchoredSurface(scene.points, config.anchored)
    vertices, faces, coverage = closed_level(surface, scene, config)
    explained = explained_share(
        surface, scene.points, config.explained_distance_px, scene.reliability
    )
    said = ("anchored", "asked for", True)
    return _described(said, surface, (vertices, faces), (explained, coverage), config)


def _described(
    said: tuple[str, str, bool],
    surface: HermiteSurface | AnchoredSurface,
    mesh: tuple[Float64, Int64],
    shares: tuple[float, float],
    config: FitConfig,
) -> FittedSurface:
    """Put together a surface: (method, reason, closed), its mesh, (explained, coverage)."""
    method, reason, closed = said
    return FittedSurface(
        method=method,
        reason=reason,
        closed=closed,
        surface=surface,
        vertices_zyx=mesh[0],
        faces=mesh[1],
        vertex_sd=_vertex_sd(surface, mesh[0]),
        explained=shares[0],
        coverage=shares[1],
        warnings=doubts_about(mesh[1] if closed else None, shares[0], config),
    )


def _vertex_sd(surface: ImplicitSurface, vertices: Float64) -> Float64:
    """Standard deviation at vertices, interpolated between a few: it is smooth and costs most."""
    step = max(1, len(vertices) // _SD_POINTS)
    known = vertices[::step]
    deviation = surface.sd(known)
    if step == 1:
        return deviation
    gap, nearest = cKDTree(known).query(vertices, k=4)
    weights = 1.0 / (gap**2 + 1e-6)
    return np.asarray(np.sum(weights * deviation[nearest], axis=1) / weights.sum(axis=1))


def doubts_about(
    closed_faces: Int64 | None, explained: float, config: FitConfig
) -> tuple[str, ...]:
    """Say in words why a surface may be a misfit, although it may well be watertight.

    Parameters
    ----------
    closed_faces : (F, 3) int64 or None
        Of a closed surface.
    explained : float
        Share of the points near it.
    config : FitConfig

    Returns
    -------
    tuple of str
    """
    doubts = []
    if explained < config.explained_share:
        doubts.append(f"only {explained:.0%} of the points lie near the surface")
    number = 2 if closed_faces is None else euler_number(closed_faces)
    if number != 2:
        doubts.append(
            f"the closed surface has holes or handles: its Euler number is {number}, not 2"
        )
    return tuple(doubts)
