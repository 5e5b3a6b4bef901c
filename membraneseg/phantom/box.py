"""The box of voxels that a phantom fills, and its place in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.types import Float64


@dataclass(frozen=True)
class Box:
    """A grid of cubic voxels.

    Parameters
    ----------
    shape_zyx : tuple of int
        Voxels along each axis.
    voxel_size_A : float
    origin_zyx_A : (3,) float64
        Centre of voxel (0, 0, 0).
    """

    shape_zyx: tuple[int, int, int]
    voxel_size_A: float
    origin_zyx_A: Float64

    @property
    def low_A(self) -> Float64:
        """(3,) centre of the first voxel."""
        return np.asarray(self.origin_zyx_A, dtype=np.float64)

    @property
    def high_A(self) -> Float64:
        """(3,) centre of the last voxel."""
        return self.low_A + (np.asarray(self.shape_zyx) - 1) * self.voxel_size_A

    @property
    def centre_A(self) -> Float64:
        """(3,) middle of the box."""
        return (self.low_A + self.high_A) / 2

    def to_index(self, points_zyx_A: Float64) -> Float64:
        """Voxel indices (sub-voxel) of (N, 3) positions in Å."""
        return angstrom_to_index(points_zyx_A, self.voxel_size_A, self.origin_zyx_A)

    def to_angstrom(self, index_zyx: Float64) -> Float64:
        """Positions in Å of (N, 3) voxel indices."""
        return index_to_angstrom(index_zyx, self.voxel_size_A, self.origin_zyx_A)

    def refined(self, factor: int) -> Box:
        """Return the same space in voxels `factor` times as fine."""
        fine_A = self.voxel_size_A / factor
        shift_A = (fine_A - self.voxel_size_A) / 2
        z, y, x = self.shape_zyx
        return Box((z * factor, y * factor, x * factor), fine_A, self.low_A + shift_A)
