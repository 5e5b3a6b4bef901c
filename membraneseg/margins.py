"""Margins of a tomogram that hold no data, such as the corners of a rotated one, and their fill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from membraneseg.io.placement import MrcHeader
from membraneseg.io.rewriting import rewritten
from membraneseg.segment.rescale import Prediction
from membraneseg.types import Bool, Float32, Int64, Tomogram

FLAT_PX = 5
"""Edge of a square of pixels that are all alike: never seen in noise."""
BLURRED_PX = 2
"""Width of the seam where interpolation mixed data and margin."""
LEAST_CONVEX = 0.95
"""Least share of its convex hull that a reconstructed area fills: what is thresholded is ragged."""
MIRRORED_PX = 32
"""Depth of the strip of data that is mirrored into a margin, to and fro."""


def empty_margin(plane: npt.NDArray[np.generic]) -> Bool:
    """Find the part of a slice that was never reconstructed.

    Parameters
    ----------
    plane : (Y, X) array

    Returns
    -------
    (Y, X) bool
        What has one value, reaches the border of the slice and leaves a convex area of data, with a
        seam of BLURRED_PX; everything in a constant slice; nothing where the rest is not convex.
    """
    values = plane.astype(np.float32)
    square = np.ones((FLAT_PX, FLAT_PX), dtype=np.uint8)
    flat = np.asarray(cv2.erode(values, square) == cv2.dilate(values, square), dtype=np.bool_)
    if flat.all():
        return flat
    none, rim = np.zeros_like(flat), np.zeros_like(flat)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    if not (flat & rim).any():
        return none
    count, areas = cv2.connectedComponents(cv2.dilate(flat.astype(np.uint8), square))
    touching = np.zeros(count, dtype=np.bool_)
    touching[areas[rim]] = True
    touching[0] = False  # what is not alike
    outside = touching[areas]
    if not _is_convex(~outside):
        return none
    seam = np.ones((2 * BLURRED_PX + 1, 2 * BLURRED_PX + 1), dtype=np.uint8)
    return np.asarray(cv2.dilate(outside.astype(np.uint8), seam), dtype=np.bool_)


def _is_convex(area: Bool) -> bool:
    """Whether the pixels of an area (Y, X) fill LEAST_CONVEX of their convex hull."""
    places = cv2.findNonZero(area.astype(np.uint8))
    if places is None:
        return False
    hull = np.zeros(area.shape, dtype=np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(places), 1)
    return bool(area.sum() >= LEAST_CONVEX * hull.sum())


def continued(plane: npt.NDArray[np.generic], margin: Bool) -> Float32:
    """Mirror the data of a slice into its margin, so that no edge shows and the noise goes on.

    Parameters
    ----------
    plane : (Y, X) array
    margin : (Y, X) bool
        Not everything.

    Returns
    -------
    (Y, X) float32
    """
    values = plane.astype(np.float32)
    if margin.any():
        values[margin] = values[_mirrored(margin)]
    return values


def _mirrored(margin: Bool) -> tuple[Int64, ...]:
    """Pixel of data (2, M) for each pixel of a margin: its mirror image at the nearest data."""
    depth, nearest = ndimage.distance_transform_edt(margin, return_indices=True)
    here = np.argwhere(margin).T
    edge, deep = nearest[:, margin], depth[margin]
    folded = MIRRORED_PX - np.abs(MIRRORED_PX - (deep - 1.0) % (2 * MIRRORED_PX))
    target = np.rint(edge + (edge - here) * (folded / deep)).astype(np.int64)
    target = np.clip(target, 0, np.array(margin.shape)[:, None] - 1)
    astray = margin[tuple(target)]
    target[:, astray] = edge[:, astray]
    return tuple(target)


def without_margins(
    tomogram: Tomogram, header: MrcHeader, folder: Path
) -> tuple[Tomogram, tuple[str, ...]]:
    """Fill the margins of a tomogram, if it has any, in a file `filled.mrc` of a folder.

    Parameters
    ----------
    tomogram : Tomogram
        Not constant.
    header : MrcHeader
        The tomogram's own.
    folder : Path
        Exists.

    Returns
    -------
    tomogram : Tomogram
        The same one if there is nothing to fill; else a memory map of float32 in the same place.
    notes : tuple of str
        One if something was filled.
    """
    voxels = tomogram.voxels
    shares = np.array([empty_margin(plane).mean() for plane in voxels])
    held = np.flatnonzero(shares < 1.0)
    if not shares.any() or not len(held):
        return tomogram, ()
    planes = (_filled(voxels, held, z) for z in range(len(voxels)))
    filled = rewritten(folder / "filled.mrc", tomogram, header, "margins filled", planes)
    note = (
        f"{100 * shares.mean():.0f} % of the volume are constant margins without data: nothing is "
        "looked for there"
    )
    return filled, (note,)


def _filled(voxels: npt.NDArray[np.generic], held: Int64, z: int) -> Float32:
    """Slice z with its margins filled; one without any data is mirrored at those that hold some."""
    nearest = held[np.abs(held - z).argmin()]
    plane = voxels[held[np.abs(held - (2 * nearest - z)).argmin()]]
    return continued(plane, empty_margin(plane))


def region_with_data(voxels: npt.NDArray[np.generic]) -> Bool | None:
    """Where a volume (Z, Y, X) holds data; None if everywhere."""
    held = np.stack([~empty_margin(plane) for plane in voxels])
    return None if held.all() else held


def silent_in_margins(
    planes: Iterable[Prediction], voxels: npt.NDArray[np.generic]
) -> Iterator[Prediction]:
    """Call nothing membrane or protein where a volume (Z, Y, X) holds no data."""
    for (membrane, protein), plane in zip(planes, voxels, strict=True):
        margin = empty_margin(plane)
        yield np.where(margin, np.float32(0.0), membrane), np.where(margin, np.int8(0), protein)
