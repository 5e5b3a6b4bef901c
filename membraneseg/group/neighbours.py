"""Which crest points lie side by side on one membrane, and which lie one above the other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from membraneseg.group.crest import CrestPoints
from membraneseg.types import Float64, Int64

_REACH_PX = 2.3  # ε: neighbours are at most so far apart; a missing voxel is bridged
_OFFSET_PX = 0.5  # scatter across the membrane between neighbours
_ANGLE_RAD = 0.3  # scatter of their normals
_MOST_COST = 6.0  # squared disagreement from which on points are no neighbours
_PARALLEL = (
    0.4  # cosine between the normals of points one above the other; touching spheres diverge
)
_STEP_PX = 0.5


@dataclass(frozen=True)
class Neighbours:
    """Pairs of crest points.

    Parameters
    ----------
    pairs : (E, 2) int64
        Side by side.
    worth : (E,) float64
        1 for perfect agreement down to 0 at the largest disagreement allowed.
    stacked : (S, 2) int64
        Parallel and one above the other: two membranes.
    """

    pairs: Int64
    worth: Float64
    stacked: Int64


def find_neighbours(
    crest: CrestPoints, shape: tuple[int, ...], stack_px: tuple[float, float]
) -> Neighbours:
    """Find the pairs of crest points that speak for one membrane, and for two.

    Parameters
    ----------
    crest : CrestPoints
    shape : (int, int, int)
        Of the volume.
    stack_px : (float, float)
        Distance along the normal between points that lie one above the other.

    Returns
    -------
    Neighbours

    Notes
    -----
    Two points disagree by their distance across each other's plane and by the angle of their
    normals, both squared in units of their scatter. Points are looked up in the sorted list of
    their voxels.
    """
    if not len(crest):
        return Neighbours(np.zeros((0, 2), np.int64), np.zeros(0), np.zeros((0, 2), np.int64))
    directory = _Directory(crest.voxel, shape, int(np.ceil(max(_REACH_PX, stack_px[1]))) + 1)
    found = [_side_by_side(crest, directory, offset) for offset in _half_ball(_REACH_PX)]
    pairs = np.concatenate([pair for pair, _ in found])
    worth = np.concatenate([value for _, value in found])
    return Neighbours(pairs, worth, _stacked(crest, directory, stack_px))


class _Directory:
    """Finds the point in a voxel, without a volume: the points' voxels are in order."""

    def __init__(self, voxel: Int64, shape: tuple[int, ...], margin: int) -> None:
        self._shape = tuple(n + 2 * margin for n in shape)
        self._margin = margin
        self._keys = self._key(voxel)

    def at(self, voxel: Int64) -> Int64:
        """Point (N,) in each voxel (N, 3), which may lie a margin outside; −1 where none is."""
        key = self._key(voxel)
        index = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[index] == key, index, -1)

    def _key(self, voxel: Int64) -> Int64:
        return np.asarray(np.ravel_multi_index(tuple(voxel.T + self._margin), self._shape))


def _half_ball(radius: float) -> list[tuple[int, int, int]]:
    """Voxel offsets up to a radius, one of each opposite two."""
    reach = range(-int(radius), int(radius) + 1)
    return [
        (z, y, x)
        for z, y, x in itertools.product(reach, repeat=3)
        if (z, y, x) > (0, 0, 0) and z * z + y * y + x * x <= radius**2
    ]


def _side_by_side(
    crest: CrestPoints, directory: _Directory, offset: tuple[int, int, int]
) -> tuple[Int64, Float64]:
    """Pairs (E, 2) at one voxel offset that agree, and their worth (E,)."""
    other = directory.at(crest.voxel + np.array(offset))
    first = np.flatnonzero(other >= 0)
    second = other[first]
    apart = crest.place[second] - crest.place[first]
    one, two = crest.normal[first], crest.normal[second]
    height = np.maximum(np.abs((one * apart).sum(axis=1)), np.abs((two * apart).sum(axis=1)))
    sine2 = np.maximum(1.0 - (one * two).sum(axis=1) ** 2, 0.0)
    worth = 1.0 - ((height / _OFFSET_PX) ** 2 + sine2 / _ANGLE_RAD**2) / _MOST_COST
    good = worth > 0
    return np.column_stack([first[good], second[good]]), worth[good]


def _stacked(crest: CrestPoints, directory: _Directory, stack_px: tuple[float, float]) -> Int64:
    """For each point the first parallel one along either direction of its normal."""
    rows = []
    everyone = np.arange(len(crest))
    for side in (-1.0, 1.0):
        waiting = everyone
        for distance in np.arange(stack_px[0], stack_px[1] + 1e-9, _STEP_PX):
            ahead = crest.place[waiting] + side * distance * crest.normal[waiting]
            hit = directory.at(np.rint(ahead).astype(np.int64))
            seen = np.flatnonzero(hit >= 0)
            first, second = waiting[seen], hit[seen]
            height = np.abs(
                ((crest.place[second] - crest.place[first]) * crest.normal[first]).sum(axis=1)
            )
            cosine = np.abs((crest.normal[first] * crest.normal[second]).sum(axis=1))
            far = height > stack_px[0] - _STEP_PX
            good = far & (cosine > _PARALLEL)
            rows.append(np.column_stack([first[good], second[good]]))
            waiting = np.delete(waiting, seen[far])
    return np.concatenate(rows)
