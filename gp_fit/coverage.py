"""How much of a closed surface the points show, and whether that suffices to close it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from gp_fit.arrays import Bool, Float64, Int64
from gp_fit.sphere import icosphere
from gp_fit.star_shaped import StarShapedSurface

DetectionProbability = Callable[[Float64], Float64]
"""Probability (N,) that a membrane with unit normals (N, 3) zyx is seen."""
InsideVolume = Callable[[Float64], Bool]
"""Whether points (N, 3) zyx lie inside the tomogram."""

_FREQUENCY = 10
_REACH_PX = 4.0


@dataclass(frozen=True)
class ClosureConfig:
    """When a membrane counts as closed."""

    coverage: float = field(
        default=0.28, metadata={"help": "closed if this share of the area shows points"}
    )
    facing_coverage: float = field(
        default=0.12, metadata={"help": "share that suffices if both sides face each other"}
    )
    facing: float = field(
        default=0.3, metadata={"help": "share of the seen area whose opposite is seen as well"}
    )
    seen_of_visible: float = field(
        default=0.55, metadata={"help": "share of the visible area seen, with facing_coverage"}
    )
    small_radius_px: float = field(
        default=65.0,
        metadata={"help": "vesicles up to this radius close from facing_coverage on"},
    )
    inside: float = field(
        default=0.6, metadata={"help": "share of a small vesicle that must lie in the volume"}
    )
    unseen_sd: float = field(
        default=0.4, metadata={"help": "largest median deviation of the unseen part, in radii"}
    )

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 < value <= (np.inf if name.endswith("_px") else 1.0):
                raise ValueError(
                    f"{name} is {value}, expected a share in (0, 1] or a positive length"
                )


@dataclass(frozen=True)
class Coverage:
    """What the points show of a closed surface.

    Parameters
    ----------
    share : float
        Share of its area near which there are points.
    facing : float
        Share of that area whose opposite side is seen as well.
    seen_of_visible : float
        Share seen of the area that should be visible; not a number if that is not known.
    unseen_sd : float
        Median standard deviation of the unseen part over the mean radius; 0 if all is seen.
    radius_px : float
        Mean radius.
    inside : float
        Share of the area inside the volume; 1 if the volume is not known.
    """

    share: float
    facing: float
    seen_of_visible: float
    unseen_sd: float
    radius_px: float
    inside: float

    def is_enough(self, config: ClosureConfig) -> bool:
        """Whether the surface may be closed."""
        if self.unseen_sd > config.unseen_sd:
            return False
        if self.share >= config.coverage:
            return True
        small = self.radius_px <= config.small_radius_px and self.inside >= config.inside
        faces = self.facing >= config.facing or self.seen_of_visible >= config.seen_of_visible
        return self.share >= config.facing_coverage and (faces or small)


def coverage_of(
    surface: StarShapedSurface,
    points_zyx: Float64,
    detection_probability: DetectionProbability | None = None,
    inside_volume: InsideVolume | None = None,
) -> Coverage:
    """Measure the coverage of a star-shaped surface by points (N, 3) in voxels."""
    directions, faces = icosphere(_FREQUENCY)
    ellipsoid = surface.state.ellipsoid
    positions = ellipsoid.unscaled(directions * surface.height(directions)[:, None])
    areas = vertex_areas(positions, faces)
    reach = max(_REACH_PX, 1.2 * float(np.sqrt(areas.mean())))
    near = cKDTree(points_zyx).query(positions, distance_upper_bound=reach)[0]
    seen = np.isfinite(near)
    opposite = cKDTree(directions).query(-directions)[1]
    total = float(areas[seen].sum())
    visible = _should_be_seen(surface, positions, detection_probability, inside_volume)
    radius = float(np.cbrt(np.prod(ellipsoid.semi_axes)))
    inside = np.ones(len(positions)) if inside_volume is None else inside_volume(positions)
    deviation = surface.sd_in(directions[~seen]) if not seen.all() else np.zeros(1)
    return Coverage(
        share=total / float(areas.sum()),
        facing=float(areas[seen & seen[opposite]].sum()) / max(total, 1e-12),
        seen_of_visible=float(areas[seen & visible].sum()) / float(areas[visible].sum())
        if visible.any()
        else float("nan"),
        unseen_sd=float(np.median(deviation)) / radius,
        radius_px=radius,
        inside=float(areas @ inside) / float(areas.sum()),
    )


def _should_be_seen(
    surface: StarShapedSurface,
    positions: Float64,
    detection_probability: DetectionProbability | None,
    inside_volume: InsideVolume | None,
) -> Bool:
    if detection_probability is None:
        return np.zeros(len(positions), dtype=np.bool_)
    normals = surface.gradient(positions)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    visible = np.asarray(detection_probability(normals) >= 0.5)
    return visible if inside_volume is None else visible & inside_volume(positions)


def vertex_areas(positions: Float64, faces: Int64) -> Float64:
    """Area (V,) that belongs to each vertex of a triangle mesh: a third of its faces."""
    corners = positions[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    third = np.linalg.norm(cross, axis=1) / 6.0
    shares = np.repeat(third, 3)
    return np.asarray(np.bincount(faces.reshape(-1), shares, len(positions)), dtype=np.float64)
