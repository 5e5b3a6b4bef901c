"""Contours as an IMOD model: one object per membrane, one contour per curve and slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from membraneseg.colours import Colour, unit_rgb
from membraneseg.coords import angstrom_to_index, zyx_to_xyz
from membraneseg.io.atomic import whole_file
from membraneseg.io.imod import (
    CONTOUR,
    OPEN,
    PIXEL_CENTRE_XYZ,
    material_chunk,
    model_head,
    object_head,
)
from membraneseg.io.placement import MrcHeader
from membraneseg.types import Float64


@dataclass(frozen=True)
class ContourObject:
    """The contours of one membrane.

    Parameters
    ----------
    name : str
        At most 63 letters.
    colour : Colour
    curves_zyx_A : tuple of (N, 3) float64
        In order along each curve; a closed one does not repeat its first point.
    closed : tuple of bool
        One per curve.
    """

    name: str
    colour: Colour
    curves_zyx_A: tuple[Float64, ...]
    closed: tuple[bool, ...]


def write_contours_mod(path: Path, objects: Sequence[ContourObject], header: MrcHeader) -> None:
    """Write curves, in voxels of the tomogram, by IMOD's rule for the centre of a voxel.

    Parameters
    ----------
    path : Path
    objects : sequence of ContourObject
        May be empty.
    header : MrcHeader
        Of the tomogram that the model belongs to.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.

    References
    ----------
    https://bio3d.colorado.edu/imod/doc/binspec.html
    """
    parts = [b"IMODV1.2", model_head("membraneseg membranes", header, len(objects))]
    for one in objects:
        parts.append(object_head(one.name, len(one.curves_zyx_A), 0, unit_rgb(one.colour)))
        for curve, closed in zip(one.curves_zyx_A, one.closed, strict=True):
            index = angstrom_to_index(curve, header.voxel_size_A, header.origin_zyx_A)
            points = zyx_to_xyz(index) + PIXEL_CENTRE_XYZ
            parts.append(b"CONT" + CONTOUR.pack(len(points), 0 if closed else OPEN, 0, 0))
            parts.append(points.astype(">f4").tobytes())
        parts.append(material_chunk())
    with whole_file(path) as temporary:
        temporary.write_bytes(b"".join(parts) + b"IEOF")
