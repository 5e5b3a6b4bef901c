"""Small patches of membrane: the crest's points, a few voxels across, with one normal each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from membraneseg.group.crest import CrestPoints
from membraneseg.group.neighbours import Neighbours
from membraneseg.types import Float64, Int64

_CELL_PX = 5
_SMOOTHING_PX = 8.0  # patches of one region so near share their normals


@dataclass(frozen=True)
class Patches:
    """Pieces of surface of about five by five voxels.

    Parameters
    ----------
    centre : (K, 3) float64
        Mean of the points, zyx in voxels.
    normal : (K, 3) float64
        Unit normal; either of the two directions.
    size : (K,) int64
        Number of points.
    patch_of_point : (N,) int64
        Patch of each crest point.
    """

    centre: Float64
    normal: Float64
    size: Int64
    patch_of_point: Int64

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.size)


def cut_patches(crest: CrestPoints, neighbours: Neighbours, shape: tuple[int, ...]) -> Patches:
    """Cut the crest into patches.

    Parameters
    ----------
    crest : CrestPoints
    neighbours : Neighbours
    shape : (int, int, int)
        Of the volume.

    Returns
    -------
    Patches

    Notes
    -----
    A patch is what hangs together by neighbours inside one cell of a grid that is centred in the
    volume, so that mirrors and quarter turns of the volume do the same to the patches.
    """
    middle = (np.array(shape) - 1) / 2
    cell = np.rint((crest.voxel - middle) / _CELL_PX)  # rounds half to even: odd about the middle
    one, two = neighbours.pairs.T
    inside = (cell[one] == cell[two]).all(axis=1)
    owner = components(neighbours.pairs[inside], len(crest))
    size = np.bincount(owner)
    tensor = np.einsum("na,nb->nab", crest.normal, crest.normal).reshape(-1, 9)
    return Patches(
        _sum_by(crest.place, owner, len(size)) / size[:, None],
        _main_direction(_sum_by(tensor, owner, len(size))),
        size.astype(np.int64),
        owner,
    )


def with_smooth_normals(patches: Patches, region: Int64) -> Patches:
    """Patches whose normals are averaged with those of near patches of the same region (K,)."""
    pairs = near_pairs(patches, region, _SMOOTHING_PX)
    own = np.einsum("k,ka,kb->kab", patches.size.astype(float), patches.normal, patches.normal)
    tensor = own.reshape(-1, 9)
    one, two = pairs.T
    total = tensor + _sum_by(tensor[two], one, len(patches))
    total += _sum_by(tensor[one], two, len(patches))
    normal = _main_direction(total)
    return Patches(patches.centre, normal, patches.size, patches.patch_of_point)


def near_pairs(patches: Patches, region: Int64, reach_px: float) -> Int64:
    """Pairs (E, 2) of patches of one region that lie within a distance of each other."""
    pairs = cKDTree(patches.centre).query_pairs(reach_px, output_type="ndarray").astype(np.int64)
    return np.asarray(pairs[region[pairs[:, 0]] == region[pairs[:, 1]]])


def components(pairs: Int64, count: int) -> Int64:
    """Connected components (count,) of a graph given by its edges (E, 2)."""
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), pairs.T), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _sum_by(values: Float64, owner: Int64, count: int) -> Float64:
    """Sum (count, D) of the rows (N, D) of each owner."""
    return np.column_stack([np.bincount(owner, column, count) for column in values.T])


def _main_direction(tensor: Float64) -> Float64:
    """Eigenvector (K, 3) of the largest eigenvalue of symmetric tensors (K, 9)."""
    return np.asarray(np.linalg.eigh(tensor.reshape(-1, 3, 3))[1][:, :, 2])
