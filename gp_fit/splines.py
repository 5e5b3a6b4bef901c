"""Quadratic B-splines on a cubic lattice near points: values, slopes, and how much they bend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.sparse import csr_matrix

from gp_fit.arrays import Bool, Float64, Int64

Float32 = npt.NDArray[np.float32]

_CHUNK = 20000
_AROUND = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Nodes of a cubic lattice, of which those near points are used.

    Parameters
    ----------
    origin_zyx : (3,) float64
        Position of node (0, 0, 0), in voxels.
    step_px : float
    number : (Z, Y, X) int64
        Number of each node, from 0; −1 where it is not used.
    """

    origin_zyx: Float64
    step_px: float
    number: Int64

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


def lattice_about(points_zyx: Float64, step_px: float, reach_px: float) -> Lattice:
    """Lattice of the nodes within reach of points (N, 3)."""
    origin = points_zyx.min(axis=0) - reach_px - step_px
    shape = np.ceil((points_zyx.max(axis=0) + reach_px - origin) / step_px).astype(np.int64) + 2
    held = np.zeros(shape, dtype=np.bool_)
    held[tuple(np.round((points_zyx - origin) / step_px).astype(np.int64).T)] = True
    used = np.asarray(distance_transform_edt(~held)) * step_px <= reach_px
    return Lattice(origin, step_px, numbered(used))


def numbered(used: Bool) -> Int64:
    """Number the used nodes in the order of the array; −1 elsewhere."""
    number = np.full(used.shape, -1, dtype=np.int64)
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

    def at(self, points_zyx: Float64) -> tuple[Float64, Float64, Bool]:
        """Value (N,), gradient (N, 3), and whether all nodes that count are used (N,)."""
        value, gradient = np.empty(len(points_zyx)), np.empty((len(points_zyx), 3))
        covered = np.empty(len(points_zyx), dtype=np.bool_)
        for begin in range(0, len(points_zyx), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            nodes, weights, slopes = spline_weights(points_zyx[part], self.lattice)
            index = tuple(np.moveaxis(nodes, 2, 0))
            held = self._filled[index].astype(np.float64)
            value[part] = np.sum(weights * held, axis=1)
            gradient[part] = np.einsum("nkd,nk->nd", slopes, held)
            covered[part] = (self.lattice.number[index] >= 0).all(axis=1)
        return value, gradient, covered


def spline_weights(points_zyx: Float64, lattice: Lattice) -> tuple[Int64, Float64, Float64]:
    """Nodes (N, 27, 3) that count at each point, their weights (N, 27) and slopes (N, 27, 3).

    Σ weight · coefficient is the spline, Σ slope · coefficient its gradient; both are continuous.
    """
    place = (points_zyx - lattice.origin_zyx) / lattice.step_px
    middle = np.clip(np.round(place).astype(np.int64), 1, np.array(lattice.number.shape) - 2)
    t = np.clip(place - middle, -0.5, 0.5)
    weight = np.stack([0.5 * (0.5 - t) ** 2, 0.75 - t**2, 0.5 * (0.5 + t) ** 2], axis=1)
    slope = np.stack([t - 0.5, -2.0 * t, t + 0.5], axis=1) / lattice.step_px
    chosen = _AROUND + 1
    weights = [weight[:, chosen[:, axis], axis] for axis in range(3)]
    slopes = [slope[:, chosen[:, axis], axis] for axis in range(3)]
    gradient = [
        slopes[0] * weights[1] * weights[2],
        weights[0] * slopes[1] * weights[2],
        weights[0] * weights[1] * slopes[2],
    ]
    return (
        middle[:, None] + _AROUND,
        weights[0] * weights[1] * weights[2],
        np.stack(gradient, axis=2),
    )


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
    index = np.stack([column[whole] for column in columns], axis=1).astype(np.int32)
    factor = np.array([value for _, value in stencil]) / lattice.step_px**2
    values = np.tile(factor.astype(np.float32), rows)
    begin = np.arange(rows + 1, dtype=np.int64) * len(stencil)
    return csr_matrix((values, index.reshape(-1), begin), shape=(rows, lattice.count))
