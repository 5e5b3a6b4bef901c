"""A volume on another grid, one slice at a time: linear between grid points, ends on ends.

The first and last grid points of both grids coincide along every axis, as with
`scipy.ndimage.zoom(..., order=1)`, whose numbers these are; but no volume is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from membraneseg.types import Float32, Float64, Int64

Plane = npt.NDArray[np.generic]
Prediction = tuple[Float32, npt.NDArray[np.int8]]
"""Probability of membrane and mask of protein of one slice."""


def rescaled_shape(shape: tuple[int, ...], scale: float) -> tuple[int, ...]:
    """Number of grid points along each axis after enlarging by `scale`."""
    return tuple(max(round(length * scale), 1) for length in shape)


def grid_positions(wanted: int, have: int) -> Float64:
    """Where each of `wanted` grid points lies on a grid of `have`: (wanted,) float64."""
    if wanted == 1:
        return np.zeros(1)
    return np.arange(wanted, dtype=np.float64) * ((have - 1) / (wanted - 1))


def _neighbours(wanted: int, have: int) -> tuple[Int64, Int64, Float32]:
    """Lower and upper neighbour on the old grid, and the weight of the upper one."""
    position = grid_positions(wanted, have)
    lower = np.floor(position).astype(np.int64)
    upper = np.minimum(lower + 1, have - 1)
    return lower, upper, (position - lower).astype(np.float32)


def nearest_points(wanted: int, have: int) -> Int64:
    """Index of the nearest old grid point of each new one."""
    return np.minimum(np.floor(grid_positions(wanted, have) + 0.5).astype(np.int64), have - 1)


def rescaled_plane(plane: Float32, shape: tuple[int, ...]) -> Float32:
    """Bring an (H, W) slice to another shape, linearly."""
    for axis in (0, 1):
        if plane.shape[axis] == shape[axis]:
            continue
        lower, upper, weight = _neighbours(shape[axis], plane.shape[axis])
        weight = weight[:, None] if axis == 0 else weight
        low, high = plane.take(lower, axis), plane.take(upper, axis)
        plane = low + weight * (high - low)
    return plane


def rescaled_slice(voxels: npt.NDArray[np.generic], z: int, shape: tuple[int, ...]) -> Float32:
    """Slice z of a volume (Z, Y, X) as it would be at another shape.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        May be a memory map; two slices of it are read at most.
    z : int
        Index on the new grid.
    shape : (int, int, int)
        Of the new grid.

    Returns
    -------
    (shape[1], shape[2]) float32
    """
    lower, upper, weight = (part[z] for part in _neighbours(shape[0], len(voxels)))
    plane = np.asarray(voxels[lower], dtype=np.float32)
    if weight > 0.0:
        plane = plane + weight * (np.asarray(voxels[upper], dtype=np.float32) - plane)
    return rescaled_plane(plane, shape[1:])


def brought_back(
    planes: Iterator[Prediction], slices: int, shape: tuple[int, ...]
) -> Iterator[Prediction]:
    """Bring predicted slices to another grid while they come; two are held at a time.

    Parameters
    ----------
    planes : iterator of (probability, protein)
        Slices (H, W) of a volume in order of z.
    slices : int
        How many there are.
    shape : (int, int, int)
        Of the volume wanted.

    Yields
    ------
    (probability, protein) : (shape[1], shape[2]) float32 and int8
        Linear for the probability, the nearest grid point for the mask.
    """
    nearest = nearest_points(shape[0], slices)
    held: dict[int, Prediction] = {}
    coming = enumerate(planes)
    for z, (lower, upper, weight) in enumerate(zip(*_neighbours(shape[0], slices), strict=True)):
        while upper not in held:
            number, plane = next(coming)
            held[number] = _on_grid(plane, shape[1:])
        held = {number: plane for number, plane in held.items() if number >= lower}
        low, high = held[lower][0], held[upper][0]
        yield low + weight * (high - low), held[nearest[z]][1]


def _on_grid(plane: Prediction, shape: tuple[int, ...]) -> Prediction:
    membrane, protein = plane
    rows = nearest_points(shape[0], protein.shape[0])
    columns = nearest_points(shape[1], protein.shape[1])
    return rescaled_plane(membrane, shape), protein[np.ix_(rows, columns)]
