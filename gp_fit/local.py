"""Surfaces of any size and shape that follow their points closely and invent nothing.

Where a process with few superpoints would smooth folds away, each place is given the plane of the
points about it. Nothing is known far from points: the zero level set is to be trimmed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64, checked_points
from gp_fit.points import (
    local_normals,
    orient_normals,
    superpoint_spacing,
    superpoints,
    transfer_orientation,
)

MINIMUM_POINTS = 20
_NEIGHBOURS = 16
_CHUNK = 20000

_STRAYING = 0.33
"""Deviation per voxel beyond the last point, from a phantom's folded membrane."""


@dataclass(frozen=True)
class LocalConfig:
    """Options of the local surface; lengths in voxels."""

    spacing_px: float = field(default=2.0, metadata={"help": "distance of the planes"})
    reach_px: float = field(
        default=2.5, metadata={"help": "distance over which a plane's weight falls by a factor e"}
    )
    normal_radius_px: float = field(
        default=5.0, metadata={"help": "points this near determine a plane's normal"}
    )
    oriented_spacing_px: float = field(
        default=8.0, metadata={"help": "distance of the planes whose sides are settled together"}
    )
    most_planes: int = field(
        default=60000, metadata={"help": "more points than this are thinned out further"}
    )

    def __post_init__(self) -> None:
        for name in ("spacing_px", "reach_px", "normal_radius_px", "oriented_spacing_px"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


class LocalSurface:
    """Zero level set of the weighted mean of the distances from the nearest points' planes.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : LocalConfig, optional

    Raises
    ------
    GeometryError

    Notes
    -----
    f(q) = Σ w_i n_i·(q − p_i) / Σ w_i with w_i = exp(−|q − p_i|² / h²), over the nearest 16 planes
    (Kolluri 2008, doi:10.1145/1361192.1361195). Linear in the number of points.
    """

    def __init__(self, points_zyx: Float64, config: LocalConfig | None = None) -> None:
        options = config or LocalConfig()
        points = checked_points(points_zyx, 3, MINIMUM_POINTS)
        spacing = superpoint_spacing(points, options.most_planes, options.spacing_px)
        places, counts, owner = superpoints(points, spacing)
        radius = max(options.normal_radius_px, 1.6 * spacing)
        normals = _oriented(
            places, local_normals(places, radius, counts.astype(np.float64)), options
        )
        off = np.sum((points - places[owner]) * normals[owner], axis=1)
        noise = float(np.sqrt(np.mean(off**2)))
        self._prepare(places, normals, np.array([options.reach_px, noise, spacing]))

    def _prepare(self, places: Float64, normals: Float64, lengths: Float64) -> None:
        self.superpoints_zyx = places
        self._normals, self._lengths = normals, lengths
        self._tree = cKDTree(places)

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays from which `from_arrays` makes the same surface."""
        return {
            "places": self.superpoints_zyx,
            "normals": self._normals,
            "lengths": self._lengths,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> LocalSurface:
        """Make the surface again from the arrays of `to_arrays`."""
        real = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
        surface = cls.__new__(cls)
        surface._prepare(real["places"], real["normals"], real["lengths"])
        return surface

    @property
    def spacing_px(self) -> float:
        """Distance of the planes in voxels."""
        return float(self._lengths[2])

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,), near the surface about a distance in voxels, negative inside."""
        parts = [self._about(part)[0] for part in _chunks(points_zyx)]
        return np.concatenate(parts) if parts else np.empty(0)

    def gradient(self, points_zyx: Float64) -> Float64:
        """Gradient (N, 3) of f."""
        parts = [self._about(part)[1] for part in _chunks(points_zyx)]
        return np.concatenate(parts) if parts else np.empty((0, 3))

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels: scatter over planes that count, or gap."""
        parts = []
        for part in _chunks(points_zyx):
            distance = np.asarray(self._tree.query(part)[0])
            total = self._about(part)[2]
            noise = self._lengths[1] / np.sqrt(np.maximum(total, 1.0))
            parts.append(
                np.hypot(noise, _STRAYING * np.maximum(distance - 0.5 * self.spacing_px, 0.0))
            )
        return np.concatenate(parts) if parts else np.empty(0)

    def _about(self, points: Float64) -> tuple[Float64, Float64, Float64]:
        """Value (N,), its gradient (N, 3) and the sum of the weights (N,)."""
        count = min(_NEIGHBOURS, len(self.superpoints_zyx))
        distance, nearest = self._tree.query(points, k=np.arange(1, count + 1))
        reach2 = self._lengths[0] ** 2
        # Relative to the nearest plane's weight, so that nothing underflows far from all points.
        relative = np.exp(-(distance**2 - distance[:, :1] ** 2) / reach2)
        share = relative / relative.sum(axis=1, keepdims=True)
        apart = points[:, None] - self.superpoints_zyx[nearest]
        normals = self._normals[nearest]
        height = np.sum(apart * normals, axis=2)
        value = np.sum(share * height, axis=1)
        pull = -2.0 / reach2 * share * (height - value[:, None])
        slope = np.einsum("nk,nkd->nd", share, normals) + np.einsum("nk,nkd->nd", pull, apart)
        total = np.sum(relative, axis=1) * np.exp(-(distance[:, 0] ** 2) / reach2)
        return value, slope, total


def _oriented(places: Float64, normals: Float64, config: LocalConfig) -> Float64:
    """Give the planes' normals consistent sides, settled on a coarser set."""
    coarse, _, owner = superpoints(places, config.oriented_spacing_px)
    chosen = _nearest_member(places, coarse, owner)
    rough = orient_normals(places[chosen], normals[chosen])
    return transfer_orientation(places[chosen], rough, places, normals)


def _nearest_member(places: Float64, coarse: Float64, owner: Int64) -> Int64:
    """Index (C,) of the place nearest the mean of each cluster."""
    gap = np.sum((places - coarse[owner]) ** 2, axis=1)
    order = np.lexsort((gap, owner))
    return np.asarray(order[np.unique(owner[order], return_index=True)[1]], dtype=np.int64)


def _chunks(points_zyx: Float64) -> list[Float64]:
    points = np.asarray(points_zyx, dtype=np.float64)
    return [points[begin : begin + _CHUNK] for begin in range(0, len(points), _CHUNK)]
