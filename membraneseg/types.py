"""The values that travel between stages. Arrays are zyx; lengths in Å unless the name says px."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _is_points(array: npt.NDArray[np.float64], dimensions: int) -> bool:
    return array.ndim == 2 and array.shape[1] == dimensions and bool(np.isfinite(array).all())


@dataclass(frozen=True)
class Tomogram:
    """A reconstructed volume and where it stands in space.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Densities, dark membranes; may be a memory map of any real dtype.
    voxel_size_A : float
        Edge of a voxel in Å.
    origin_zyx_A : (3,) float64
        Position in Å of the centre of voxel (0, 0, 0).
    """

    voxels: npt.NDArray[np.generic]
    voxel_size_A: float
    origin_zyx_A: Float64

    def __post_init__(self) -> None:
        _check(self.voxels.ndim == 3, f"voxels must be (Z, Y, X), got {self.voxels.shape}")
        _check(self.voxel_size_A > 0, f"voxel_size_A must be positive, got {self.voxel_size_A}")
        _check(self.origin_zyx_A.shape == (3,), "origin_zyx_A must have three entries")


@dataclass(frozen=True)
class SliceFragments:
    """The membrane curves traced in one slice.

    Parameters
    ----------
    z_px : int
        Index of the slice.
    curves_yx_px : tuple of (N_i, 2) float64
        Points in order along each curve, in voxels (sub-voxel allowed).
    closed : (F,) bool
        True where a curve returns to its start.
    """

    z_px: int
    curves_yx_px: tuple[Float64, ...]
    closed: Bool

    def __post_init__(self) -> None:
        _check(len(self.curves_yx_px) == len(self.closed), "one closed flag per curve")
        _check(all(_is_points(c, 2) for c in self.curves_yx_px), "curves must be finite (N, 2)")


@dataclass(frozen=True)
class MembraneGroup:
    """The fragments that belong to one membrane.

    Parameters
    ----------
    label : int
        1, 2, 3 …; 0 is never used.
    fragment_ids : (F, 2) int64
        (index into the list of SliceFragments, index of the curve there).
    points_zyx_A : (P, 3) float64
        Points on the middle of the membrane, in Å in the tomogram's space.
    closed : bool
        True if the membrane encloses a volume.
    """

    label: int
    fragment_ids: Int64
    points_zyx_A: Float64
    closed: bool

    def __post_init__(self) -> None:
        _check(self.label > 0, f"label must be positive, got {self.label}")
        _check(_is_points(self.points_zyx_A, 3), "points_zyx_A must be finite (P, 3)")


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh of one membrane; faces turn outward (seen in zyx order as given).

    Parameters
    ----------
    vertices_zyx_A : (V, 3) float64
    faces : (F, 3) int64
        Counter-clockwise seen from outside when the vertices are read as xyz = zyx[::-1].
    sigma_A : (V,) float64
        Standard deviation of the surface position along its normal.
    observed : (V,) bool
        True where the data show the membrane, False where it was inferred.
    """

    vertices_zyx_A: Float64
    faces: Int64
    sigma_A: Float64
    observed: Bool

    def __post_init__(self) -> None:
        _check(_is_points(self.vertices_zyx_A, 3), "vertices_zyx_A must be finite (V, 3)")
        _check(self.faces.ndim == 2 and self.faces.shape[1] == 3, "faces must be (F, 3)")
        _check(len(self.sigma_A) == len(self.vertices_zyx_A), "one sigma_A per vertex")
        _check(len(self.observed) == len(self.vertices_zyx_A), "one observed flag per vertex")
