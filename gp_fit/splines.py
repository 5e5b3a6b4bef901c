"""Quadratic B-splines on a cubic lattice near points: values, slopes, and how much they bend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, distance_transform_edt
from scipy.sparse import csr_matrix

from gp_fit.arrays import Bool, Float64, Int64

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

_CHUNK = 4000
_AROUND = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Nodes of a cubic lattice, of which those near points are used.

    Parameters
    ----------
    origin_zyx : (3,) float64
        Position of node (0, 0, 0), in voxels.
    step_px : float
    number : (Z, Y, X) int32
        Number of each node, from 0; −1 where it is not used.
    """

    origin_zyx: Float64
    step_px: float
    number: Int32

    @property
    def used(self) -> Bool:
        """Which nodes (Z, Y, X) are used."""
        return np.asarray(self.number >= 0)

    @property
    def count(self) -> int:
        """How many nodes are used."""
        return int(self.number.max()) + 1

    @property
    def nodes_zyx(self) -> Float64:
        """Positions (count, 3) of the used nodes in voxels."""
        return np.argwhere(self.used) * self.step_px + self.origin_zyx


def lattice_about(
    points_zyx: Float64, step_px: float, reach_px: float, margin_px: float = 0.0
) -> tuple[Lattice, Bool]:
    """Lattice of nodes within reach and margin of points (N, 3), and which (count,) in reach."""
    widest = reach_px + margin_px
    origin = points_zyx.min(axis=0) - widest - step_px
    shape = np.ceil((points_zyx.max(axis=0) + widest - origin) / step_px).astype(np.int64) + 2
    held = np.zeros(shape, dtype=np.bool_)
    held[tuple(np.round((points_zyx - origin) / step_px).astype(np.int64).T)] = True
    away = np.asarray(distance_transform_edt(~held)) * step_px
    used = away <= widest
    return Lattice(origin, step_px, numbered(used)), np.asarray(away[used] <= reach_px)


def numbered(used: Bool) -> Int32:
    """Number the used nodes in the order of the array; −1 elsewhere."""
    number = np.full(used.shape, -1, dtype=np.int32)
    number[used] = np.arange(np.count_nonzero(used))
    return number


class Spline:
    """A smooth function in space.

    Parameters
    ----------
    lattice : Lattice
    coefficients : (count,) float32
        Of the used nodes; beyond them, a node has that of the nearest one.
    """

    def __init__(self, lattice: Lattice, coefficients: Float32) -> None:
        self.lattice, self.coefficients = lattice, coefficients
        nearest = distance_transform_edt(~lattice.used, return_distances=False, return_indices=True)
        self._filled = coefficients[lattice.number[tuple(nearest)]]
        self._covered = binary_erosion(lattice.used, np.ones((3, 3, 3)))

    def at(self, points_zyx: Float64) -> tuple[Float64, Float64, Bool]:
        """Value (N,), gradient (N, 3), and whether all nodes that count are used (N,)."""
        value, gradient = np.empty(len(points_zyx)), np.empty((len(points_zyx), 3))
        covered = np.empty(len(points_zyx), dtype=np.bool_)
        strides = np.array(self._filled.strides) // self._filled.itemsize
        for begin in range(0, len(points_zyx), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            middle, weight, slope = _along_axes(points_zyx[part], self.lattice)
            node = middle @ strides
            held = self._filled.reshape(-1)[node + (_AROUND @ strides)[:, None]]
            held = held.reshape(3, 3, 3, -1).astype(np.float64)
            # Summed over x, then y, then z, each once with weights and once with slopes.
            plain, steep = ((held * by[:, 2]).sum(axis=2) for by in (weight, slope))
            along_x = (steep * weight[:, 1]).sum(axis=1)
            along_y, plain = ((plain * by[:, 1]).sum(axis=1) for by in (slope, weight))
            value[part] = (plain * weight[:, 0]).sum(axis=0)
            gradient[part, 0] = (plain * slope[:, 0]).sum(axis=0)
            gradient[part, 1] = (along_y * weight[:, 0]).sum(axis=0)
            gradient[part, 2] = (along_x * weight[:, 0]).sum(axis=0)
            covered[part] = self._covered.reshape(-1)[node]
        return value, gradient, covered

    def on(self, lattice: Lattice) -> Float32:
        """Values (count,) at the used nodes of another lattice."""
        longest = np.arange(max(lattice.number.shape))[:, None]
        middle, weight, _ = _along_axes(
            lattice.origin_zyx + lattice.step_px * longest, self.lattice
        )
        values = self._filled
        for axis, count in enumerate(lattice.number.shape):  # first is z, again after three turns
            first, by = middle[:count, axis] - 1, weight[:, axis, :count].astype(np.float32)
            parts = [by[k][:, None, None] * values[first + k] for k in range(3)]
            values = np.moveaxis(parts[0] + parts[1] + parts[2], 0, 2)
        return np.asarray(values[lattice.used])


def spline_weights(points_zyx: Float64, lattice: Lattice) -> tuple[Int64, Float64, Float64]:
    """Nodes (N, 27, 3) that count at each point, their weights (N, 27) and slopes (3, N, 27).

    Σ weight · coefficient is the spline, Σ slope · coefficient its gradient; both are continuous.
    """
    middle, weight, slope = _along_axes(points_zyx, lattice)
    chosen = _AROUND + 1
    weights = [weight[chosen[:, axis], axis].T for axis in range(3)]
    slopes = [slope[chosen[:, axis], axis].T for axis in range(3)]
    gradient = [
        slopes[0] * weights[1] * weights[2],
        weights[0] * slopes[1] * weights[2],
        weights[0] * weights[1] * slopes[2],
    ]
    return (
        middle[:, None] + _AROUND,
        weights[0] * weights[1] * weights[2],
        np.stack(gradient),
    )


def _along_axes(points_zyx: Float64, lattice: Lattice) -> tuple[Int64, Float64, Float64]:
    """Middle node (N, 3) at each point, weights and slopes (3 nodes, 3 axes, N) along each axis."""
    place = (points_zyx - lattice.origin_zyx) / lattice.step_px
    middle = np.clip(np.round(place).astype(np.int64), 1, np.array(lattice.number.shape) - 2)
    t = np.clip(place - middle, -0.5, 0.5).T
    weight = np.stack([0.5 * (0.5 - t) ** 2, 0.75 - t**2, 0.5 * (0.5 + t) ** 2])
    slope = np.stack([t - 0.5, -2.0 * t, t + 0.5]) / lattice.step_px
    return middle, weight, slope


def second_differences(lattice: Lattice, hessian: Float64) -> Iterator[tuple[csr_matrix, float]]:
    """Second derivatives wherever the lattice has their nodes, and those of a quadric.

    Parameters
    ----------
    lattice : Lattice
    hessian : (3, 3) float64
        Of the quadric.

    Yields
    ------
    rows : (R, count) float32 matrix
        Of one derivative. The sum of all squares, times step³, is the bending energy ∫|Hess f|².
    expected : float
        The same derivative of the quadric.
    """
    unit = np.eye(3, dtype=np.int64)
    for axis in range(3):
        here = unit[axis]
        straight = [(-here, 1.0), (0 * here, -2.0), (here, 1.0)]
        yield _differences(lattice, straight), float(hessian[axis, axis])
        for other in range(axis + 1, 3):
            there, twice = unit[other], float(np.sqrt(2.0))  # the Hessian holds f_ab twice
            corners = [(0 * here, twice), (here, -twice), (there, -twice), (here + there, twice)]
            yield _differences(lattice, corners), twice * float(hessian[axis, other])


def _differences(lattice: Lattice, stencil: list[tuple[Int64, float]]) -> csr_matrix:
    """One row per node at which all nodes of a stencil are used."""
    padded = np.pad(lattice.number, 1, constant_values=-1)
    shape = lattice.number.shape
    columns = [
        padded[tuple(slice(1 + o, 1 + o + n) for o, n in zip(offset, shape, strict=True))]
        for offset, _ in stencil
    ]
    whole = np.logical_and.reduce([column >= 0 for column in columns])
    rows = int(np.count_nonzero(whole))
    index = np.stack([column[whole] for column in columns], axis=1)
    factor = np.array([value for _, value in stencil]) / lattice.step_px**2
    values = np.tile(factor.astype(np.float32), rows)
    begin = np.arange(rows + 1, dtype=np.int32) * len(stencil)
    return csr_matrix((values, index.reshape(-1), begin), shape=(rows, lattice.count))
