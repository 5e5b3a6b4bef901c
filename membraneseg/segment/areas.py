"""A volume on a coarser or finer grid, each voxel the mean of what it covers, slice by slice.

The grids share their first face, not the middle of their first voxel, so that a coarse voxel
covers the same place whatever the fine ones measure. Unlike `rescale`, nothing between the grid
points of a much coarser grid is left out, which keeps its noise low.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from membraneseg.types import Float32


def covered_shares(wanted: int, have: int, edge: float) -> csr_array:
    """What share of each new voxel every old one makes up, along one axis.

    Parameters
    ----------
    wanted, have : int
        New and old voxels.
    edge : float
        Of a new voxel, in old ones; under 1 the grid gets finer and the shares are those of
        linear interpolation.

    Returns
    -------
    (wanted, have) sparse float32
        Rows add to 1; what lies beyond the last old voxel does not count.
    """
    middle, half = (np.arange(wanted) + 0.5) * edge, 0.5 * max(edge, 1.0)
    first = np.floor(middle - half).astype(np.int64)
    reach = int(np.ceil(2.0 * half)) + 1
    old = first[:, None] + np.arange(reach)
    low, high = (
        np.maximum(old, (middle - half)[:, None]),
        np.minimum(old + 1, (middle + half)[:, None]),
    )
    share = np.clip(high - low, 0.0, None) * ((old >= 0) & (old < have))
    share /= share.sum(axis=1, keepdims=True)
    row, column = np.nonzero(share > 0.0)
    values = share[row, column].astype(np.float32)
    return csr_array((values, (row, old[row, column])), shape=(wanted, have))


def resampled(
    volume: npt.NDArray[np.generic], shape: tuple[int, ...], edge: float
) -> Iterator[Float32]:
    """Bring a volume to another voxel size, slice by slice.

    Parameters
    ----------
    volume : (Z, Y, X) array
        May be a memory map; only the slices that a new one covers are read at a time.
    shape : (int, int, int)
        Of the new grid.
    edge : float
        Edge of a new voxel in old ones.

    Yields
    ------
    (shape[1], shape[2]) float32
        In order of z.
    """
    along_z, along_y, along_x = (
        covered_shares(wanted, have, edge) for wanted, have in zip(shape, volume.shape, strict=True)
    )
    for z in range(shape[0]):
        part = slice(along_z.indptr[z], along_z.indptr[z + 1])
        plane = np.zeros(volume.shape[1:], dtype=np.float32)
        for old, share in zip(along_z.indices[part], along_z.data[part], strict=True):
            plane += share * np.asarray(volume[old], dtype=np.float32)
        yield np.ascontiguousarray((along_x @ (along_y @ plane).T).T, dtype=np.float32)
