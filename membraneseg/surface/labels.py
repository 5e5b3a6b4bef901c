"""From meshes to volumes: a shell of constant thickness about each membrane."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from membraneseg.coords import angstrom_to_index
from membraneseg.errors import MembraneSegError
from membraneseg.types import Bool, Float32, Float64, Int64, Mesh

logger = logging.getLogger(__name__)

SAMPLE_SPACING = 0.8
"""Largest distance in voxels between samples of a mesh."""
LATERAL_VOXELS = 1.6
"""A voxel belongs to the sample below it only if it lies this close to that sample's normal."""
BLOCK_VOXELS = 32
LEAST_HALF_VOXELS = 0.5 * np.sqrt(3.0)
"""Half a voxel's diagonal: with this the shell has no holes, however coarse the voxels."""


@dataclass(frozen=True)
class LabelConfig:
    """How membranes are painted."""

    shell_thickness_nm: float = field(
        default=5.0, metadata={"help": "thickness of a painted membrane, nm; at least √3 voxels"}
    )

    def __post_init__(self) -> None:
        if not 0.1 <= self.shell_thickness_nm <= 100.0:
            raise MembraneSegError(
                f"shell_thickness_nm is {self.shell_thickness_nm}, expected 0.1 to 100; "
                "change labels.shell_thickness_nm"
            )


@dataclass(frozen=True)
class Labels:
    """The painted volumes, all (Z, Y, X).

    Parameters
    ----------
    membranes : int8
        1 on every membrane, inferred parts included.
    observed : int8
        1 on the part that the data show.
    instances : int32
        Membrane label, 0 elsewhere.
    uncertainty : float32
        Standard deviation of the surface position in Å on the shell, 0 elsewhere.
    """

    membranes: npt.NDArray[np.int8]
    observed: npt.NDArray[np.int8]
    instances: npt.NDArray[np.int32]
    uncertainty: Float32


@dataclass(frozen=True)
class _Samples:
    """Points on one mesh, in voxels, dense enough that every shell voxel has one below it."""

    places: Float64
    normals: Float64
    sigma_A: Float64
    observed: Bool


def paint(
    meshes: Sequence[tuple[int, Mesh]],
    shape_zyx: tuple[int, int, int],
    voxel_size_A: float,
    origin_zyx_A: Float64,
    config: LabelConfig,
) -> Labels:
    """Paint a shell of constant thickness about every mesh.

    Parameters
    ----------
    meshes : sequence of (label, Mesh)
    shape_zyx : tuple of int
    voxel_size_A : float
    origin_zyx_A : (3,) float64
        Centre of voxel (0, 0, 0) in Å.
    config : LabelConfig

    Returns
    -------
    Labels
        Where two shells overlap the nearer membrane wins; the order of the meshes is without
        effect, except that of two equally near the smaller label wins.

    Notes
    -----
    A voxel's distance is that to the tangent plane of the nearest sample of the mesh, so open
    sheets end where their meshes end. Cost is proportional to the painted area.
    """
    started = time.perf_counter()
    half = max(0.5 * config.shell_thickness_nm * 10.0 / voxel_size_A, LEAST_HALF_VOXELS)
    # Of arrays of zeros only those pages cost memory that are written to: about the membranes.
    nearness = np.zeros(shape_zyx, dtype=np.float16)
    observed = np.zeros(shape_zyx, dtype=np.int8)
    instances = np.zeros(shape_zyx, dtype=np.int32)
    uncertainty = np.zeros(shape_zyx, dtype=np.float32)
    for label, mesh in sorted(meshes, key=lambda item: item[0]):
        vertices = angstrom_to_index(mesh.vertices_zyx_A, voxel_size_A, origin_zyx_A)
        samples = _samples(vertices, mesh)
        for voxels, distance, sample in _shell(samples, shape_zyx, half):
            near = (half + 1.0 - distance).astype(np.float16)
            wins = near > nearness[tuple(voxels.T)]
            place, sample = tuple(voxels[wins].T), sample[wins]
            nearness[place] = near[wins]
            instances[place] = label
            observed[place] = samples.observed[sample]
            uncertainty[place] = samples.sigma_A[sample]
    membranes = (instances > 0).astype(np.int8)
    logger.info(
        "labels: %d membranes, %d voxels in %.1f s",
        len(meshes),
        int(membranes.sum(dtype=np.int64)),
        time.perf_counter() - started,
    )
    return Labels(membranes, observed, instances, uncertainty)


def _samples(vertices: Float64, mesh: Mesh) -> _Samples:
    """Spread samples over the faces, at most `SAMPLE_SPACING` apart, with smooth normals."""
    faces = mesh.faces
    values = np.column_stack(
        [vertices, vertex_normals(vertices, faces), mesh.sigma_A, mesh.observed.astype(np.float64)]
    )
    corners = vertices[faces]
    longest = np.sqrt(((corners - np.roll(corners, 1, axis=1)) ** 2).sum(axis=2).max(axis=1))
    splits = np.maximum(np.ceil(longest / SAMPLE_SPACING).astype(int), 1)
    pieces = [np.zeros((0, values.shape[1]))]
    for split in np.unique(splits):
        weights = _barycentric(int(split))
        chosen = values[faces[splits == split]]  # (F, 3, columns)
        pieces.append(np.einsum("wc,fcv->fwv", weights, chosen).reshape(-1, values.shape[1]))
    table = np.concatenate(pieces)
    lengths = np.linalg.norm(table[:, 3:6], axis=1)
    table = table[lengths > 1e-9]
    normals = table[:, 3:6] / lengths[lengths > 1e-9, None]
    return _Samples(table[:, :3], normals, table[:, 6], table[:, 7] > 0.5)


def _barycentric(split: int) -> Float64:
    """Barycentric weights (W, 3) of the centres of the split² small triangles of a triangle."""
    weights = []
    for i in range(split):
        for j in range(split - i):
            weights.append((i + 1 / 3, j + 1 / 3))
            if i + j < split - 1:
                weights.append((i + 2 / 3, j + 2 / 3))
    first = np.array(weights) / split
    return np.column_stack([first, 1.0 - first.sum(axis=1)])


def vertex_normals(vertices: Float64, faces: Int64) -> Float64:
    """Area-weighted normals (V, 3) of a mesh, unit length; null where no face is."""
    corners = vertices[faces]
    spanned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(
                faces[:, corner], spanned[:, axis], minlength=len(vertices)
            )
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.where(lengths > 0, lengths, 1.0))


def _shell(
    samples: _Samples, shape_zyx: tuple[int, int, int], half: float
) -> Iterator[tuple[Int64, Float64, Int64]]:
    """Yield, block by block, the voxels of the shell, their distances and their samples."""
    if len(samples.places) == 0:
        return
    margin = int(np.ceil(half + LATERAL_VOXELS)) + 1
    top = np.asarray(shape_zyx)
    low = np.clip(np.floor(samples.places.min(axis=0)).astype(np.int64) - margin, 0, top)
    high = np.clip(np.ceil(samples.places.max(axis=0)).astype(np.int64) + margin + 1, 0, top)
    for first, last, chosen in _blocks(samples.places, low, high, margin):
        voxels, sample = _nearest_in_block(samples, chosen, first, last, margin)
        height, lateral = _height_and_lateral(samples, voxels, sample)
        inside = (np.abs(height) <= half) & (lateral <= LATERAL_VOXELS)
        yield voxels[inside], np.abs(height[inside]), sample[inside]


def _blocks(
    places: Float64, low: Int64, high: Int64, margin: int
) -> Iterator[tuple[Int64, Int64, Int64]]:
    """Yield the blocks of a box that have places (N, 3) in or near them, and which these are.

    Cut along one axis after the other, so that no block looks at all places.
    """
    parts = [(np.zeros(0, dtype=np.int64), np.arange(len(places)))]
    for axis in range(3):
        along, cut = places[:, axis], []
        for corner, chosen in parts:
            for start in range(int(low[axis]), int(high[axis]), BLOCK_VOXELS):
                stop = min(start + BLOCK_VOXELS, int(high[axis]))
                near = (along[chosen] > start - margin - 1) & (along[chosen] < stop + margin)
                if near.any():
                    cut.append((np.append(corner, start), chosen[near]))
        parts = cut
    for first, chosen in parts:
        yield first, np.minimum(first + BLOCK_VOXELS, high), chosen


def _nearest_in_block(
    samples: _Samples, chosen: Int64, first: Int64, last: Int64, margin: int
) -> tuple[Int64, Int64]:
    """Voxels (N, 3) of a block near the chosen samples, and the sample (N,) below each."""
    places = samples.places[chosen]
    low, shape = first - margin - 1, last - first + 2 * (margin + 1)
    cells = np.ravel_multi_index(tuple((np.rint(places).astype(np.int64) - low).T), tuple(shape))
    sample_of_cell = np.full(int(np.prod(shape)), -1, dtype=np.int64)
    # The sample nearest its voxel's centre is written last and so represents the voxel.
    misfit = ((places - np.rint(places)) ** 2).sum(axis=1)
    order = np.argsort(-misfit, kind="stable")
    sample_of_cell[cells[order]] = chosen[order]
    empty = (sample_of_cell < 0).reshape(tuple(shape))
    distance, source = distance_transform_edt(empty, return_indices=True)
    inner = tuple(slice(margin + 1, margin + 1 + n) for n in last - first)
    found = np.argwhere(distance[inner] <= margin) + margin + 1

    def sample_at(cell: Int64) -> Int64:
        nearest = source[(slice(None), *cell.T)]
        return np.asarray(sample_of_cell[np.ravel_multi_index(tuple(nearest), tuple(shape))])

    sample = sample_at(found)
    for _ in range(2):
        height, _ = _height_and_lateral(samples, found + low, sample)
        foot = found - height[:, None] * samples.normals[sample]
        sample = sample_at(np.clip(np.rint(foot).astype(np.int64), 0, shape - 1))
    return found + low, sample


def _height_and_lateral(samples: _Samples, voxels: Int64, sample: Int64) -> tuple[Float64, Float64]:
    """Signed height (N,) of voxels over their sample's tangent plane, distance from its normal."""
    offset = voxels - samples.places[sample]
    height = (offset * samples.normals[sample]).sum(axis=1)
    lateral = np.sqrt(np.maximum((offset**2).sum(axis=1) - height**2, 0.0))
    return height, lateral
