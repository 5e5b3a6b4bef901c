"""The part of a tomogram about one membrane: small enough to be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.types import Float32, Float64


@dataclass(frozen=True, eq=False)
class VoxelWindow:
    """A box of voxels that is addressed by the indices of the whole volume.

    Parameters
    ----------
    voxels : (z, y, x) float32
    first : (3,) tuple of int
        Index of its first voxel in the volume.
    shape : (3,) tuple of int
        Of the whole volume.
    """

    voxels: Float32
    first: tuple[int, int, int]
    shape: tuple[int, int, int]

    def __getitem__(self, parts: tuple[slice, slice, slice]) -> Float32:
        """Voxels of the volume's indices; NaN (unknown) beyond the window."""
        low = np.array([part.start for part in parts])
        high = np.array([part.stop for part in parts])
        out = np.full(high - low, np.nan, dtype=np.float32)
        first = np.asarray(self.first)
        start = np.maximum(low, first)
        stop = np.minimum(high, first + self.voxels.shape)
        if (start < stop).all():
            here = tuple(slice(a, b) for a, b in zip(start - low, stop - low, strict=True))
            there = tuple(slice(a, b) for a, b in zip(start - first, stop - first, strict=True))
            out[here] = self.voxels[there]
        return out


def window_about(voxels: npt.NDArray[Any], points_zyx: Float64, margin_px: float) -> VoxelWindow:
    """Copy the box of voxels about points.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        May be a memory map: only the box is read.
    points_zyx : (P, 3) float64
        In voxels, at least one.
    margin_px : float
        The box reaches so far beyond the points.

    Returns
    -------
    VoxelWindow
        Of one voxel at least.
    """
    top = np.asarray(voxels.shape)
    low = np.clip(np.floor(points_zyx.min(axis=0) - margin_px).astype(int), 0, top - 1)
    high = np.clip(np.ceil(points_zyx.max(axis=0) + margin_px).astype(int) + 1, low + 1, top)
    crop = np.array(voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float32)
    z, y, x = (int(n) for n in voxels.shape)
    return VoxelWindow(crop, (int(low[0]), int(low[1]), int(low[2])), (z, y, x))
