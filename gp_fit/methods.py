"""The ways of making a surface, each with the conditions under which it is to be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from gp_fit.anchored import AnchoredSurface
from gp_fit.arrays import Float64, Int64
from gp_fit.config import FitConfig
from gp_fit.coverage import (
    Coverage,
    DetectionProbability,
    InsideVolume,
    coverage_of,
    vertex_areas,
)
from gp_fit.ellipsoid import fit_ellipsoid
from gp_fit.errors import NoSurfaceError
from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.fitted import FittedSurface, ImplicitSurface, distance
from gp_fit.hermite import HermiteSurface
from gp_fit.sheets import surrounded, trimmed, without_gaps
from gp_fit.sphere import is_watertight, mesh_volume
from gp_fit.star_shaped import StarShapedSurface
from gp_fit.wedge_evidence import with_wedge_evidence

_NEAR_PX = 4.0
_ON_POINT_PX = 1.5
_GAP_RINGS = 2
_JUDGED_POINTS = 5000
_SD_POINTS = 1500


@dataclass(frozen=True, eq=False)
class Scene:
    """The points of one membrane and what is known about their visibility.

    Parameters
    ----------
    raw : (N, 3) float64
        All points.
    points : (P, 3) float64
        Those that are not isolated.
    detection_probability, inside_volume : callables or None
        See `fit_surface`.
    """

    raw: Float64
    points: Float64
    detection_probability: DetectionProbability | None
    inside_volume: InsideVolume | None


@dataclass(frozen=True, eq=False)
class StarAttempt:
    """A star-shaped fit and how far it is to be believed.

    Parameters
    ----------
    surface : StarShapedSurface or None
        None if there is none.
    fits : bool
        It explains the points and every ray leaves it steeply.
    covered : bool
        Enough of it is seen to close it.
    steep : bool
        Every ray leaves it steeply.
    explained, coverage : float
    reason : str
    """

    surface: StarShapedSurface | None
    fits: bool
    covered: bool
    steep: bool
    explained: float
    coverage: float
    reason: str


def try_star(scene: Scene, config: FitConfig) -> StarAttempt:
    """Fit a star-shaped surface and judge it by all points that are not isolated."""
    frame = fit_ellipsoid(scene.points)
    radius = float(np.cbrt(np.prod(frame.semi_axes)))
    extent = float(np.ptp(scene.points, axis=0).max())
    near = np.abs(frame.signed_distance(_sample(scene.points))) < config.explained_distance_px
    fitting = np.mean(near) >= config.explained_share
    if extent < radius and fitting and config.method == "auto":
        # A cap that narrow covers less than a tenth of the sphere.
        reason = f"the points span {extent:.0f} voxels of a shape of radius {radius:.0f}"
        return StarAttempt(None, True, False, True, 0.0, 0.0, reason)
    try:
        surface = StarShapedSurface(scene.points, config.star, frame)
    except NoSurfaceError:
        return StarAttempt(None, False, False, False, 0.0, 0.0, "no common centre")
    seen = coverage_of(surface, scene.points, scene.detection_probability, scene.inside_volume)
    explained = explained_share(surface, scene.points, config.explained_distance_px)
    cosine = _least_cosine(surface, _sample(scene.points))
    steep = cosine >= config.least_cosine
    return StarAttempt(
        surface=surface,
        fits=steep and explained >= config.explained_share,
        covered=seen.is_enough(config.closure),
        steep=steep,
        explained=explained,
        coverage=seen.share,
        reason=_star_reason(seen, explained, cosine),
    )


def finished_star(scene: Scene, config: FitConfig, attempt: StarAttempt) -> FittedSurface:
    """Bring the negative evidence to bear on a star-shaped surface, and mesh it."""
    surface, warnings = attempt.surface, []
    if surface is None:
        raise NoSurfaceError(f"no star-shaped surface: {attempt.reason}")
    if config.evidence and scene.detection_probability is not None:
        surface = with_wedge_evidence(
            surface,
            scene.raw,
            scene.detection_probability,
            scene.inside_volume,
            config.negative_evidence,
        )
    if not attempt.fits:
        warnings.append(f"the closed shape is doubtful: {attempt.reason}")
    if attempt.coverage < config.closure.coverage:
        warnings.append(f"closed although only {attempt.coverage:.0%} of the area is seen")
    vertices, faces = surface.mesh(config.mesh_spacing_px)
    return FittedSurface(
        method="star",
        reason=attempt.reason,
        closed=True,
        surface=surface,
        vertices_zyx=vertices,
        faces=faces,
        vertex_sd=surface.vertex_sd(config.mesh_spacing_px),
        explained=attempt.explained,
        coverage=attempt.coverage,
        warnings=tuple(warnings),
    )


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
        If the zero level leaves the box around the points or is turned inside out.
    """
    extraction = ExtractConfig(spacing_px=config.mesh_spacing_px)
    vertices, faces = zero_level(surface.value, surface.gradient, scene.points, extraction)
    if not is_watertight(faces):
        raise NoSurfaceError("the zero level leaves the neighbourhood of the points")
    if mesh_volume(vertices, faces) <= 0.0:
        raise NoSurfaceError("the zero level encloses the outside")
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
    vertices, faces, coverage = closed_level(surface, scene, config)
    if coverage < config.closure.coverage:
        raise NoSurfaceError(f"points show only {coverage:.0%} of the closed surface")
    explained = explained_share(surface, scene.points, config.explained_distance_px)
    return FittedSurface(
        method="hermite",
        reason=f"not star-shaped ({reason}), but its zero level closes",
        closed=True,
        surface=surface,
        vertices_zyx=vertices,
        faces=faces,
        vertex_sd=_vertex_sd(surface, vertices),
        explained=explained,
        coverage=coverage,
        warnings=_poorly_explained(explained, config),
    )


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
    normals = surface.gradient(vertices)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    reach = config.sheet_reach_spacings * surface.state.spacing_px
    widest = float(np.deg2rad(config.sheet_gap_deg))
    kept = surrounded(vertices, normals, surface.superpoints_zyx, reach, widest)
    kept |= cKDTree(scene.points).query(vertices)[0] < _ON_POINT_PX
    kept = without_gaps(len(vertices), faces, kept, _GAP_RINGS)
    kept[kept] = _vertex_sd(surface, vertices[kept]) < config.sheet_sd_px
    vertices, faces = trimmed(vertices, faces, kept)
    explained = explained_share(surface, scene.points, config.explained_distance_px)
    return FittedSurface(
        method="sheet",
        reason=reason,
        closed=False,
        surface=surface,
        vertices_zyx=vertices,
        faces=faces,
        vertex_sd=_vertex_sd(surface, vertices),
        explained=explained,
        coverage=1.0,
        warnings=_poorly_explained(explained, config),
    )


def closed_anchored(scene: Scene, config: FitConfig) -> FittedSurface:
    """Fit and close the anchored surface of Zhou et al."""
    surface = AnchoredSurface(scene.points, config.anchored)
    vertices, faces, coverage = closed_level(surface, scene, config)
    explained = explained_share(surface, scene.points, config.explained_distance_px)
    return FittedSurface(
        method="anchored",
        reason="asked for",
        closed=True,
        surface=surface,
        vertices_zyx=vertices,
        faces=faces,
        vertex_sd=_vertex_sd(surface, vertices),
        explained=explained,
        coverage=coverage,
        warnings=_poorly_explained(explained, config),
    )


def explained_share(surface: ImplicitSurface, points_zyx: Float64, reach_px: float) -> float:
    """Share of the points nearer to the surface than `reach_px`."""
    sample = _sample(points_zyx)
    return float(np.mean(np.abs(distance(surface, sample)) < reach_px))


def _sample(points: Float64) -> Float64:
    """Every k-th point, at most some 5000, which tell a share to within one percent."""
    return points[:: max(1, len(points) // _JUDGED_POINTS)]


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


def _least_cosine(surface: StarShapedSurface, points: Float64) -> float:
    """5 % quantile of the cosine between the normal and the ray from the centre."""
    normals = surface.gradient(points)
    rays = points - surface.state.ellipsoid.centre_zyx
    length = np.linalg.norm(normals, axis=1) * np.linalg.norm(rays, axis=1)
    return float(np.quantile(np.sum(normals * rays, axis=1) / np.maximum(length, 1e-9), 0.05))


def _star_reason(seen: Coverage, explained: float, cosine: float) -> str:
    return (
        f"star-shaped fit explains {explained:.1%} of the points, {seen.share:.0%} of its area "
        f"is seen, rays leave it at a cosine of at least {cosine:.2f}"
    )


def _poorly_explained(explained: float, config: FitConfig) -> tuple[str, ...]:
    if explained >= config.explained_share:
        return ()
    return (f"only {explained:.0%} of the points lie near the surface",)
