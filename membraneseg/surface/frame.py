"""Where a volume stands in space and how it was tilted: what geometry needs of a tomogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.types import Bool, Float64


@dataclass(frozen=True)
class VolumeFrame:
    """The box of a tomogram.

    Parameters
    ----------
    shape_zyx : tuple of int
        Voxels along z, y and x.
    voxel_size_A : float
    origin_zyx_A : (3,) float64
        Position in Å of the centre of voxel (0, 0, 0).
    tilt_range_deg : float
        θ of a ±θ tilt series about the y axis.
    """

    shape_zyx: tuple[int, int, int]
    voxel_size_A: float
    origin_zyx_A: Float64
    tilt_range_deg: float

    def __post_init__(self) -> None:
        if len(self.shape_zyx) != 3 or min(self.shape_zyx) < 1:
            raise ValueError(f"shape_zyx must be three positive numbers, got {self.shape_zyx}")
        if not self.voxel_size_A > 0:
            raise ValueError(f"voxel_size_A must be positive, got {self.voxel_size_A}")
        if np.shape(self.origin_zyx_A) != (3,) or not np.isfinite(self.origin_zyx_A).all():
            raise ValueError(f"origin_zyx_A must be three numbers, got {self.origin_zyx_A}")
        if not 0.0 < self.tilt_range_deg <= 90.0:
            raise ValueError(f"tilt_range_deg must be in (0, 90], got {self.tilt_range_deg}")

    @property
    def voxel_size_nm(self) -> float:
        """Edge of a voxel in nm."""
        return self.voxel_size_A / 10.0

    def contains(self, points_zyx_px: Float64) -> Bool:
        """Whether (N, 3) positions in voxels lie inside the box, faces of outer voxels included."""
        points = np.asarray(points_zyx_px, dtype=np.float64)
        inside = (points >= -0.5) & (points <= np.asarray(self.shape_zyx) - 0.5)
        return np.asarray(inside.all(axis=-1), dtype=np.bool_)
