"""From points to a surface: choose the method, fit, mesh, and say why."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np

from gp_fit.arrays import Float64, checked_points
from gp_fit.coverage import (
    ClosureConfig,
    Coverage,
    DetectionProbability,
    InsideVolume,
    coverage_of,
)
from gp_fit.errors import NoSurfaceError
from gp_fit.fitted import FittedSurface, ImplicitSurface, distance
from gp_fit.points import density_filter
from gp_fit.star_fit import MINIMUM_POINTS, StarConfig
from gp_fit.star_shaped import StarShapedSurface

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitConfig:
    """Options of `fit_surface`; lengths in voxels."""

    method: str = field(default="auto", metadata={"help": "auto, star"})
    mesh_spacing_px: float = field(default=2.0, metadata={"help": "distance of mesh vertices"})
    isolation_radius_px: float = field(
        default=4.0, metadata={"help": "reach of the density filter"}
    )
    isolation_share: float = field(
        default=0.3, metadata={"help": "points with fewer neighbours than this share are dropped"}
    )
    explained_distance_px: float = field(
        default=2.5, metadata={"help": "a point this near counts as explained"}
    )
    explained_share: float = field(
        default=0.95, metadata={"help": "share of points a star-shaped surface must explain"}
    )
    least_cosine: float = field(
        default=0.5, metadata={"help": "5 % quantile of cos(normal, ray) for star-shaped"}
    )
    star: StarConfig = field(default_factory=StarConfig)
    closure: ClosureConfig = field(default_factory=ClosureConfig)

    def __post_init__(self) -> None:
        if self.method not in {"auto", "star"}:
            raise ValueError(f"method is {self.method!r}, expected auto or star")
        if not self.mesh_spacing_px > 0.0:
            raise ValueError(f"mesh_spacing_px is {self.mesh_spacing_px}, expected > 0")


def fit_surface(
    points_zyx: Float64,
    config: FitConfig | None = None,
    detection_probability: DetectionProbability | None = None,
    inside_volume: InsideVolume | None = None,
) -> FittedSurface:
    """Fit a membrane through points that show only part of it.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points on the middle of one membrane, in voxels, scatter about 0.7.
    config : FitConfig, optional
    detection_probability : callable, optional
        Probability (N,) that a membrane with unit normals (N, 3) zyx is seen; what was not seen
        then counts as evidence.
    inside_volume : callable, optional
        Whether positions (N, 3) zyx lie in the tomogram; outside it nothing could be seen.

    Returns
    -------
    FittedSurface

    Raises
    ------
    GeometryError
        TooFewPointsError, CoplanarPointsError or NoSurfaceError, with the reason.
    """
    options = config or FitConfig()
    raw = checked_points(points_zyx, 3, MINIMUM_POINTS)
    points = raw[density_filter(raw, options.isolation_radius_px, options.isolation_share)]
    points = checked_points(points, 3, MINIMUM_POINTS)
    star = StarShapedSurface(points, options.star)
    coverage = coverage_of(star, points, detection_probability, inside_volume)
    explained = explained_share(star, points, options.explained_distance_px)
    if not coverage.is_enough(options.closure):
        raise NoSurfaceError(f"points cover {coverage.share:.0%} of a closed surface: too little")
    vertices, faces = star.mesh(options.mesh_spacing_px)
    result = FittedSurface(
        method="star",
        reason=_reason(coverage, explained),
        closed=True,
        surface=star,
        vertices_zyx=vertices,
        faces=faces,
        vertex_sd=star.vertex_sd(options.mesh_spacing_px),
        explained=explained,
        coverage=coverage.share,
    )
    logger.debug("%d points: %s, %s", len(raw), result.method, result.reason)
    return result


def explained_share(surface: ImplicitSurface, points_zyx: Float64, reach_px: float) -> float:
    """Share of the points nearer to the surface than `reach_px`."""
    return float(np.mean(np.abs(distance(surface, points_zyx)) < reach_px))


def _reason(coverage: Coverage, explained: float) -> str:
    return (
        f"every ray from the centre leaves once; {explained:.1%} of the points explained, "
        f"{coverage.share:.0%} of the area seen"
    )
