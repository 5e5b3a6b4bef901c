"""Slices of a volume and where they lie, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from membraneseg.report.content import Volume
from membraneseg.types import Float64

DARKEST_PERCENT, BRIGHTEST_PERCENT = 1.0, 99.5
_SAMPLES = 2_000_000
_ACROSS_UP = {0: (2, 1), 1: (2, 0), 2: (1, 0)}
_NAMES = "zyx"


@dataclass(frozen=True)
class Grid:
    """Shape and place of a volume.

    Parameters
    ----------
    shape : tuple of int
        (Z, Y, X).
    voxel_size_A : float
    origin_zyx_A : (3,) float64
        Centre of voxel (0, 0, 0).
    """

    shape: tuple[int, ...]
    voxel_size_A: float
    origin_zyx_A: Float64

    def centre_A(self, axis: int, index: int) -> float:
        """Coordinate of the middle of a slice."""
        return float(self.origin_zyx_A[axis] + index * self.voxel_size_A)

    def bounds_nm(self, axis: int) -> tuple[float, float]:
        """Outer faces of the first and the last voxel along an axis."""
        low_A = float(self.origin_zyx_A[axis]) - self.voxel_size_A / 2
        return low_A / 10, (low_A + self.shape[axis] * self.voxel_size_A) / 10


@dataclass(frozen=True)
class Plane:
    """A slice: its normal axis (0 = z: XY, 1 = y: XZ, 2 = x: YZ) and the index along it."""

    axis: int
    index: int

    @property
    def across(self) -> int:
        """Axis that runs to the right in a picture of this plane."""
        return _ACROSS_UP[self.axis][0]

    @property
    def up(self) -> int:
        """Axis that runs upward, as in IMOD and ChimeraX."""
        return _ACROSS_UP[self.axis][1]

    @property
    def title(self) -> str:
        """``XY · z = 48``, counted from 0 in voxels."""
        name = (_NAMES[self.across] + _NAMES[self.up]).upper()
        return f"{name} · {_NAMES[self.axis]} = {self.index}"

    def cut(self, volume: Volume) -> npt.NDArray[np.float32]:
        """Read one slice of a (Z, Y, X) volume as (up, across) float32; row 0 is the lowest."""
        return np.asarray(np.take(volume, self.index, axis=self.axis), dtype=np.float32)

    def extent_nm(self, grid: Grid) -> tuple[float, float, float, float]:
        """Left, right, bottom, top faces of the slice."""
        return (*grid.bounds_nm(self.across), *grid.bounds_nm(self.up))

    def height_share(self, grid: Grid) -> float:
        """Height of the slice over its width."""
        left, right, bottom, top = self.extent_nm(grid)
        return (top - bottom) / (right - left)

    def picture_nm(self, points_zyx_A: Float64) -> Float64:
        """(N, 3) positions in Å as (N, 2) across and up in nm."""
        return points_zyx_A[:, [self.across, self.up]] / 10


def grey_range(voxels: Volume) -> tuple[float, float]:
    """Densities to draw black and white: percentiles 1 and 99.5 of evenly spread voxels.

    Notes
    -----
    Looks at about two million voxels in whole slices, so that a memory map stays one.
    """
    slices = max(1, min(len(voxels), _SAMPLES // max(1, voxels[0].size)))
    chosen = np.unique(np.linspace(0, len(voxels) - 1, slices).round().astype(int))
    stride = max(1, int(np.sqrt(len(chosen) * voxels[0].size / _SAMPLES)))
    sample = np.concatenate([np.ravel(voxels[z, ::stride, ::stride]) for z in chosen])
    sample = sample[np.isfinite(sample)].astype(np.float64)
    if not len(sample):
        return 0.0, 1.0
    low, high = np.percentile(sample, [DARKEST_PERCENT, BRIGHTEST_PERCENT])
    return float(low), float(high) if high > low else float(low) + 1.0


def to_grey(image: npt.NDArray[np.float32], limits: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Map densities between `limits` to 0–255; what is not a number becomes black."""
    share = np.nan_to_num((image - limits[0]) / (limits[1] - limits[0]))
    grey: npt.NDArray[np.uint8] = np.round(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
    return grey


def probability_opacity(
    probability: npt.NDArray[np.float32],
) -> npt.NDArray[np.uint8]:
    """Opacity 0–190 of the coloured layer; in 16 steps, nothing below 0.15.

    Steps, so that a PNG of it stays small; never opaque, so that the membrane shows through.
    """
    share = np.clip((np.nan_to_num(probability) - 0.15) / 0.6, 0.0, 1.0)
    opacity: npt.NDArray[np.uint8] = np.round(np.round(15 * share) * (190 / 15)).astype(np.uint8)
    return opacity


def richest_planes(grid: Grid, points_zyx_A: Float64) -> tuple[list[Plane], Plane, Plane]:
    """Three XY planes, one XZ and one YZ, placed where the membranes are.

    Parameters
    ----------
    grid : Grid
    points_zyx_A : (N, 3) float64
        Vertices of all meshes; the planes spread over them. Without any, over the volume.

    Returns
    -------
    xy : list of Plane
        At the quarters of the vertices' z.
    xz, yz : Plane
        Where most vertices are, seen through a window of a tenth of the volume.
    """
    index = (points_zyx_A - grid.origin_zyx_A) / grid.voxel_size_A
    inside = ((index >= -0.5) & (index < np.array(grid.shape) - 0.5)).all(axis=1)
    index = index[inside]
    if not len(index):
        z, y, x = grid.shape
        return [Plane(0, z * k // 4) for k in (1, 2, 3)], Plane(1, y // 2), Plane(2, x // 2)
    heights = np.percentile(index[:, 0], [20, 50, 80]).round().astype(int)
    xy = [Plane(0, z) for z in sorted(set(heights.tolist()))]
    return xy, _densest(grid, index, 1), _densest(grid, index, 2)


def _densest(grid: Grid, index_zyx: Float64, axis: int) -> Plane:
    counts = np.bincount(index_zyx[:, axis].round().astype(int), minlength=grid.shape[axis])
    window = max(1, grid.shape[axis] // 10)
    smooth = np.convolve(counts, np.hanning(2 * window + 3)[1:-1], mode="same")
    return Plane(axis, int(np.argmax(smooth[: grid.shape[axis]])))
