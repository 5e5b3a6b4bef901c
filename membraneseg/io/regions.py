"""Regions of a tomogram that a user drew: a mask volume, or closed contours in an IMOD model."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.placement import MrcHeader
from membraneseg.types import Bool, Float64

IMOD_START = b"IMODV1.2"
MODEL_BYTES, OBJECT_BYTES = 232, 176
"""Lengths of the model's and of an object's header, behind their names."""
PIXEL_CENTRE = 0.5
"""In an IMOD model the centre of the first voxel lies here in x and y, and at 0 in z."""


def read_region(path: Path, header: MrcHeader) -> Bool:
    """Read where vesicles may lie.

    Parameters
    ----------
    path : Path
        An MRC mask (everything above 0 counts) or an IMOD model of closed contours drawn in xy
        slices (all objects together).
    header : MrcHeader
        Of the tomogram.

    Returns
    -------
    (Z, Y, X) bool

    Raises
    ------
    MembraneSegError
        If the file is neither, is empty, or is of another size than the tomogram.
    """
    try:
        with path.open("rb") as source:
            is_model = source.read(len(IMOD_START)) == IMOD_START
    except OSError as error:
        raise MembraneSegError(
            f"The region {path} cannot be read ({error.strerror}): give an MRC mask or an IMOD "
            "model with --mask."
        ) from error
    region = _filled(path, header) if is_model else _mask(path, header)
    if not region.any():
        raise MembraneSegError(
            f"The region {path} is empty, expected some voxels above 0, or closed contours in xy "
            "slices: draw it on this tomogram."
        )
    return region


def read_contours(path: Path) -> list[Float64]:
    """Read the contours of an IMOD model.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of (N, 3) float64
        Voxel indices zyx, whole numbers at the centres of voxels.

    Raises
    ------
    MembraneSegError
        If it is no IMOD model.

    References
    ----------
    https://bio3d.colorado.edu/imod/doc/binspec.html
    """
    content = path.read_bytes()
    if not content.startswith(IMOD_START):
        raise MembraneSegError(f"{path} is no IMOD model: expected a file that 3dmod wrote.")
    contours = []
    place = len(IMOD_START) + MODEL_BYTES
    try:
        while (name := content[place : place + 4]) not in (b"IEOF", b""):
            place += 4
            if name == b"OBJT":
                place += OBJECT_BYTES
            elif name == b"CONT":
                (count,) = struct.unpack_from(">i", content, place)
                place += 16
                xyz = np.frombuffer(content, ">f4", 3 * count, place).reshape(-1, 3)
                shifted = xyz.astype(np.float64) - [PIXEL_CENTRE, PIXEL_CENTRE, 0.0]
                contours.append(np.ascontiguousarray(shifted[:, ::-1]))
                place += 12 * count
            elif name == b"MESH":
                vertices, indices = struct.unpack_from(">2i", content, place)
                place += 16 + 12 * vertices + 4 * indices
            else:
                (size,) = struct.unpack_from(">i", content, place)
                place += 4 + size
    except (struct.error, ValueError) as error:
        raise MembraneSegError(
            f"{path} is damaged ({error}): save the model again in 3dmod."
        ) from error
    return contours


def _mask(path: Path, header: MrcHeader) -> Bool:
    mask, _ = read_tomogram(path, header.voxel_size_A)
    if mask.voxels.shape != header.shape_zyx:
        raise MembraneSegError(
            f"The region {path} has {mask.voxels.shape} voxels and the tomogram "
            f"{header.shape_zyx}, expected the same: give a mask of this tomogram."
        )
    return np.asarray(np.asarray(mask.voxels) > 0, dtype=np.bool_)


def _filled(path: Path, header: MrcHeader) -> Bool:
    """Fill closed contours; slices between drawn ones get shapes between theirs."""
    region = np.zeros(header.shape_zyx, dtype=np.bool_)
    for contour in read_contours(path):
        z = int(np.rint(contour[:, 0].mean())) if len(contour) > 2 else -1
        if 0 <= z < len(region):
            region[z] |= polygon2mask(region.shape[1:], contour[:, 1:])
    drawn = np.flatnonzero(region.any(axis=(1, 2)))
    for low, high in pairwise(drawn):
        if high - low > 1:
            first, last = _depth(region[low]), _depth(region[high])
            for z in range(low + 1, high):
                share = (z - low) / (high - low)
                region[z] = (1.0 - share) * first + share * last > 0.0
    return region


def _depth(mask: Bool) -> Float64:
    """Signed distance from the border of a plane's mask, positive inside."""
    inside = distance_transform_edt(mask) - 0.5
    outside = distance_transform_edt(~mask) - 0.5
    return np.asarray(np.where(mask, inside, -outside), dtype=np.float64)
