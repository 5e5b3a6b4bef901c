"""Where filaments run: centre lines from seeds in the space, kept in the layer of ice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.phantom.chains import ChainStyle, deflection_length_A, grow_chains
from membraneseg.phantom.helices import HelicalLattice
from membraneseg.phantom.occupancy import Space, blocked, random_centres, seeds_per_row
from membraneseg.phantom.rotations import frames_along
from membraneseg.types import Float64

LINES_AT_ONCE = 8
_BACKWARDS = np.diag([-1.0, -1.0, 1.0])
"""Half a turn about the third axis of a frame: the line then runs the other way."""
BEADS_AT_ONCE = 200_000


@dataclass(frozen=True)
class CentreLine:
    """Points (S, 3) of a filament's middle in Å, frames (S, 3, 3) along it, index of its seed."""

    points_zyx_A: Float64
    frames: Float64
    seed: int


def centre_lines(
    space: Space,
    lattice: HelicalLattice,
    lengths_A: tuple[float, float],
    elevation_deg: float,
    rng: np.random.Generator,
) -> list[CentreLine]:
    """Draw centre lines that run both ways from random seeds in the space.

    Parameters
    ----------
    space : Space
    lattice : HelicalLattice
    lengths_A : (float, float)
        Shortest and longest; drawn uniformly.
    elevation_deg : float
        Steepest angle to the plane of the ice at the seed; confined lines are flatter.
    rng : numpy.random.Generator

    Returns
    -------
    list of CentreLine
        `LINES_AT_ONCE` of them; points `lattice.repeat_A` apart; empty if there is no seed.
    """
    seeds = random_centres(space, seeds_per_row(space), 0.0, LINES_AT_ONCE, rng)
    middle_A, room_A = _layer_of_ice_A(space)
    room_A = max(room_A - lattice.outer_radius_A, lattice.outer_radius_A)
    deflection_A, slope = np.inf, np.sin(np.deg2rad(elevation_deg))
    if space.constraint != "none":
        deflection_A = deflection_length_A(lattice.persistence_A, room_A / 4)
        slope = min(slope, np.sqrt(deflection_A / (4 * lattice.persistence_A)))
    style = ChainStyle(lattice.repeat_A, lattice.persistence_A, deflection_A)
    levels = np.clip(seeds[:, 0], middle_A - room_A / 2, middle_A + room_A / 2)
    frames = frames_along(_directions(len(seeds), float(slope), rng))
    diagonal_A = float(np.linalg.norm(space.box.shape_zyx)) * space.box.voxel_size_A
    shares = rng.uniform(size=(1, len(seeds)))
    both = rng.uniform(*lengths_A, len(seeds)) * np.concatenate([shares, 1.0 - shares])
    steps = np.floor(np.minimum(both, diagonal_A) / lattice.repeat_A).astype(int)
    points, grown = grow_chains(
        np.concatenate([seeds, seeds]),
        np.concatenate([frames @ _BACKWARDS, frames]),
        np.concatenate([levels, levels]),
        int(steps.max(initial=0)),
        style,
        rng,
    )
    lines = []
    for i, (back, forth) in enumerate(steps.T):
        j = i + len(seeds)
        joined = np.concatenate([points[i, back:0:-1], points[j, : forth + 1]])
        turned = np.concatenate([grown[i, back:0:-1] @ _BACKWARDS, grown[j, : forth + 1]])
        lines.append(CentreLine(joined, turned, int(back)))
    return lines


def _directions(count: int, steepest: float, rng: np.random.Generator) -> Float64:
    """Draw unit directions (N, 3) whose z lies between −steepest and steepest."""
    turns = rng.uniform(0.0, 2 * np.pi, count)
    rise = rng.uniform(-steepest, steepest, count)
    run = np.sqrt(1.0 - rise**2)
    return np.stack([rise, run * np.sin(turns), run * np.cos(turns)], axis=1)


def _layer_of_ice_A(space: Space) -> tuple[float, float]:
    """Height of the middle of the layer where most is free, and half its thickness."""
    free = 1.0 - blocked(space).mean(axis=(1, 2))
    open_z = np.flatnonzero(free > 0.5 * free.max())
    if not len(open_z):
        return float(space.box.centre_A[0]), 0.0
    low, high = space.box.low_A[0] + space.box.voxel_size_A * (open_z[[0, -1]] + [-0.5, 0.5])
    return float(low + high) / 2, float(high - low) / 2
