"""Random sequential packing: molecules go to random places, and stay where nothing stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from membraneseg.phantom.beads import Molecule, Particles, soluble
from membraneseg.phantom.occupancy import (
    Placement,
    Space,
    blocked,
    cells_of,
    flat_grid,
    free_volume_A3,
    interior,
    random_centres,
    seeds_per_row,
    spread_points,
    take,
    with_occupied,
    with_rim,
)
from membraneseg.phantom.rotations import random_rotations
from membraneseg.types import Bool, Float64, Int64

PATIENCE = 2000
"""Attempts in a row without success after which the space counts as full."""
PROBES = 48
"""Beads that are looked at first; most places that are taken show with them."""
REACH = 1.5
"""How far beyond open walls, in radii, centres are drawn: molecules wholly outside keep the others
from crowding along the wall, as their neighbours inside do."""
BATCH = (64, 1024)
"""Least and largest number of places that are tried at once."""
BEADS_AT_ONCE = 200_000


@dataclass(frozen=True)
class _Goal:
    """When a molecule has been placed often enough: at a volume, or at a number."""

    volume_A3: float = np.inf
    count: float = np.inf


@dataclass(frozen=True)
class _Filled:
    """Particles, the part of their volume that lies in the box, and the places tried."""

    particles: Particles
    volume_A3: float
    attempts: int


@dataclass(frozen=True)
class _Place:
    """A place that is free: the attempt that found it, how it lies, and its (K,) cells."""

    attempt: int
    centre_zyx_A: Float64
    rotation: Float64
    cells: Int64


def pack(
    space: Space, molecules: Sequence[Molecule], wanted_share: float, rng: np.random.Generator
) -> Placement:
    """Fill a share of the free volume with molecules of several kinds, as many of each.

    Parameters
    ----------
    space : Space
    molecules : sequence of Molecule
    wanted_share : float
        Volume of the molecules as a share of the free volume; that of their parts in the box
        counts. Beyond about 0.3, random places run out.
    rng : numpy.random.Generator

    Returns
    -------
    Placement
        One `Particles` per molecule; `wanted` and `reached` are shares. No two molecules have
        beads in one voxel.
    """
    space, within = _rimmed(space, molecules), space
    free_A3 = free_volume_A3(space)
    whole_A3 = sum(molecule.volume_A3 for molecule in molecules)
    goals = [_Goal(wanted_share * free_A3 * m.volume_A3 / whole_A3) for m in molecules]
    filled, packed = _fill_all(space, molecules, goals, rng)
    reached = sum(f.volume_A3 for f in filled) / max(free_A3, 1.0)
    attempts = sum(f.attempts for f in filled)
    particles = tuple(f.particles for f in filled)
    return Placement(particles, _back_in(packed, within), wanted_share, reached, attempts)


def place(space: Space, molecule: Molecule, count: int, rng: np.random.Generator) -> Placement:
    """Put a number of copies of one molecule at random places, fewer if the space is full."""
    filled, packed = _fill_all(_rimmed(space, [molecule]), [molecule], [_Goal(count=count)], rng)
    particles = filled[0].particles
    reached = len(particles.centres_zyx_A)
    return Placement((particles,), _back_in(packed, space), count, reached, filled[0].attempts)


def _rimmed(space: Space, molecules: Sequence[Molecule]) -> Space:
    """Give a space without a rim one that the molecules need."""
    if any(space.rim_zyx):
        return space
    return with_rim(space, 2 * max(molecule.radius_A for molecule in molecules))


def _back_in(packed: Space, space: Space) -> Space:
    """Return the space with the occupancy of what was packed in it or in its widened form."""
    if packed.box.shape_zyx == space.box.shape_zyx:
        return packed
    return replace(space, occupied=packed.occupied[interior(packed)].copy())


def _fill_all(
    space: Space, molecules: Sequence[Molecule], goals: Sequence[_Goal], rng: np.random.Generator
) -> tuple[list[_Filled], Space]:
    """Place the large ones first: small ones still find room between them, not the reverse."""
    flat = flat_grid(blocked(space))
    counted = np.zeros(space.box.shape_zyx, dtype=bool)
    counted[interior(space)] = True
    order = sorted(range(len(molecules)), key=lambda i: -molecules[i].volume_A3)
    grids = (flat, np.append(counted.reshape(-1), (False, False)))
    filled = {i: _fill(grids, space, molecules[i], goals[i], rng) for i in order}
    return [filled[i] for i in range(len(molecules))], with_occupied(space, flat)


def _fill(
    grids: tuple[Bool, Bool],
    space: Space,
    molecule: Molecule,
    goal: _Goal,
    rng: np.random.Generator,
) -> _Filled:
    """Place one molecule until the goal is reached.

    Its cells are marked in the first of the caller's flattened grids; the second tells which
    cells lie in the ice of interest.
    """
    flat, counted = grids
    wanted_A3 = goal.volume_A3 - rng.uniform() * molecule.volume_A3  # the goal, on average
    size = int(np.clip(2 * min(wanted_A3 / molecule.volume_A3, goal.count), *BATCH))
    places = _free_places(grids, space, molecule, size, rng)
    taken: list[_Place] = []
    volume_A3, patience = 0.0, 0
    while volume_A3 < wanted_A3 and len(taken) < goal.count:
        found = next(places, None)
        if found is None:
            patience = PATIENCE
            break
        take(flat, found.cells)
        taken.append(found)
        volume_A3 += molecule.volume_A3 * float(np.mean(counted[found.cells]))
    centres = np.array([p.centre_zyx_A for p in taken], dtype=np.float64).reshape(-1, 3)
    rotations = np.array([p.rotation for p in taken], dtype=np.float64).reshape(-1, 3, 3)
    attempts = (taken[-1].attempt if taken else 0) + patience
    return _Filled(soluble(molecule, centres, rotations), volume_A3, attempts)


def _free_places(
    grids: tuple[Bool, Bool],
    space: Space,
    molecule: Molecule,
    size: int,
    rng: np.random.Generator,
) -> Iterator[_Place]:
    """Yield places that are free at that moment, until none is found for long."""
    flat, counted = grids
    probes = spread_points(molecule.beads_zyx_A, PROBES)
    at_once = max(1, BEADS_AT_ONCE // len(molecule.beads_zyx_A))
    seeds = seeds_per_row(space)
    tried = last = 0
    while tried - last < PATIENCE:
        centres = random_centres(space, seeds, REACH * molecule.radius_A, size, rng)
        rotations = random_rotations(len(centres), rng)
        clear = np.flatnonzero(~flat[cells_of(space, probes, centres, rotations)].any(axis=1))
        for start in range(0, len(clear), at_once):
            some = clear[start : start + at_once]
            cells = cells_of(space, molecule.beads_zyx_A, centres[some], rotations[some])
            for number, own in zip(some, cells, strict=True):
                if flat[own].any():
                    continue
                if not counted[own].any():  # see REACH
                    take(flat, own)
                    continue
                last = tried + int(number) + 1
                yield _Place(last, centres[number], rotations[number], own)
        tried += size
