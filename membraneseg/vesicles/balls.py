"""Round bodies in a volume: the value that the steps from probability to vesicles hand on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from membraneseg.types import Bool, Float64

HALF_MEMBRANE_A = 25.0
"""From the middle of a bilayer to its outer face, where the data do not show it: half of 5 nm."""
HEAD_GROUPS_A = 6.0
"""From the densest part of a leaflet, its phosphates, to the outer face of its head groups."""


@dataclass(frozen=True, eq=False)
class Balls:
    """Spheres in voxel coordinates.

    Parameters
    ----------
    ids : (N,) int64
        Above 0.
    centres_px : (N, 3) float64
        Indices zyx; a whole number is the centre of a voxel.
    radii_px : (N,) float64
        To the middle of the membrane.
    """

    ids: npt.NDArray[np.int64]
    centres_px: Float64
    radii_px: Float64

    def __post_init__(self) -> None:
        count = len(self.ids)
        if self.centres_px.shape != (count, 3) or self.radii_px.shape != (count,):
            raise ValueError(
                f"{count} ids need centres (N, 3) and radii (N,), got {self.centres_px.shape} and "
                f"{self.radii_px.shape}"
            )

    def __len__(self) -> int:
        """Return the number of spheres."""
        return len(self.ids)

    def chosen(self, which: Bool) -> Balls:
        """Return those of a (N,) mask."""
        return Balls(self.ids[which], self.centres_px[which], self.radii_px[which])


def paint_balls(
    shape_zyx: tuple[int, ...], ids: npt.NDArray[np.int64], centres_px: Float64, radii_px: Float64
) -> npt.NDArray[np.int32]:
    """Fill spheres with their ids.

    Parameters
    ----------
    shape_zyx : tuple of int
    ids : (N,) int64
    centres_px : (N, 3) float64
    radii_px : (N,) float64

    Returns
    -------
    (Z, Y, X) int32
        0 outside; the smaller of two that overlap lies on top, so that nested ones show.
    """
    labels = np.zeros(shape_zyx, dtype=np.int32)
    for index in np.lexsort((ids, -radii_px)):
        centre, radius = centres_px[index], radii_px[index]
        box, apart = distances_in_box(shape_zyx, centre, radius)
        labels[box][apart <= radius] = ids[index]
    return labels


def distances_in_box(
    shape_zyx: tuple[int, ...], centre_px: Float64, reach_px: float
) -> tuple[tuple[slice, slice, slice], Float64]:
    """Part of a volume round a point, and the distance of its voxels from the point.

    Parameters
    ----------
    shape_zyx : tuple of int
    centre_px : (3,) float64
    reach_px : float
        Half the edge of the box.

    Returns
    -------
    box : tuple of slice
        Inside the volume; may be empty.
    distances_px : array of the box's shape
    """
    low = np.clip(np.ceil(centre_px - reach_px).astype(int), 0, shape_zyx)
    high = np.clip(np.floor(centre_px + reach_px).astype(int) + 1, low, shape_zyx)
    axes = [np.arange(a, b) - c for a, b, c in zip(low, high, centre_px, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    return box, np.sqrt(z**2 + y**2 + x**2)
