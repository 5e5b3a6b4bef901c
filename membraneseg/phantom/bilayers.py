"""Membranes on the voxel grid: potential, distance, instances and compartments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import Membrane, signed_distances
from membraneseg.phantom.shapes import Shape
from membraneseg.types import Float32, Float64, Int64

HEAD_POTENTIAL_V = 2.5
"""Mean inner potential of the lipid head groups above vitreous ice."""
CORE_POTENTIAL_V = 0.6
"""The same of the core, averaged over the lipid tails and the proteins in them."""
HEAD_SIGMA_A = 6.8
FAR_A = 1e4
REACH_A = 35.0
"""How far beyond the outer face of a leaflet its density is drawn."""
BLOCK = 4
"""Edge in voxels of the blocks that are skipped when no membrane is near."""
SAFETY = 1.4
"""First-order distances may be off; a block counts as near up to this factor further out."""

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class MembraneGrid:
    """Every membrane of a scene on the voxel grid.

    Parameters
    ----------
    potential_V : (Z, Y, X) float32
        Mean inner potential above that of the ice; the leaflets are positive.
    distance_A : (Z, Y, X) float32
        Unsigned distance to the middle of the nearest membrane, `FAR_A` where far.
    instances : (Z, Y, X) int16
        Label of the membrane between the outer faces of its leaflets.
    compartments : (Z, Y, X) int16
        Label of the innermost closed membrane around each voxel, 0 outside all.
    """

    potential_V: Float32
    distance_A: Float32
    instances: Int16
    compartments: Int16


def draw_membranes(membranes: Sequence[Membrane], box: Box) -> MembraneGrid:
    """Draw bilayers.

    Parameters
    ----------
    membranes : sequence of Membrane
        Parents before the membranes that they enclose.
    box : Box

    Returns
    -------
    MembraneGrid
        Cost: the voxels near each membrane, and one look per 4³ voxels of its bounding box.
    """
    potential = np.zeros(box.shape_zyx, dtype=np.float32)
    nearest = np.full(box.shape_zyx, FAR_A, dtype=np.float32)
    instances = np.zeros(box.shape_zyx, dtype=np.int16)
    compartments = np.zeros(box.shape_zyx, dtype=np.int16)
    for membrane in membranes:
        near = near_voxels(membrane.shape, box, membrane.outer_half_width_A + REACH_A)
        voxels = near.index_zyx[:, 0], near.index_zyx[:, 1], near.index_zyx[:, 2]
        potential[voxels] += bilayer_potential(
            near.distance_A, membrane.thickness_A, box.voxel_size_A
        )
        unsigned = np.abs(near.distance_A).astype(np.float32)
        closer = unsigned < nearest[voxels]
        own = closer & (unsigned <= membrane.outer_half_width_A)
        instances[tuple(axis[own] for axis in voxels)] = membrane.label
        nearest[tuple(axis[closer] for axis in voxels)] = unsigned[closer]
        if membrane.shape.closed:
            _fill(compartments, near, membrane.label)
    return MembraneGrid(potential, nearest, instances, compartments)


def bilayer_potential(distance_A: Float64, thickness_A: float, voxel_size_A: float) -> Float32:
    """Potential in V of a bilayer against the signed distance from its middle.

    Parameters
    ----------
    distance_A : array of float64
    thickness_A : float
        Between the middles of the two leaflets.
    voxel_size_A : float
        The profile is averaged over about one voxel, so that coarse grids do not alias.

    Returns
    -------
    array of float32
        Two head-group peaks and a shallow core.
    """
    half_A = thickness_A / 2
    sigma_A = np.hypot(HEAD_SIGMA_A, 0.4 * voxel_size_A)
    peaks = np.exp(-0.5 * ((np.abs(distance_A) - half_A) / sigma_A) ** 2)
    core_sigma_A = np.hypot(half_A / 2, 0.4 * voxel_size_A)
    core = np.exp(-0.5 * (distance_A / core_sigma_A) ** 2) * (half_A / 2 / core_sigma_A)
    profile = HEAD_POTENTIAL_V * HEAD_SIGMA_A / sigma_A * peaks + CORE_POTENTIAL_V * core
    return np.asarray(profile, dtype=np.float32)


@dataclass(frozen=True)
class NearVoxels:
    """What `near_voxels` finds.

    Parameters
    ----------
    index_zyx : (N, 3) int64
        Voxels in blocks near the surface.
    distance_A : (N,) float64
        Their signed distances.
    inside_blocks : (M, 3) int64
        First voxels of the blocks that lie wholly inside; a block is BLOCK voxels along each
        axis, less where the box ends.
    """

    index_zyx: Int64
    distance_A: Float64
    inside_blocks: Int64


def near_voxels(shape: Shape, box: Box, reach_A: float) -> NearVoxels:
    """Find the voxels within reach of a surface, looking closely only where it can be.

    Parameters
    ----------
    shape : Shape
    box : Box
    reach_A : float

    Returns
    -------
    NearVoxels
    """
    size = np.asarray(box.shape_zyx)
    bounds = box.to_index(shape.bounds_zyx_A + reach_A * np.array([[-1.0], [1.0]]))
    low = np.clip(bounds[0], 0, size - 1).astype(int) // BLOCK * BLOCK
    high = np.clip(np.ceil(bounds[1]) + 1, 0, size).astype(int)
    axes = [np.arange(a, max(a, b), BLOCK) for a, b in zip(low, high, strict=True)]
    blocks = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    centres = box.to_angstrom(blocks + (BLOCK - 1) / 2)
    distance = signed_distances(shape, centres)
    half_diagonal_A = np.sqrt(3.0) / 2 * BLOCK * box.voxel_size_A
    near = np.abs(distance) < SAFETY * half_diagonal_A + reach_A
    offsets = np.stack(np.meshgrid(*[np.arange(BLOCK)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    index = (blocks[near][:, None, :] + offsets).reshape(-1, 3)
    index = index[(index < size).all(axis=1)]
    signed = signed_distances(shape, box.to_angstrom(index))
    return NearVoxels(index, signed, blocks[~near & (distance < 0)])


def _fill(compartments: Int16, near: NearVoxels, label: int) -> None:
    """Write the label into the inside of a closed membrane; the array is the caller's own."""
    inside = near.index_zyx[near.distance_A < 0]
    compartments[inside[:, 0], inside[:, 1], inside[:, 2]] = label
    for dz in range(BLOCK):
        for dy in range(BLOCK):
            for dx in range(BLOCK):
                voxels = near.inside_blocks + np.array([dz, dy, dx])
                kept = voxels[(voxels < compartments.shape).all(axis=1)]
                compartments[kept[:, 0], kept[:, 1], kept[:, 2]] = label
