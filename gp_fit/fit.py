"""From points to a surface: choose the method, fit, mesh, and say why."""

from __future__ import annotations

import logging

from gp_fit.arrays import Float64, checked_points
from gp_fit.config import FitConfig
from gp_fit.coverage import DetectionProbability, InsideVolume
from gp_fit.errors import NoSurfaceError
from gp_fit.fitted import FittedSurface
from gp_fit.hermite import HermiteSurface
from gp_fit.level_methods import closed_anchored, closed_hermite, open_sheet
from gp_fit.methods import StarAttempt, finished_star, try_star
from gp_fit.points import density_filter
from gp_fit.reliability import Reliability
from gp_fit.scene import Scene
from gp_fit.star_fit import MINIMUM_POINTS

logger = logging.getLogger(__name__)


def fit_surface(
    points_zyx: Float64,
    config: FitConfig | None = None,
    detection_probability: DetectionProbability | None = None,
    inside_volume: InsideVolume | None = None,
    reliability: Reliability | None = None,
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
    reliability : callable, optional
        Chance (N,) that points on a surface with unit normals (N, 3) zyx lie where the surface
        is. At the edge of a missing wedge a surface runs straight on instead of bending; without
        this, closed surfaces come out too tall there.

    Returns
    -------
    FittedSurface

    Raises
    ------
    GeometryError
        TooFewPointsError, CoplanarPointsError or NoSurfaceError, with the reason.

    Notes
    -----
    A star-shaped surface if it explains the points, every ray leaves it steeply and enough of it
    is seen; else a closed Hermite surface if its zero level closes and enough of it is seen; else
    an open sheet trimmed to the points.
    """
    options = config or FitConfig()
    raw = checked_points(points_zyx, 3, MINIMUM_POINTS)
    points = raw[density_filter(raw, options.isolation_radius_px, options.isolation_share)]
    points = checked_points(points, 3, MINIMUM_POINTS)
    scene = Scene(raw, points, detection_probability, inside_volume, reliability)
    result = _routed(scene, options)
    logger.debug("%d points: %s, %s", len(raw), result.method, result.reason)
    return result


def _routed(scene: Scene, config: FitConfig) -> FittedSurface:
    if config.method == "anchored":
        return closed_anchored(scene, config)
    if config.method in {"hermite", "sheet"}:
        make = closed_hermite if config.method == "hermite" else open_sheet
        return make(HermiteSurface(scene.points, config.hermite), scene, config, "asked for")
    star = try_star(scene, config)
    if config.method == "star" or (star.fits and star.covered):
        return finished_star(scene, config, star)
    surface = HermiteSurface(scene.points, config.hermite)
    if star.fits:
        return open_sheet(surface, scene, config, f"too little of a closed shape: {star.reason}")
    return _closed_or_sheet(surface, scene, config, star)


def _closed_or_sheet(
    surface: HermiteSurface, scene: Scene, config: FitConfig, star: StarAttempt
) -> FittedSurface:
    """Decide on what no star-shaped surface explains."""
    try:
        closed = closed_hermite(surface, scene, config, star.reason)
        if closed.explained >= star.explained:
            return closed
        why = f"the closed Hermite surface explains only {closed.explained:.1%}"
    except NoSurfaceError as error:
        why = str(error)
    if star.covered and star.steep:
        return finished_star(scene, config, star)
    return open_sheet(surface, scene, config, f"not closed: {why}; {star.reason}")
