"""Points of a group that lie on one membrane: an ellipse per slice, handed from slice to slice."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import numpy as np

from gp_fit.ellipse import Ellipse, distance_to_ellipse, fit_ellipse
from gp_fit.errors import GeometryError
from membraneseg.coords import angstrom_to_index
from membraneseg.errors import MembraneSegError
from membraneseg.types import Bool, Float64, MembraneGroup

logger = logging.getLogger(__name__)

_SECTORS = 24
_WIDEST_SPREAD = 0.05  # of points about an ellipse, as a share of its radius
_MOST_POINTS = 60  # that an ellipse fit is given; more are thinned evenly


@dataclass(frozen=True)
class SelectConfig:
    """Which points of a group are kept. Lengths are in voxels."""

    near_px: float = field(
        default=1.5, metadata={"help": "distance from the slice's ellipse up to which points stay"}
    )
    near_spread: float = field(
        default=2.5, metadata={"help": "added to it, in units of the slice's median distance"}
    )
    bound: float = field(
        default=0.2, metadata={"help": "change of the ellipse from slice to slice, as a share"}
    )
    min_points: int = field(
        default=12, metadata={"help": "slices with fewer points take over the last ellipse"}
    )
    min_described: float = field(
        default=0.7, metadata={"help": "share of points an ellipse must describe to be believed"}
    )

    def __post_init__(self) -> None:
        for name in ("near_px", "bound", "min_points"):
            if not getattr(self, name) > 0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}; it must be positive; raise {name}"
                )
        if not 0.0 <= self.min_described <= 1.0:
            raise MembraneSegError(
                f"min_described is {self.min_described}; it must lie in 0 to 1; change it"
            )


def select_points(
    group: MembraneGroup, geometry: tuple[float, Float64, float], config: SelectConfig
) -> MembraneGroup:
    """Drop the points of a group that lie off its ellipses.

    Parameters
    ----------
    group : MembraneGroup
        Points in Å.
    geometry : (voxel_size_A, origin_zyx_A, tilt_range_deg)
        Where the volume stands.
    config : SelectConfig
        Distances and bounds.

    Returns
    -------
    MembraneGroup
        The same group with fewer points. An open group, or one that no ellipse describes in its
        best slice, comes back as it was; so do the points of a slice that its ellipse does not
        describe: no shape is forced.

    Notes
    -----
    Zhou et al. 2023, section 5.1. The slice seen from the most directions is fitted first; its
    ellipse is the start and the bound of its neighbours', and so on up and down. About 5 ms per
    slice.
    """
    if not group.closed:
        return group
    index = angstrom_to_index(group.points_zyx_A, geometry[0], np.asarray(geometry[1]))
    slices = np.round(index[:, 0]).astype(np.int64)
    levels = np.unique(slices)
    coverage = [_directions_seen(index[slices == level, 1:]) for level in levels]
    best = int(np.argmax(coverage))
    first = _fit(index[slices == levels[best], 1:], None, config.bound)
    if first is None or _near(index[slices == levels[best], 1:], first, config).mean() < (
        config.min_described
    ):
        return group
    keep = np.ones(len(index), dtype=bool)
    for order in (range(best, len(levels)), range(best - 1, -1, -1)):
        ellipse, at = first, int(levels[best])
        for position in order:
            level = int(levels[position])
            here = np.flatnonzero(slices == level)
            keep[here], ellipse = _select_slice(index[here, 1:], ellipse, abs(level - at), config)
            at = level
    logger.debug("group %d: %d of %d points kept", group.label, keep.sum(), len(keep))
    return replace(group, points_zyx_A=group.points_zyx_A[keep])


def _select_slice(
    points_yx: Float64, start: Ellipse, steps: int, config: SelectConfig
) -> tuple[Bool, Ellipse]:
    """Which points of a slice stay, and the ellipse to hand on."""
    if len(points_yx) < config.min_points:
        slack = config.bound * float(np.mean(start.semi_axes)) * max(steps, 1)
        return _near(points_yx, start, config, slack), start
    bound = min(config.bound * max(steps, 1), 0.8)
    ellipse = _fit(points_yx, start, bound)
    if ellipse is None:
        return np.ones(len(points_yx), dtype=bool), start
    near = _near(points_yx, ellipse, config)
    if near.mean() < config.min_described:
        return np.ones(len(points_yx), dtype=bool), start
    return near, ellipse


def _fit(points_yx: Float64, start: Ellipse | None, bound: float) -> Ellipse | None:
    """Ellipse, or None where the points determine none."""
    try:
        return fit_ellipse(points_yx[:: max(1, len(points_yx) // _MOST_POINTS)], start, bound)
    except GeometryError:
        return None


def _near(
    points_yx: Float64, ellipse: Ellipse, config: SelectConfig, slack_px: float = 0.0
) -> Bool:
    """Which points lie near an ellipse, nearer where the others lie near."""
    distance = distance_to_ellipse(points_yx, ellipse)
    spread = min(float(np.median(distance)), _WIDEST_SPREAD * float(np.mean(ellipse.semi_axes)))
    return np.asarray(distance <= config.near_px + config.near_spread * spread + slack_px)


def _directions_seen(points_yx: Float64) -> float:
    """Directions round their middle from which points are seen; their number decides ties."""
    middle = 0.5 * (points_yx.min(axis=0) + points_yx.max(axis=0))
    apart = points_yx - middle
    sector = np.floor((np.arctan2(apart[:, 0], apart[:, 1]) / (2 * np.pi) + 0.5) * _SECTORS)
    return len(np.unique(sector)) + min(len(points_yx) * 1e-4, 0.9)
