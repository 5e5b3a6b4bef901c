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
    ice_z_px : (float, float), optional
        Lowest and highest z of the ice, in voxels, if it ends inside the box.
    """

    shape_zyx: tuple[int, int, int]
    voxel_size_A: float
    origin_zyx_A: Float64
    tilt_range_deg: float
    ice_z_px: tuple[float, float] | None = None

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

    @property
    def low_px(self) -> Float64:
        """Lowest corner (3,) of the ice in the box, faces of outer voxels included."""
        low = np.full(3, -0.5)
        low[0] = low[0] if self.ice_z_px is None else self.ice_z_px[0]
        return low

    @property
    def high_px(self) -> Float64:
        """Highest corner (3,) of the ice in the box, faces of outer voxels included."""
        high = np.asarray(self.shape_zyx) - 0.5
        high[0] = high[0] if self.ice_z_px is None else self.ice_z_px[1]
        return high

    def contains(self, points_zyx_px: Float64) -> Bool:
        """Whether (N, 3) positions in voxels lie inside the ice in the box."""
        points = np.asarray(points_zyx_px, dtype=np.float64)
        inside = (points >= self.low_px) & (points <= self.high_px)
        return np.asarray(inside.all(axis=-1), dtype=np.bool_)
