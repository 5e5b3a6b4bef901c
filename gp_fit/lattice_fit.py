"""The smoothest spline through points along their normals, from coarse lattices to fine ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64
from gp_fit.hermite_system import Turns
from gp_fit.splines import (
    Float32,
    Lattice,
    Spline,
    lattice_about,
    second_differences,
    spline_weights,
)

LEVELS = 3
"""Lattices, each twice as fine as the one before and reaching half as far."""
_ITERATIONS = (100, 400, 1200)
"""At most, from the finest lattice to the coarsest, on which what is far from points settles."""
_TOLERANCE = 1e-5
_MARGIN_STEPS = 2.0
_LEAST_SHARE = 1e-6
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
    turns : Turns
        Further slopes, in voxels.
    """

    places: Float64
    normals: Float64
    weights: Float64
    turns: Turns = field(default_factory=Turns)


def fitted_splines(data: Oriented, config: LatticeConfig) -> tuple[list[Spline], Float64]:
    """Fit splines to points, fine near them and coarse farther off.

    Parameters
    ----------
    data : Oriented
    config : LatticeConfig

    Returns
    -------
    splines : list of Spline
        From the finest to the coarsest; where one ends, the next goes on.
    trend : (3, 3) float64
        Hessian of the quadric from which the bending is counted.
    """
    config = _affordable(data.places, config)
    trend = quadric_hessian(data)
    splines: list[Spline] = []
    for level in reversed(range(LEVELS)):
        step, reach = 2.0**level * config.step_px, 2.0**level * config.reach_px
        lattice = lattice_about(data.places, step, reach + _MARGIN_STEPS * step)
        system, target = _system(lattice, data, trend, config)
        found = np.zeros(lattice.count, dtype=np.float32)
        free = np.ones(lattice.count, dtype=np.bool_)
        if splines:  # the border of a finer lattice stays as the coarser one has it
            found[:] = values_of(splines, lattice.nodes_zyx)[0]
            free = cKDTree(data.places).query(lattice.nodes_zyx)[0] <= reach
        rest = (target - system @ found)[free]
        inner = csr_matrix(system[free][:, free])
        diagonal = inner.diagonal()  # 0 at a node that no point and no second derivative touches
        scaling = diags(1.0 / np.maximum(diagonal, _LEAST_SHARE * diagonal.max()))
        found[free] += cg(inner, rest, rtol=_TOLERANCE, maxiter=_ITERATIONS[level], M=scaling)[0]
        splines.insert(0, Spline(lattice, found))
    return splines, trend


def values_of(splines: list[Spline], points_zyx: Float64) -> tuple[Float64, Float64]:
    """Value (N,) and gradient (N, 3) of the finest spline that covers each point (N, 3)."""
    value, gradient = np.empty(len(points_zyx)), np.empty((len(points_zyx), 3))
    left = np.arange(len(points_zyx))
    for spline in splines:
        value[left], gradient[left], covered = spline.at(points_zyx[left])
        left = left[~covered]
    return value, gradient


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
        coarse = lattice_about(places, 2.0 * config.step_px, config.reach_px)
        if 8 * coarse.count <= config.most_nodes:
            return config
        config = replace(config, step_px=1.25 * config.step_px)


def _system(
    lattice: Lattice, data: Oriented, trend: Float64, config: LatticeConfig
) -> tuple[csr_matrix, Float32]:
    """Normal equations of the fit: a matrix (count, count) and its right side (count,)."""
    columns, values, slopes = _at(lattice, data.places)
    steep = np.sqrt(config.slope_weight)
    parts = [(columns, np.sqrt(data.weights)[:, None] * values, np.zeros(len(columns)))]
    for axis in range(3):
        parts.append((columns, steep * slopes[:, :, axis], steep * data.normals[:, axis]))
    columns, _, slopes = _at(lattice, data.turns.positions)
    share = np.sqrt(config.turn_weight / data.turns.variances)
    along = np.einsum("mkd,md->mk", slopes, share[:, None] * data.turns.directions)
    parts.append((columns, along, share * data.turns.slopes))
    system = csr_matrix((lattice.count, lattice.count), dtype=np.float32)
    target = np.zeros(lattice.count, dtype=np.float32)
    for columns, row, side in parts:
        begin = np.arange(len(columns) + 1) * columns.shape[1]
        whole = (row.astype(np.float32).reshape(-1), columns.reshape(-1), begin)
        rows = csr_matrix(whole, shape=(len(columns), lattice.count))
        system = system + rows.T @ rows
        target += rows.T @ side.astype(np.float32)
    stiffness = np.float32(config.stiffness * lattice.step_px**3)
    for bending, expected in second_differences(lattice, trend):
        system = system + stiffness * (bending.T @ bending)
        target += bending.T @ np.full(bending.shape[0], stiffness * expected, dtype=np.float32)
    return csr_matrix(system), target


def _at(lattice: Lattice, places: Float64) -> tuple[Int64, Float64, Float64]:
    """Used nodes (M, 27), weights (M, 27) and slopes (M, 27, 3) of the spline at places (M, 3)."""
    nodes, values, slopes = spline_weights(places, lattice)
    columns = lattice.number[tuple(np.moveaxis(nodes, 2, 0))]
    used = columns >= 0  # what was asked for at the border is left out
    return np.where(used, columns, 0), values * used, slopes * used[:, :, None]
