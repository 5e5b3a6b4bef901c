"""The zero level set of a function in space, as a mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from gp_fit.arrays import Bool, Float64, Int64
from gp_fit.errors import NoSurfaceError

Box = tuple[Float64, Float64]
Float32 = npt.NDArray[np.float32]

_LEVELS = 2
_ASKED_AT_ONCE = 200_000


@dataclass(frozen=True)
class ExtractConfig:
    """Options of the extraction; lengths in voxels."""

    spacing_px: float = field(default=2.0, metadata={"help": "finest grid"})
    margin_share: float = field(
        default=0.35, metadata={"help": "box around the points, in extents"}
    )
    margin_px: float = field(default=12.0, metadata={"help": "least box around the points"})
    every_piece: bool = field(
        default=False, metadata={"help": "keep all pieces, not only the one nearest the points"}
    )
    reach_px: float = field(
        default=np.inf,
        metadata={"help": "nothing is meshed much farther than this from the points"},
    )
    most_nodes: int = field(
        default=4_000_000,
        metadata={"help": "nodes of the finest grid, 4 bytes each; made coarser above this"},
    )

    def __post_init__(self) -> None:
        if not self.spacing_px > 0.0:
            raise ValueError(f"spacing_px is {self.spacing_px}, expected a positive number")


def zero_level(
    value: Callable[[Float64], Float64],
    gradient: Callable[[Float64], Float64],
    points_zyx: Float64,
    config: ExtractConfig,
    box_zyx: Box | None = None,
) -> tuple[Float64, Int64]:
    """Mesh the piece of the zero level set that lies nearest to the points, or all pieces.

    Parameters
    ----------
    value, gradient : callables
        f (N,) and ∇f (N, 3) at positions (N, 3); negative inside.
    points_zyx : (P, 3) float64
        The points that the surface passes.
    config : ExtractConfig
    box_zyx : (3,) and (3,) float64, optional
        Corners beyond which nothing is meshed, though the margin about the points reach farther.

    Returns
    -------
    vertices_zyx : (V, 3) float64
    faces : (F, 3) int64
        Turned along the gradient when read as xyz = zyx[::-1]. Not watertight where the surface
        leaves the box.

    Raises
    ------
    NoSurfaceError
        No zero level in the box.

    Notes
    -----
    Values are computed on a grid four times coarser first; only cells that the surface passes,
    their neighbours and cells with points are refined. Each vertex is moved onto the surface by
    one Newton step.
    """
    origin, far = _box_about(points_zyx, config, box_zyx)
    spacing = _affordable(points_zyx, far - origin, config)
    coarse = spacing * 2.0**_LEVELS
    shape = np.ceil((far - origin) / coarse).astype(np.int64) + 1
    grid, wanted = np.empty(shape, dtype=np.float32), np.ones(shape, dtype=np.bool_)
    _fill(grid, wanted, value, (origin, coarse))
    for level in range(_LEVELS):
        step = coarse / 2.0**level
        active = _active_cells(grid, points_zyx, (origin, step), config.reach_px)
        grid = _doubled(grid)
        wanted = _nodes_of(active, grid.shape)
        _fill(grid, wanted, value, (origin, step / 2.0))
    if not (grid.min() < 0.0 < grid.max()):
        raise NoSurfaceError("the fitted function has no zero level near the points")
    try:
        mask = wanted if np.isfinite(config.reach_px) else None
        vertices, faces, _, _ = marching_cubes(grid, 0.0, allow_degenerate=False, mask=mask)
    except RuntimeError as error:  # the level is met at single nodes only
        raise NoSurfaceError("the fitted function has no zero level near the points") from error
    positions = np.asarray(vertices, dtype=np.float64) * spacing + origin
    faces = faces.astype(np.int64)
    if not config.every_piece:
        positions, faces = _nearest_piece(positions, faces, points_zyx)
    slopes = gradient(positions)
    shift = -value(positions) / np.maximum(np.sum(slopes**2, axis=1), 1e-6)
    move = shift[:, None] * slopes
    length = np.linalg.norm(move, axis=1, keepdims=True)
    positions = positions + move * np.minimum(1.0, 0.3 * spacing / np.maximum(length, 1e-12))
    return positions, _turned_along(positions, faces, slopes)


def _box_about(points: Float64, config: ExtractConfig, box_zyx: Box | None) -> Box:
    """Corners of what is meshed."""
    margin = max(config.margin_px, config.margin_share * float(np.ptp(points, axis=0).max()))
    origin, far = points.min(axis=0) - margin, points.max(axis=0) + margin
    if box_zyx is not None:
        origin, far = np.maximum(origin, box_zyx[0]), np.minimum(far, box_zyx[1])
    return origin, far


def _affordable(points: Float64, size: Float64, config: ExtractConfig) -> float:
    """Spacing that keeps small things resolved and the grid of a large box affordable."""
    spacing = min(config.spacing_px, max(0.5, float(np.ptp(points, axis=0).max()) / 16.0))
    return max(spacing, float(np.cbrt(np.prod(np.maximum(size, 1.0)) / config.most_nodes)))


def _fill(
    grid: Float32,
    wanted: Bool,
    value: Callable[[Float64], Float64],
    place: tuple[Float64, float],
) -> None:
    """Ask the function at the wanted nodes of a grid; `place` is its origin and its step."""
    origin, step = place
    nodes, held = np.flatnonzero(wanted), grid.reshape(-1)
    for begin in range(0, len(nodes), _ASKED_AT_ONCE):
        some = nodes[begin : begin + _ASKED_AT_ONCE]
        index = np.stack(np.unravel_index(some, grid.shape), axis=1)
        held[some] = value(index * step + origin)


def _active_cells(
    grid: Float32, points: Float64, place: tuple[Float64, float], reach_px: float
) -> Bool:
    """Cells whose corners differ in sign, or that hold points, and their neighbours within reach.

    `place` is the origin of the grid and its step.
    """
    origin, step = place
    negative = grid < 0.0
    corners = [
        negative[i : i + grid.shape[0] - 1, j : j + grid.shape[1] - 1, k : k + grid.shape[2] - 1]
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    ]
    count = np.sum(corners, axis=0, dtype=np.int8)
    held = np.zeros(count.shape, dtype=np.bool_)
    cells = np.floor((points - origin) / step).astype(np.int64)
    held[tuple(np.clip(cells, 0, np.array(held.shape) - 1).T)] = True
    around = np.ones((3, 3, 3))
    active = binary_dilation(held | ((count > 0) & (count < 8)), around)
    if np.isfinite(reach_px):
        active &= binary_dilation(held, around, iterations=int(np.ceil(reach_px / step)))
    return np.asarray(active)


def _doubled(grid: Float32) -> Float32:
    """Linear interpolation onto half the step along each axis."""
    for axis in range(3):
        ahead = np.moveaxis(grid, axis, 0)
        finer = np.empty((2 * len(ahead) - 1, *ahead.shape[1:]), dtype=np.float32)
        finer[::2] = ahead
        finer[1::2] = np.float32(0.5) * (ahead[1:] + ahead[:-1])
        grid = np.moveaxis(finer, 0, axis)
    return np.ascontiguousarray(grid)


def _nodes_of(active: Bool, shape: tuple[int, ...]) -> Bool:
    """Nodes of the doubled grid that belong to the active cells."""
    wanted = np.zeros(shape, dtype=np.bool_)
    size = np.array(active.shape) * 2
    fine = active.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    for i in (0, 1):
        for j in (0, 1):
            for k in (0, 1):
                wanted[i : i + size[0], j : j + size[1], k : k + size[2]] |= fine
    return wanted


def _nearest_piece(vertices: Float64, faces: Int64, points: Float64) -> tuple[Float64, Int64]:
    """Keep the connected piece to which most of the points are nearest."""
    rows, columns = faces[:, [0, 1, 2]].reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(vertices),) * 2)
    piece = connected_components(graph, directed=False)[1]
    votes = np.bincount(piece[cKDTree(vertices).query(points)[1]])
    return compacted(vertices, faces[piece[faces[:, 0]] == int(np.argmax(votes))])


def compacted(vertices: Float64, faces: Int64) -> tuple[Float64, Int64]:
    """Drop the vertices that no face uses."""
    used, inverse = np.unique(faces, return_inverse=True)
    return vertices[used], inverse.reshape(faces.shape).astype(np.int64)


def _turned_along(vertices: Float64, faces: Int64, slopes: Float64) -> Int64:
    corners = vertices[:, ::-1][faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    along = np.sum(normals * slopes[:, ::-1][faces].mean(axis=1))
    return faces if along >= 0.0 else np.ascontiguousarray(faces[:, ::-1])
