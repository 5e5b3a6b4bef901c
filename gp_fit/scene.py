"""The points of one membrane, what is known about them, and how well a surface explains them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gp_fit.arrays import Float64
from gp_fit.coverage import DetectionProbability, InsideVolume
from gp_fit.fitted import ImplicitSurface, distance
from gp_fit.reliability import Reliability

_JUDGED_POINTS = 5000
_FEWEST_JUDGED = 50


@dataclass(frozen=True, eq=False)
class Scene:
    """The points of one membrane and what is known about their visibility.

    Parameters
    ----------
    raw : (N, 3) float64
        All points.
    points : (P, 3) float64
        Those that are not isolated.
    detection_probability, inside_volume, reliability : callables or None
        See `fit_surface`.
    """

    raw: Float64
    points: Float64
    detection_probability: DetectionProbability | None
    inside_volume: InsideVolume | None
    reliability: Reliability | None = None


def explained_share(
    surface: ImplicitSurface,
    points_zyx: Float64,
    reach_px: float,
    reliability: Reliability | None = None,
) -> float:
    """Share of the points (N, 3), or of the reliable ones, within `reach_px` of the surface."""
    sample = thinned(points_zyx)
    near = np.abs(distance(surface, sample)) < reach_px
    if reliability is not None:
        sure = reliability(unit_normals(surface, sample)) > 0.5
        near = near[sure] if sure.sum() >= _FEWEST_JUDGED else near
    return float(np.mean(near))


def unit_normals(surface: ImplicitSurface, points_zyx: Float64) -> Float64:
    """Outward unit normals (N, 3) of the level sets through points (N, 3)."""
    slope = surface.gradient(points_zyx)
    return np.asarray(slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12))


def thinned(points: Float64) -> Float64:
    """Every k-th point, at most some 5000, which tell a share to within one percent."""
    return points[:: max(1, len(points) // _JUDGED_POINTS)]
