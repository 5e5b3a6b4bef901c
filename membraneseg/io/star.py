"""Places in a tomogram as a STAR file that RELION reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from membraneseg.coords import angstrom_to_index, zyx_to_xyz
from membraneseg.io.placement import MrcHeader
from membraneseg.io.star_blocks import write_star_blocks
from membraneseg.types import Float64

COORDINATES = "rlnCoordinate: voxels of the tomogram; 0 is the centre of its first voxel"


def write_star(path: Path, name: str, centres_zyx_A: Float64, header: MrcHeader) -> None:
    """Write places as particles of one tomogram.

    Parameters
    ----------
    path : Path
    name : str
        Of the tomogram, for rlnTomoName.
    centres_zyx_A : (N, 3) float64
        In Å in the tomogram's space; N may be 0.
    header : MrcHeader
        Of the tomogram.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.
    """
    centres = np.asarray(centres_zyx_A, dtype=np.float64).reshape(-1, 3)
    x, y, z = zyx_to_xyz(angstrom_to_index(centres, header.voxel_size_A, header.origin_zyx_A)).T
    columns = {
        "rlnTomoName": ([name] * len(centres), "%s"),
        "rlnCoordinateX": (x, "%.3f"),
        "rlnCoordinateY": (y, "%.3f"),
        "rlnCoordinateZ": (z, "%.3f"),
    }
    write_star_blocks(path, {"particles": columns}, [COORDINATES])
