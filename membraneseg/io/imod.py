"""Spheres as an IMOD model, written byte by byte.

imodmodel 0.1.0 reads such files well, but its own writer announces 48 bytes of material and
writes 16, and warns about outdated calls.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from membraneseg.coords import angstrom_to_index, zyx_to_xyz
from membraneseg.io.atomic import whole_file
from membraneseg.io.placement import MrcHeader
from membraneseg.types import Float64

_MODEL = struct.Struct(">128s3iiI4i3f3f5ifii3f")
_OBJECT = struct.Struct(">64s64xiI2i3fi8B2i")
CONTOUR = struct.Struct(">iIii")
_Z_FROM_MINUS_HALF, _NEW_TO_3DMOD, _MATERIAL_AS_BYTES = 1 << 10, 1 << 11, 1 << 13
OPEN, _SCATTERED = 1 << 3, 1 << 9
_UNIT_ANGSTROM = -10
PIXEL_CENTRE_XYZ = (0.5, 0.5, 0.0)
"""In an IMOD model the centre of the first voxel is here: half a pixel in x and y, none in z."""


def write_spheres_mod(
    path: Path, centres_zyx_A: Float64, radii_A: Float64, header: MrcHeader
) -> None:
    """Write spheres as scattered points, each with its own size.

    Parameters
    ----------
    path : Path
    centres_zyx_A : (N, 3) float64
        Centres in Å in the tomogram's space; N may be 0.
    radii_A : (N,) float64
        Radii to show, in Å.
    header : MrcHeader
        Of the tomogram that the model belongs to.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.

    Notes
    -----
    Coordinates and sizes are in voxels of the whole tomogram. There is no MINX chunk: without it
    3dmod shifts nothing, whatever sign convention it reads the origin of the tomogram with.

    References
    ----------
    https://bio3d.colorado.edu/imod/doc/binspec.html
    """
    centres = np.asarray(centres_zyx_A, dtype=np.float64).reshape(-1, 3)
    index_zyx = angstrom_to_index(centres, header.voxel_size_A, header.origin_zyx_A)
    points = zyx_to_xyz(index_zyx) + PIXEL_CENTRE_XYZ
    sizes = np.asarray(radii_A, dtype=np.float64).reshape(-1) / header.voxel_size_A
    if len(points) != len(sizes):
        raise ValueError(f"one radius per centre, got {len(sizes)} for {len(points)}")
    content = b"IMODV1.2" + model_head("membraneseg vesicles", header, 1)
    content += object_head("vesicles", int(len(points) > 0), OPEN | _SCATTERED, (0.0, 1.0, 0.0))
    if len(points):
        content += b"CONT" + CONTOUR.pack(len(points), OPEN, 0, 0)
        content += points.astype(">f4").tobytes()
        content += b"SIZE" + struct.pack(">i", 4 * len(sizes)) + sizes.astype(">f4").tobytes()
    with whole_file(path) as temporary:
        temporary.write_bytes(content + material_chunk() + b"IEOF")


def model_head(name: str, header: MrcHeader, objects: int) -> bytes:
    """Head of a model on a tomogram, with so many objects."""
    flags = _Z_FROM_MINUS_HALF | _NEW_TO_3DMOD | _MATERIAL_AS_BYTES
    offsets, scales, angles = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    return _MODEL.pack(
        name.encode("ascii"),
        *header.size_xyz,
        objects,
        flags,
        *(1, 1, 0, 255),  # draw mode, mouse mode, black and white level
        *offsets,
        *scales,
        *(0, 0, 0, 3, 128),  # current object, contour, point; resolution, threshold
        header.voxel_size_A,
        _UNIT_ANGSTROM,
        0,  # checksum of autosaves
        *angles,
    )


def object_head(name: str, contours: int, flags: int, rgb: tuple[float, float, float]) -> bytes:
    """Head of an object with so many contours; colours 0–1."""
    symbol = (1, 3, 1, 1, 0, 0, 0, 0)  # none in 2-D but the circles of the sphere itself
    return b"OBJT" + _OBJECT.pack(
        name.encode("ascii"),
        contours,
        flags,
        0,  # axis
        1,  # draw mode
        *rgb,
        1,  # radius of points without a size
        *symbol,
        *(0, 0),  # meshes, surfaces
    )


def material_chunk() -> bytes:
    """Ambient, diffuse, specular, shininess; then 3dmod's defaults."""
    return b"IMAT" + struct.pack(">i4B4BI4B", 16, 102, 255, 127, 4, 0, 0, 0, 0, 0, 0, 255, 0, 0)
