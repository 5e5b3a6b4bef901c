"""A tomogram whose slices are changed one by one, on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from membraneseg.io.mrc import create_volume, read_tomogram
from membraneseg.io.placement import MrcHeader
from membraneseg.types import Float32, Tomogram


def rewritten(
    path: Path, tomogram: Tomogram, header: MrcHeader, note: str, planes: Iterable[Float32]
) -> Tomogram:
    """Write other slices of a tomogram into a file.

    Parameters
    ----------
    path : Path
    tomogram : Tomogram
    header : MrcHeader
        The tomogram's own.
    note : str
        What was done; goes into the label line.
    planes : iterable of (Y, X) float32
        One per slice of the tomogram.

    Returns
    -------
    Tomogram
        A memory map of float32, in the same place.
    """
    with create_volume(path, tomogram.voxels.shape, np.float32, header, note) as target:
        for z, plane in enumerate(planes):
            target[z] = plane
    return replace(tomogram, voxels=read_tomogram(path, tomogram.voxel_size_A)[0].voxels)
