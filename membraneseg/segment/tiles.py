"""One slice in overlapping tiles of about equal size; the rim of each tile is thrown away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from membraneseg.types import Float32

Forward = Callable[[Float32], Float32]
"""Images (B, C, h, w) to class probabilities (B, K, h, w)."""
MULTIPLE_PX = 16
"""Edges of tiles are multiples of this: the network halves its images up to four times."""


def up_to_multiple(length: int) -> int:
    """Next multiple of `MULTIPLE_PX`."""
    return -(-length // MULTIPLE_PX) * MULTIPLE_PX


def tile_spans(length: int, tile_px: int, halo_px: int) -> tuple[list[tuple[int, int]], int]:
    """Cut a row into parts of about equal length, each decided by one tile.

    Parameters
    ----------
    length : int
        Of the row.
    tile_px : int
        Longest tile.
    halo_px : int
        Rim of a tile that is thrown away on either side.

    Returns
    -------
    spans : list of (int, int)
        First and one past the last pixel that each tile decides.
    edge : int
        Length of every tile, rims included.
    """
    parts = -(-length // (tile_px - 2 * halo_px))
    step = -(-length // parts)
    spans = [(first, min(first + step, length)) for first in range(0, length, step)]
    return spans, up_to_multiple(step + 2 * halo_px)


def in_tiles(forward: Forward, stack: Float32, tile_px: int, halo_px: int, batch: int) -> Float32:
    """Class probabilities (K, Y, X) of one slice given its context (C, Y, X).

    Parameters
    ----------
    forward : callable
        The network.
    stack : (C, Y, X) float32
        Normalised; mirrored at its walls.
    tile_px, halo_px : int
        Longest edge of a tile, and its rim that is thrown away.
    batch : int
        Tiles per call of `forward`.

    Returns
    -------
    (K, Y, X) float32
    """
    _, height, width = stack.shape
    rows, edge_y = tile_spans(height, tile_px, halo_px)
    columns, edge_x = tile_spans(width, tile_px, halo_px)
    after_y = rows[-1][0] + edge_y - halo_px - height
    after_x = columns[-1][0] + edge_x - halo_px - width
    pad = ((0, 0), (halo_px, after_y), (halo_px, after_x))
    padded = np.pad(stack, pad, mode="symmetric")
    jobs = [(y, x) for y in rows for x in columns]
    out: Float32 | None = None
    for first in range(0, len(jobs), batch):
        some = jobs[first : first + batch]
        crops = [padded[:, y[0] : y[0] + edge_y, x[0] : x[0] + edge_x] for y, x in some]
        for (y, x), tile in zip(some, forward(np.stack(crops)), strict=True):
            if out is None:
                out = np.empty((len(tile), height, width), dtype=np.float32)
            inner_y = slice(halo_px, halo_px + y[1] - y[0])
            inner_x = slice(halo_px, halo_px + x[1] - x[0])
            out[:, y[0] : y[1], x[0] : x[1]] = tile[:, inner_y, inner_x]
    assert out is not None  # a slice has at least one pixel
    return out
