"""Filaments that wander through the ice: actin and microtubules, alone or in bundles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import BEAD_SPACING_VOXELS, Molecule, Particles
from membraneseg.phantom.centre_lines import centre_lines
from membraneseg.phantom.helices import (
    BUILT_IN_FILAMENTS,
    HelicalLattice,
    built_in_subunit,
    subunits_along,
)
from membraneseg.phantom.occupancy import (
    Placement,
    Space,
    blocked,
    cells_of,
    flat_grid,
    spread_points,
    take,
    with_occupied,
)
from membraneseg.types import Bool, Float64, Int64

ROUNDS = 8
"""Sets of `LINES_AT_ONCE` centre lines that are tried for a filament before it is given up."""
PROBES = 8
BEADS_AT_ONCE = 200_000

Strand = tuple[Float64, Float64]
"""Centres (N, 3) and rotations (N, 3, 3) of the subunits of one filament."""


@dataclass(frozen=True)
class FilamentsConfig:
    """Which filaments run through the ice."""

    actin_count: int = field(default=0, metadata={"help": "actin filaments, or bundles of them"})
    cofilactin_count: int = field(
        default=0, metadata={"help": "actin filaments decorated with cofilin, or bundles of them"}
    )
    microtubule_count: int = field(default=0, metadata={"help": "microtubules, or bundles of them"})
    length_min_nm: float = field(default=500.0, metadata={"help": "shortest filament"})
    length_max_nm: float = field(
        default=5000.0, metadata={"help": "longest filament; they end where the box ends"}
    )
    elevation_deg: float = field(
        default=15.0,
        metadata={"help": "steepest angle to the plane of the ice, where no surface confines them"},
    )
    bundle_size: int = field(default=1, metadata={"help": "filaments in a bundle; 1: no bundles"})
    bundle_gap_nm: float = field(
        default=4.0, metadata={"help": "distance between the surfaces of bundled filaments"}
    )

    def __post_init__(self) -> None:
        if min(self.counts.values()) < 0 or self.bundle_size < 1:
            raise MembraneSegError(
                f"filament counts are {list(self.counts.values())} and bundle_size is "
                f"{self.bundle_size}, expected counts of 0 or more and bundles of at least 1; "
                "correct them under filaments"
            )
        if not 0.0 < self.length_min_nm <= self.length_max_nm:
            raise MembraneSegError(
                f"filaments are {self.length_min_nm} to {self.length_max_nm} nm long, expected "
                "0 < shortest <= longest; correct filaments.length_min_nm"
            )
        if not 0.0 <= self.elevation_deg <= 90.0 or self.bundle_gap_nm < 0.0:
            raise MembraneSegError(
                f"elevation_deg is {self.elevation_deg} and bundle_gap_nm {self.bundle_gap_nm}, "
                "expected 0 to 90 and 0 or more; correct them under filaments"
            )

    @property
    def counts(self) -> dict[str, int]:
        """Filaments or bundles wanted of every built-in kind; the thick ones first."""
        return {
            "microtubule": self.microtubule_count,
            "cofilactin": self.cofilactin_count,
            "actin": self.actin_count,
        }


def with_filaments(
    space: Space,
    config: FilamentsConfig,
    rng: np.random.Generator,
    bead_spacing_A: float | None = None,
) -> Placement:
    """Grow the built-in filaments of a configuration, numbered 1, 2, 3 … through all kinds.

    Parameters
    ----------
    space : Space
    config : FilamentsConfig
    rng : numpy.random.Generator
    bead_spacing_A : float, optional
        Of the subunits; by default that which the voxels of the space ask for.

    Returns
    -------
    Placement
        One `Particles` per kind; `wanted` and `reached` count filaments.
    """
    spacing_A = bead_spacing_A or BEAD_SPACING_VOXELS * space.box.voxel_size_A
    particles: list[Particles] = []
    wanted = reached = attempts = 0
    for name, count in config.counts.items():
        if not count:
            continue
        subunit = built_in_subunit(name, spacing_A)
        lattice = BUILT_IN_FILAMENTS[name].lattice
        placed = place_filaments(space, lattice, subunit, count, config, rng)
        numbered = placed.particles[0].filament + reached
        particles.append(replace(placed.particles[0], filament=numbered))
        wanted, reached = wanted + int(placed.wanted), reached + int(placed.reached)
        space, attempts = placed.space, attempts + placed.attempts
    return Placement(tuple(particles), space, wanted, reached, attempts)


def place_filaments(
    space: Space,
    lattice: HelicalLattice,
    subunit: Molecule,
    count: int,
    config: FilamentsConfig,
    rng: np.random.Generator,
) -> Placement:
    """Grow filaments of one kind, clear of everything that stands in the space.

    Parameters
    ----------
    space : Space
        A filament starts in a voxel of `where`; it ends before anything that is in its way.
    lattice : HelicalLattice
    subunit : Molecule
        z along the filament, x outward, 0 on the lattice point.
    count : int
        Filaments, or bundles.
    config : FilamentsConfig
        Lengths and bundles; its counts are not used.
    rng : numpy.random.Generator

    Returns
    -------
    Placement
        One `Particles` with the filaments numbered from 1; `wanted` and `reached` count filaments.

    Notes
    -----
    Under the constraints "sides" and "box" the ice's surfaces confine the filaments: they keep the
    curvature of free ones, but are turned back softly before they reach the surface.
    """
    flat = flat_grid(blocked(space))
    strands: list[Strand] = []
    attempts = 0
    for _ in range(count):
        for _ in range(ROUNDS):
            found, tried = _first_clear_bundle(flat, space, lattice, subunit, (config, rng))
            attempts += tried
            if found:
                strands += found
                break
    sizes = [len(centres) for centres, _ in strands]
    centres = np.concatenate([np.empty((0, 3)), *(c for c, _ in strands)])
    rotations = np.concatenate([np.empty((0, 3, 3)), *(r for _, r in strands)])
    numbers = np.repeat(np.arange(1, len(strands) + 1), sizes)
    none = np.zeros(len(centres), dtype=np.int64)
    particles = Particles(subunit, centres, rotations, none, numbers)
    wanted = count * config.bundle_size
    return Placement((particles,), with_occupied(space, flat), wanted, len(strands), attempts)


def _first_clear_bundle(
    flat: Bool,
    space: Space,
    lattice: HelicalLattice,
    subunit: Molecule,
    config_and_rng: tuple[FilamentsConfig, np.random.Generator],
) -> tuple[list[Strand], int]:
    """Draw some centre lines and build on the first that has room; its cells are marked in `flat`.

    Returns the strands, none if there was no room, and the number of lines that were tried.
    """
    config, rng = config_and_rng
    lengths_A = (10 * config.length_min_nm, 10 * config.length_max_nm)
    lines = centre_lines(space, lattice, lengths_A, config.elevation_deg, rng)
    offsets = _bundle_offsets(config.bundle_size)
    offsets = offsets * (2 * lattice.outer_radius_A + 10 * config.bundle_gap_nm)
    longest_side_A = max(space.box.shape_zyx) * space.box.voxel_size_A
    needed_A = min(5.0 * config.length_min_nm, 0.4 * longest_side_A)
    for number, line in enumerate(lines):
        strands: list[Strand] = []
        for offset in offsets:
            shift = np.append(rng.uniform(0.0, lattice.repeat_A), offset)
            beside = line.points_zyx_A + line.frames @ shift
            phase_deg = float(rng.uniform(0.0, 360.0))
            centres, rotations = subunits_along(beside, line.frames, lattice, phase_deg)
            run = _clear_run(flat, space, subunit, (centres, rotations), line.seed)
            if (run.stop - run.start) * lattice.repeat_A < needed_A:
                continue
            strands.append((centres[run].reshape(-1, 3), rotations[run].reshape(-1, 3, 3)))
            for cells in _cells_in_chunks(space, subunit.beads_zyx_A, strands[-1]):
                take(flat, cells)
        if strands:
            return strands, number + 1
    return [], len(lines)


def _bundle_offsets(count: int) -> Float64:
    """Points (N, 2) of a hexagonal lattice of spacing 1 nearest to 0, in the plane first."""
    numbers = np.arange(-count, count + 1)
    first, second = (axis.reshape(-1) for axis in np.meshgrid(numbers, numbers))
    up, aside = np.sqrt(0.75) * second, first + 0.5 * second
    order = np.lexsort([aside, np.abs(up), np.round(up**2 + aside**2, 6)])
    return np.stack([up, aside], axis=1)[order[:count]]


def _clear_run(flat: Bool, space: Space, subunit: Molecule, strand: Strand, seed: int) -> slice:
    """Sets of subunits around the seed that all are free and near the box."""
    box, (centres, rotations) = space.box, strand
    reach = subunit.radius_A / box.voxel_size_A
    index = box.to_index(centres)
    near = (index > -0.5 - reach) & (index < np.asarray(box.shape_zyx) - 0.5 + reach)
    run = _run_around(np.asarray(near.all(axis=-1).any(axis=-1)), seed)
    for beads in (spread_points(subunit.beads_zyx_A, PROBES), subunit.beads_zyx_A):
        some = centres[run].reshape(-1, 3), rotations[run].reshape(-1, 3, 3)
        free = [~flat[cells].any(axis=1) for cells in _cells_in_chunks(space, beads, some)]
        clear = np.concatenate([np.empty(0, dtype=bool), *free]).reshape(-1, centres.shape[1])
        inner = _run_around(np.asarray(clear.all(axis=1)), seed - run.start)
        run = slice(run.start + inner.start, run.start + inner.stop)
    return run


def _run_around(good: Bool, seed: int) -> slice:
    """Longest stretch of good entries that holds the seed; empty if the seed is not good."""
    if not 0 <= seed < len(good) or not good[seed]:
        return slice(0, 0)
    bad = np.flatnonzero(~good)
    after = int(np.searchsorted(bad, seed))
    start = int(bad[after - 1]) + 1 if after else 0
    return slice(start, int(bad[after]) if after < len(bad) else len(good))


def _cells_in_chunks(space: Space, beads: Float64, strand: Strand) -> list[Int64]:
    centres, rotations = strand
    step = max(1, BEADS_AT_ONCE // len(beads))
    return [
        cells_of(space, beads, centres[i : i + step], rotations[i : i + step])
        for i in range(0, len(centres), step)
    ]
