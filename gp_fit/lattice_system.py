"""What points, their normals and bending say about splines on lattices: sparse equations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csr_matrix, vstack

from gp_fit.arrays import Bool, Float64
from gp_fit.hermite_system import Turns
from gp_fit.splines import (
    Float32,
    Int32,
    Lattice,
    lattice_about,
    second_differences,
    spline_weights,
)

LEVELS = 3
"""Lattices, each twice as fine as the one before and reaching half as far."""
_MARGIN_STEPS = 2.0
_ROUNDS = 8
_TIGHTEST = 1.0 / 60.0
"""Curvature of a trend at most, per voxel."""
_OFF_PX, _TURNED = 8.0, 0.3
"""Distance and turn of the normal at which a point counts half for the trend."""


@dataclass(frozen=True)
class LatticeConfig:
    """Options of the surface on a lattice; lengths in voxels."""

    step_px: float = field(default=2.0, metadata={"help": "distance of the finest nodes"})
    reach_px: float = field(
        default=10.0, metadata={"help": "the finest lattice reaches so far about the points"}
    )
    most_nodes: int = field(
        default=1_000_000, metadata={"help": "lattices are made coarser above this"}
    )
    spacing_px: float = field(default=2.0, metadata={"help": "distance of the superpoints"})
    most_superpoints: int = field(
        default=60_000, metadata={"help": "more points than this are thinned out further"}
    )
    normal_radius_px: float = field(
        default=5.0, metadata={"help": "points this near determine a superpoint's normal"}
    )
    oriented_spacing_px: float = field(
        default=8.0, metadata={"help": "distance of the normals whose sides are settled together"}
    )
    slope_weight: float = field(
        default=2.0, metadata={"help": "weight of a normal against that of a point, voxels²"}
    )
    stiffness: float = field(
        default=1.0, metadata={"help": "weight of the bending energy against that of a point"}
    )
    turn_weight: float = field(
        default=2.0,
        metadata={"help": "weight on folds of what was not seen, against a point's, voxels²"},
    )

    def __post_init__(self) -> None:
        for name in ("step_px", "reach_px", "spacing_px", "normal_radius_px", "stiffness"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")
        if self.most_nodes < 1000:
            raise ValueError(f"most_nodes is {self.most_nodes}, expected 1000 or more")


@dataclass(frozen=True, eq=False)
class Oriented:
    """Superpoints with normals of consistent sides.

    Parameters
    ----------
    places, normals : (M, 3) float64
    weights : (M,) float64
        Of the places.
    """

    places: Float64
    normals: Float64
    weights: Float64


@dataclass(frozen=True, eq=False)
class Level:
    """What points and bending say about the coefficients of one lattice.

    Parameters
    ----------
    lattice : Lattice
    free : (count,) bool
        The F nodes that are fitted; the others, at its border, stay as a coarser lattice has them.
    inner : (F, F) float32 matrix
        Normal equations of the free nodes.
    border : (F, count - F) float32 matrix
        What the others add to them.
    target : (F,) float32
        Their right side.
    """

    lattice: Lattice
    free: Bool
    inner: csr_matrix
    border: csr_matrix
    target: Float32


def levels_about(data: Oriented, trend: Float64, config: LatticeConfig) -> list[Level]:
    """Set up lattices, fine near the points and coarser farther off.

    Parameters
    ----------
    data : Oriented
    trend : (3, 3) float64
        Hessian of the quadric from which the bending is counted.
    config : LatticeConfig

    Returns
    -------
    list of Level
        From the coarsest to the finest.
    """
    config = _affordable(data.places, config)
    levels: list[Level] = []
    for level in reversed(range(LEVELS)):
        step, reach = 2.0**level * config.step_px, 2.0**level * config.reach_px
        lattice, free = lattice_about(data.places, step, reach, _MARGIN_STEPS * step)
        if not levels:  # no coarser one says what its border is
            free = np.ones(lattice.count, dtype=np.bool_)
        system, target = _normal_equations(*_of_points(lattice, data, config), free)
        bending, slack = _normal_equations(*_of_bending(lattice, trend, config), free)
        system, target = csr_matrix(system + bending), target + slack
        levels.append(Level(lattice, free, system[:, free], system[:, ~free], target))
    return levels


def rows_of_turns(turns: Turns, lattice: Lattice, weight: float) -> tuple[csr_matrix, Float32]:
    """Weighted rows (T, count) and sides (T,) of further slopes."""
    columns, _, slopes = _at(lattice, turns.positions)
    share = np.sqrt(weight / turns.variances)
    along = np.einsum("dmk,md->mk", slopes, share[:, None] * turns.directions)
    return _rows(lattice, columns, along), (share * turns.slopes).astype(np.float32)


def quadric_hessian(data: Oriented) -> Float64:
    """Hessian (3, 3) of the quadric with most points near zero and their normals near its slopes.

    Folds on a large body so do not hide how the body itself is bent; two walls of one fold,
    which are a quadric as well, do not pass for one.
    """
    middle = data.places.mean(axis=0)
    scale = float(np.sqrt(np.mean((data.places - middle) ** 2)))
    x = (data.places - middle) / scale
    first, second = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
    rows = [np.hstack([np.ones((len(x), 1)), x, x[:, first] * x[:, second]])]
    for axis in range(3):
        slope = (first == axis) * x[:, second] + (second == axis) * x[:, first]
        unit = np.tile(np.eye(3)[axis], (len(x), 1))
        rows.append(np.hstack([np.zeros((len(x), 1)), unit, slope]))
    design = np.vstack(rows)
    target = np.concatenate([np.zeros(len(x)), *data.normals.T])
    near, found = np.ones(len(x)), np.zeros(10)
    for _ in range(_ROUNDS):
        share = np.tile(np.sqrt(data.weights * near), 4)
        found = np.linalg.lstsq(share[:, None] * design, share * target, rcond=1e-6)[0]
        left = (design @ found - target).reshape(4, -1)
        turned = np.sum(left[1:] ** 2, axis=0)
        near = 1.0 / (1.0 + (scale * left[0] / _OFF_PX) ** 2 + turned / _TURNED**2)
    hessian = np.zeros((3, 3))
    hessian[first, second] += found[4:]
    hessian[second, first] += found[4:]
    bends, axes = np.linalg.eigh(hessian / scale)
    return np.asarray((axes * np.clip(bends, -_TIGHTEST, _TIGHTEST)) @ axes.T)


def _affordable(places: Float64, config: LatticeConfig) -> LatticeConfig:
    """Make the lattice coarser until its nodes can be held."""
    while True:
        coarse, _ = lattice_about(places, 2.0 * config.step_px, config.reach_px)
        if 8 * coarse.count <= config.most_nodes:
            return config
        config = replace(config, step_px=1.25 * config.step_px)


def _normal_equations(rows: csr_matrix, sides: Float32, free: Bool) -> tuple[csr_matrix, Float32]:
    """Matrix (F, count) and right side (F,) of the free nodes for rows that should have sides."""
    across = csr_matrix(rows[:, free].T)
    return csr_matrix(across @ rows), across @ sides


def _of_points(
    lattice: Lattice, data: Oriented, config: LatticeConfig
) -> tuple[csr_matrix, Float32]:
    """Weighted rows (R, count) of points and normals, and the sides (R,) that they should have."""
    columns, values, slopes = _at(lattice, data.places)
    steep = np.sqrt(config.slope_weight)
    parts = [np.sqrt(data.weights)[:, None] * values, *(steep * slopes)]
    sides = np.concatenate([np.zeros(len(columns)), *(steep * data.normals.T)])
    rows = _rows(lattice, np.tile(columns, (4, 1)), np.concatenate(parts))
    return rows, sides.astype(np.float32)


def _of_bending(
    lattice: Lattice, trend: Float64, config: LatticeConfig
) -> tuple[csr_matrix, Float32]:
    """Weighted rows (R, count) of second derivatives, and what they (R,) are on the trend."""
    stiff = np.float32(np.sqrt(config.stiffness * lattice.step_px**3))
    parts = list(second_differences(lattice, trend))
    sides = [np.full(rows.shape[0], stiff * expected) for rows, expected in parts]
    rows = stiff * csr_matrix(vstack([rows for rows, _ in parts]))
    return rows, np.concatenate(sides).astype(np.float32)


def _rows(lattice: Lattice, columns: Int32, values: Float64) -> csr_matrix:
    """Matrix (M, count) of the 27 values (M, 27) in each row."""
    begin = np.arange(len(columns) + 1, dtype=np.int32) * columns.shape[1]
    whole = (values.astype(np.float32).reshape(-1), columns.reshape(-1), begin)
    return csr_matrix(whole, shape=(len(columns), lattice.count))


def _at(lattice: Lattice, places: Float64) -> tuple[Int32, Float64, Float64]:
    """Used nodes (M, 27), weights (M, 27) and slopes (3, M, 27) of the spline at places (M, 3)."""
    nodes, values, slopes = spline_weights(places, lattice)
    columns = lattice.number[tuple(np.moveaxis(nodes, 2, 0))]
    used = columns >= 0  # what was asked for at the border is left out
    return np.where(used, columns, 0), values * used, slopes * used
