"""Making a star-shaped surface, and the conditions under which it is to be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gp_fit.arrays import Float64
from gp_fit.config import FitConfig
from gp_fit.coverage import Coverage, coverage_of
from gp_fit.ellipsoid import Ellipsoid, fit_ellipsoid
from gp_fit.errors import NoSurfaceError
from gp_fit.fitted import FittedSurface
from gp_fit.scene import Scene, explained_share, thinned, unit_normals
from gp_fit.star_shaped import StarShapedSurface
from gp_fit.wedge_evidence import with_wedge_evidence

__all__ = ["Scene", "StarAttempt", "explained_share", "finished_star", "try_star"]

_NARROW = 0.05
"""Share of all directions; points in fewer show too little of a closed shape."""


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
    near = np.abs(frame.signed_distance(thinned(scene.points))) < config.explained_distance_px
    fitting = bool(np.mean(near) >= config.explained_share)
    # A cap that narrow covers less than a tenth of the sphere.
    narrow = (extent < radius and fitting) or _round_share(frame, scene.points) < _NARROW
    if narrow and config.method == "auto":
        reason = f"the points span {extent:.0f} voxels of a shape of radius {radius:.0f}"
        return StarAttempt(None, fitting, False, True, 0.0, 0.0, reason)
    try:
        surface = StarShapedSurface(scene.points, config.star, frame, scene.reliability)
    except NoSurfaceError:
        return StarAttempt(None, False, False, False, 0.0, 0.0, "no common centre")
    seen = coverage_of(surface, scene.points, scene.detection_probability, scene.inside_volume)
    explained = explained_share(
        surface, scene.points, config.explained_distance_px, scene.reliability
    )
    cosine = _least_cosine(surface, thinned(scene.points))
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


def _least_cosine(surface: StarShapedSurface, points: Float64) -> float:
    """5 % quantile of the cosine between the normal and the ray from the centre."""
    rays = points - surface.state.ellipsoid.centre_zyx
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9)
    return float(np.quantile(np.sum(unit_normals(surface, points) * rays, axis=1), 0.05))


def _round_share(frame: Ellipsoid, points: Float64) -> float:
    """Share of all directions from the centre in which points lie, if they lie in a cone."""
    rays = thinned(points) - frame.centre_zyx
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9)
    return 1.0 - float(np.linalg.norm(rays.mean(axis=0)))


def _star_reason(seen: Coverage, explained: float, cosine: float) -> str:
    return (
        f"star-shaped fit explains {explained:.1%} of the points, {seen.share:.0%} of its area "
        f"is seen, rays leave it at a cosine of at least {cosine:.2f}"
    )
