"""Molecules as beads: where they lie, what they add to the potential, which voxels they label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from membraneseg.phantom.box import Box
from membraneseg.types import Bool, Float32, Float64, Int64

Labels = npt.NDArray[np.int16]
BEAD_SPACING_VOXELS = 0.55
"""Lattice spacing of beads: no point of a turned lattice lies √3/2 · 0.55 = 0.48 voxels or more
from a bead, so every voxel whose centre lies in a molecule is the nearest voxel of some bead."""
FILLED = 0.4
"""Share of a voxel that makes it the molecule's. Not a half, because the trilinear weights blur
parts that are as thin as a voxel or two; with 0.4, labels of molecules from 4 to 25 nm at 8 to
20 Å per voxel have the molecule's volume within a tenth (4 nm at 20 Å: two thirds)."""
BEADS_PER_CHUNK = 100_000
"""Small enough for its arrays to stay in a processor's cache."""


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class Molecule:
    """A molecule as beads in a frame of its own.

    Parameters
    ----------
    name : str
        "ribosome"
    beads_zyx_A : (K, 3) float64
        Centred on 0. Of a membrane protein: +z is the outward normal, z = 0 the middle of the
        membrane.
    potential_VA3 : (K,) float64
        Integral over the bead of the potential above that of ice, V·Å³.
    parts : (K,) int64
        Index into `part_names`.
    part_names : tuple of str
        Classes in the ground-truth atlas: ("ribosome",) or ("actin", "cofilin").
    volume_A3 : float
        Volume that it keeps from others.
    """

    name: str
    beads_zyx_A: Float64
    potential_VA3: Float64
    parts: Int64
    part_names: tuple[str, ...]
    volume_A3: float

    def __post_init__(self) -> None:
        count = len(self.beads_zyx_A)
        _check(count > 0 and self.beads_zyx_A.shape == (count, 3), "beads_zyx_A must be (K, 3)")
        _check(self.potential_VA3.shape == (count,), "one potential_VA3 per bead")
        _check(self.parts.shape == (count,), "one part per bead")
        _check(self.parts.min() >= 0 and self.parts.max() < len(self.part_names), "unknown part")
        _check(self.volume_A3 > 0, f"volume_A3 must be positive, got {self.volume_A3}")

    @property
    def radius_A(self) -> float:
        """Largest distance of a bead from the molecule's origin."""
        return float(np.sqrt((self.beads_zyx_A**2).sum(axis=1).max()))

    @property
    def bead_volume_A3(self) -> float:
        """Volume that a bead stands for, on average."""
        return self.volume_A3 / len(self.parts)


@dataclass(frozen=True)
class Particles:
    """One molecule, placed N times.

    Parameters
    ----------
    molecule : Molecule
    centres_zyx_A : (N, 3) float64
    rotations : (N, 3, 3) float64
        zyx matrices R: a bead stands at centre + R @ bead.
    membrane : (N,) int64
        Label of the membrane that it sits in, 0 for soluble ones.
    filament : (N,) int64
        Number of the filament that it is a subunit of, 0 for none.
    """

    molecule: Molecule
    centres_zyx_A: Float64
    rotations: Float64
    membrane: Int64
    filament: Int64

    def __post_init__(self) -> None:
        count = len(self.centres_zyx_A)
        _check(self.centres_zyx_A.shape == (count, 3), "centres_zyx_A must be (N, 3)")
        _check(self.rotations.shape == (count, 3, 3), "rotations must be (N, 3, 3)")
        _check(self.membrane.shape == (count,), "one membrane label per particle")
        _check(self.filament.shape == (count,), "one filament number per particle")


def soluble(molecule: Molecule, centres_zyx_A: Float64, rotations: Float64) -> Particles:
    """Particles (N, 3), (N, 3, 3) that sit in no membrane and belong to no filament."""
    none = np.zeros(len(centres_zyx_A), dtype=np.int64)
    return Particles(molecule, centres_zyx_A, rotations, none, none)


def placed_points(points_zyx_A: Float64, centres_zyx_A: Float64, rotations: Float64) -> Float64:
    """Points of a molecule's frame, carried along by each of its copies.

    Parameters
    ----------
    points_zyx_A : (K, 3) float64
    centres_zyx_A : (N, 3) float64
    rotations : (N, 3, 3) float64

    Returns
    -------
    (3, N, K) float64
        The axis comes first, because whoever rounds to voxels works axis by axis.
    """
    turned = rotations.transpose(1, 0, 2).reshape(-1, 3) @ points_zyx_A.T  # (3·N, K)
    placed = turned.reshape(3, len(centres_zyx_A), len(points_zyx_A))
    return np.asarray(placed + centres_zyx_A.T[:, :, None], dtype=np.float64)


def beads_of(particles: Particles) -> tuple[Float64, Float64, Int64]:
    """Every bead of every particle.

    Parameters
    ----------
    particles : Particles

    Returns
    -------
    positions_zyx_A : (N·K, 3) float64
    potential_VA3 : (N·K,) float64
    parts : (N·K,) int64
    """
    molecule, count = particles.molecule, len(particles.centres_zyx_A)
    placed = placed_points(molecule.beads_zyx_A, particles.centres_zyx_A, particles.rotations)
    positions = np.ascontiguousarray(placed.reshape(3, -1).T)
    return positions, np.tile(molecule.potential_VA3, count), np.tile(molecule.parts, count)


def deposit(box: Box, groups: Sequence[Particles]) -> Float32:
    """Spread the potential of beads over the eight voxels around each (trilinear weights).

    Parameters
    ----------
    box : Box
    groups : sequence of Particles

    Returns
    -------
    (Z, Y, X) float32
        Potential in V above ice; beads outside the box are dropped.

    Notes
    -----
    Cost: eight additions per bead, in an order that never changes. The sum over the voxels times
    the volume of one is the sum of `potential_VA3` inside, and the first moments are kept too.
    """
    total = _padded_grid(box)
    for group in groups:
        _spread(total, box, group, group.molecule.potential_VA3 / box.voxel_size_A**3)
    return _without_padding(total, box)


def stamp(
    labels: Labels, box: Box, groups: Sequence[Particles], class_of_part: Mapping[str, int]
) -> Labels:
    """Write the class of the beads into the voxels that molecules fill.

    Parameters
    ----------
    labels : (Z, Y, X) int16
        Left as it is; the result starts as its copy.
    box : Box
    groups : sequence of Particles
        Where two meet, the later one wins.
    class_of_part : mapping from part name to int
        Every part name has to be there; parts of class 0 are not written.

    Returns
    -------
    (Z, Y, X) int16

    Notes
    -----
    A voxel is written if a bead lies in it and the volume of the beads, spread trilinearly, fills
    `FILLED` of it: then the label has the volume of the molecule. Were all voxels written that a
    bead touches, a molecule of 5 nm would have nearly twice its volume at 12 Å.
    """
    classes = np.zeros(labels.size, dtype=labels.dtype)
    filled = _padded_grid(box)
    for group in groups:
        molecule = group.molecule
        of_beads = np.array([class_of_part[name] for name in molecule.part_names])[molecule.parts]
        written = of_beads != 0
        # the last bead in a voxel decides: in a shuffled order no part wins where two share it
        order = np.random.default_rng(0).permutation(np.flatnonzero(written))
        _spread(filled, box, group, written * (molecule.bead_volume_A3 / box.voxel_size_A**3))
        for index in _index_chunks(box, group):
            voxels = np.floor(index[:, :, order] + 0.5).astype(np.int64)  # (3, n, K')
            flat, inside = flat_voxels(box, voxels)
            values = np.broadcast_to(of_beads[order], inside.shape)
            classes[flat[inside]] = values[inside].astype(labels.dtype)
    full = (_without_padding(filled, box).reshape(-1) >= FILLED) & (classes != 0)
    return np.where(full, classes, labels.reshape(-1)).reshape(labels.shape)


def flat_voxels(box: Box, voxels_zyx: Int64) -> tuple[Int64, Bool]:
    """Positions in the flattened box of (3, …) voxel indices, and which of them lie in the box."""
    flat = np.zeros(voxels_zyx.shape[1:], dtype=np.int64)
    inside = np.ones(voxels_zyx.shape[1:], dtype=bool)
    for axis, size in enumerate(box.shape_zyx):
        flat = flat * size + voxels_zyx[axis]
        inside &= (voxels_zyx[axis] >= 0) & (voxels_zyx[axis] < size)
    return flat, inside


def _index_chunks(box: Box, particles: Particles) -> Iterator[Float64]:
    """Voxel indices (3, n, K) of the beads, some particles at a time, skipping those outside."""
    molecule = particles.molecule
    index = box.to_index(particles.centres_zyx_A)
    reach = molecule.radius_A / box.voxel_size_A + 1.0
    near = np.flatnonzero(
        ((index > -reach) & (index < np.asarray(box.shape_zyx) + reach)).all(axis=1)
    )
    beads = molecule.beads_zyx_A / box.voxel_size_A
    step = max(1, BEADS_PER_CHUNK // len(beads))
    for start in range(0, len(near), step):
        rows = near[start : start + step]
        yield placed_points(beads, index[rows], particles.rotations[rows])


def _padded_grid(box: Box) -> torch.Tensor:
    """Zeros for the box and one more voxel on every side, flattened."""
    return torch.zeros(int(np.prod(np.array(box.shape_zyx) + 2)), dtype=torch.float32)


def _without_padding(grid: torch.Tensor, box: Box) -> Float32:
    padded: Float32 = grid.numpy().reshape(tuple(n + 2 for n in box.shape_zyx))
    return np.ascontiguousarray(padded[1:-1, 1:-1, 1:-1])


def _spread(total: torch.Tensor, box: Box, group: Particles, per_bead: Float64) -> None:
    """Add a value (K,) per bead to the eight voxels around it, in a grid that the caller owns."""
    strides = ((box.shape_zyx[1] + 2) * (box.shape_zyx[2] + 2), box.shape_zyx[2] + 2, 1)
    for index in _index_chunks(box, group):
        base = np.floor(index)
        flat = np.zeros(index.shape[1:], dtype=np.int64)
        inside = np.ones(index.shape[1:], dtype=bool)
        for axis, size in enumerate(box.shape_zyx):
            inside &= (base[axis] >= -1) & (base[axis] < size)
            flat += (base[axis].astype(np.int64) + 1) * strides[axis]
        shares = (index - base)[:, inside].astype(np.float32)
        upper = [torch.from_numpy(share) for share in shares]
        both = [(1.0 - share, share) for share in upper]
        values = np.broadcast_to(per_bead, inside.shape)[inside]
        value = torch.from_numpy(values.astype(np.float32))
        first = torch.from_numpy(flat[inside])
        for corner in product((0, 1), repeat=3):
            offset = sum(c * stride for c, stride in zip(corner, strides, strict=True))
            weight = both[0][corner[0]] * both[1][corner[1]] * both[2][corner[2]]
            total.index_add_(0, first + offset, value * weight)
