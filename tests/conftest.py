"""Small worlds that several tests share."""

from pathlib import Path

import mrcfile
import pytest
from worlds import CORNER_VESICLES, VOXEL_A, dark_vesicles


@pytest.fixture(scope="session")
def corner_volume():
    """Return the L-shaped, non-cubic volume with three vesicles."""
    return dark_vesicles((50, 96, 128), CORNER_VESICLES)


@pytest.fixture
def write_mrc():
    """Return a function that writes a volume with mrcfile, header fields as told."""

    def write(path: Path, voxels, voxel_size=VOXEL_A, **fields):
        with mrcfile.new(path, overwrite=True) as file:
            file.set_data(voxels)
            file.voxel_size = voxel_size
            for name, value in fields.items():
                file.header[name] = value
        return path

    return write
