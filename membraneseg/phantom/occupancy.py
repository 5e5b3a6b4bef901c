"""Which voxels are taken, and whether a molecule's beads would fall into them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from membraneseg.phantom.beads import Particles, flat_voxels, placed_points
from membraneseg.phantom.box import Box
from membraneseg.phantom.placement import WALLS, check_constraint
from membraneseg.types import Bool, Float64, Int64


@dataclass(frozen=True)
class Space:
    """Where molecules may go.

    Parameters
    ----------
    box : Box
    occupied : (Z, Y, X) bool
        True where a molecule stands; also membranes with a clearance, carbon, vacuum.
    constraint : str
        "box": no wall may cut a molecule, "sides": not the ice's top and bottom, "none".
    where : (Z, Y, X) bool, optional
        Voxels that may hold the centre of a soluble molecule or the seed of a filament. Where the
        mask reaches an open wall, it goes on behind it.
    membranes : (Z, Y, X) int16, optional
        Label of the bilayer in each voxel, 0 elsewhere. A protein enters only the one that it is
        embedded in.
    rim_zyx : tuple of int
        Voxels at either end of each axis that lie outside the ice of interest: what molecules
        that open walls cut occupy there. They hold no part of the free volume.
    """

    box: Box
    occupied: Bool
    constraint: str = "sides"
    where: Bool | None = None
    membranes: npt.NDArray[np.int16] | None = None
    rim_zyx: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        check_constraint(self.constraint)
        for grid in (self.occupied, self.where, self.membranes):
            if grid is not None and grid.shape != self.box.shape_zyx:
                raise ValueError(f"a grid of {grid.shape} does not fill {self.box.shape_zyx}")


@dataclass(frozen=True)
class Placement:
    """What a packing, the filaments or an embedding made of a space.

    Parameters
    ----------
    particles : tuple of Particles
    space : Space
        Its occupancy holds the particles.
    wanted, reached : float
        Share of the free volume (packing) or number of molecules (all others).
    attempts : int
        Places that were tried.
    """

    particles: tuple[Particles, ...]
    space: Space
    wanted: float
    reached: float
    attempts: int


def with_rim(space: Space, rim_A: float) -> Space:
    """Widen a space by a rim past its open walls, in which all that touches a wall goes on.

    Without it, molecules that are cut could lie in each other outside, and would crowd along the
    walls.
    """
    voxels = int(np.ceil(rim_A / space.box.voxel_size_A))
    z, y, x = (0 if axis in WALLS[space.constraint] else voxels for axis in range(3))
    depth, height, width = space.box.shape_zyx
    wider = Box(
        (depth + 2 * z, height + 2 * y, width + 2 * x),
        space.box.voxel_size_A,
        space.box.low_A - space.box.voxel_size_A * np.array([z, y, x]),
    )
    pads = ((z, z), (y, y), (x, x))
    return Space(
        wider,
        np.pad(space.occupied, pads, mode="edge"),
        space.constraint,
        None if space.where is None else np.pad(space.where, pads, mode="edge"),
        None if space.membranes is None else np.pad(space.membranes, pads, mode="edge"),
        (z, y, x),
    )


def interior(space: Space) -> tuple[slice, slice, slice]:
    """Slices that leave the rim away."""
    z, y, x = (slice(r, n - r) for r, n in zip(space.rim_zyx, space.box.shape_zyx, strict=True))
    return z, y, x


def free_volume_A3(space: Space) -> float:
    """Volume of the voxels that nothing stands in and where molecules may go."""
    free = ~blocked(space)
    if space.where is not None:
        free &= space.where
    return float(np.count_nonzero(free[interior(space)])) * space.box.voxel_size_A**3


def blocked(space: Space) -> Bool:
    """Voxels (Z, Y, X) that no soluble molecule may enter."""
    if space.membranes is None:
        return space.occupied.copy()
    return np.asarray(space.occupied | (space.membranes > 0))


def flat_grid(grid: Bool) -> Bool:
    """Flatten a grid and add two cells: outside the box (never taken) and wall (always taken)."""
    return np.append(grid.reshape(-1), (False, True))


def take(flat: Bool, cells: Int64) -> None:
    """Mark cells of a flattened grid, which the caller owns, as taken."""
    flat[cells] = True
    flat[-2] = False  # there is always room outside


def outside_cell(space: Space) -> int:
    """Cell of the flattened grid that stands for everything outside the box."""
    return int(np.prod(space.box.shape_zyx))


def with_occupied(space: Space, flat: Bool) -> Space:
    """Return the space with the taken cells of a flattened grid; bilayers count as not taken."""
    taken = flat[:-2].reshape(space.box.shape_zyx)
    if space.membranes is not None:
        taken = space.occupied | (taken & (space.membranes == 0))
    return replace(space, occupied=taken)


def cells_of(
    space: Space, points_zyx_A: Float64, centres_zyx_A: Float64, rotations: Float64
) -> Int64:
    """Cells of the flattened grid that the points of placed molecules fall into.

    Parameters
    ----------
    space : Space
    points_zyx_A : (K, 3) float64
        In the frame of the molecule.
    centres_zyx_A : (N, 3) float64
    rotations : (N, 3, 3) float64

    Returns
    -------
    (N, K) int64
        Points outside the box get the cell "outside" or, beyond a wall that must not be crossed,
        the cell "wall".
    """
    box = space.box
    index = placed_points(
        points_zyx_A / box.voxel_size_A, box.to_index(centres_zyx_A) + 0.5, rotations
    )
    voxels = np.floor(index, out=index).astype(np.int64)
    flat, inside = flat_voxels(box, voxels)
    if inside.all():
        return flat
    outside = outside_cell(space)
    cells = np.where(inside, flat, outside)
    for axis in WALLS[space.constraint]:
        beyond = (voxels[axis] < 0) | (voxels[axis] >= box.shape_zyx[axis])
        cells[beyond] = outside + 1
    return cells


def spread_points(points_zyx_A: Float64, count: int) -> Float64:
    """Points far from each other, chosen one after the other: the first is farthest from 0.

    Parameters
    ----------
    points_zyx_A : (K, 3) float64
    count : int
        At most this many.

    Returns
    -------
    (min(count, K), 3) float64
    """
    chosen = [int((points_zyx_A**2).sum(axis=1).argmax())]
    nearest = np.full(len(points_zyx_A), np.inf)
    for _ in range(min(count, len(points_zyx_A)) - 1):
        distance = ((points_zyx_A - points_zyx_A[chosen[-1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, distance)
        chosen.append(int(nearest.argmax()))
    return points_zyx_A[chosen]


def seeds_per_row(space: Space) -> Int64 | None:
    """Voxels of `where` in each row along x, (Z·Y,); None where centres may lie anywhere."""
    if space.where is None:
        return None
    return np.asarray(space.where.sum(axis=2).reshape(-1), dtype=np.int64)


def random_centres(
    space: Space, seeds: Int64 | None, reach_A: float, count: int, rng: np.random.Generator
) -> Float64:
    """Draw places uniformly: in the voxels of `where`, or in the box and around its open walls.

    Parameters
    ----------
    space : Space
    seeds : (Z·Y,) int64 or None
        From `seeds_per_row`, which is slow enough to be called once.
    reach_A : float
        How far beyond an open wall a centre may lie.
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    (N, 3) float64
        N is `count`, or 0 if `where` is empty.
    """
    box = space.box
    if seeds is None or space.where is None:
        reach = np.full(3, reach_A / box.voxel_size_A)
        reach[list(WALLS[space.constraint])] = 0.0
        low = np.asarray(space.rim_zyx) - 0.5 - reach
        return box.to_angstrom(rng.uniform(low, np.asarray(box.shape_zyx) - 1 - low, (count, 3)))
    if not seeds.any():
        return np.empty((0, 3))
    rows = rng.choice(len(seeds), count, p=seeds / seeds.sum())
    rank = rng.integers(seeds[rows]) + 1  # the n-th of the voxels in its row
    voxels = space.where.reshape(len(seeds), -1)[rows]
    x = (np.cumsum(voxels, axis=1) >= rank[:, None]).argmax(axis=1)
    z, y = np.divmod(rows, box.shape_zyx[1])
    return box.to_angstrom(np.stack([z, y, x], axis=1) + rng.uniform(-0.5, 0.5, (count, 3)))
