"""Middle of every membrane in a probability volume: oriented points with sub-voxel places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from membraneseg.group.smoothing import SLAB_SLICES, smoothed_slices
from membraneseg.types import Bool, Float32, Float64, Int64

BORDER_PX = 2
"""Width of the rim in y and x in which nothing is traced: a cut membrane's ridge runs along it."""
_STEEPEST_PER_PX = 2.0  # slope along a crest, of its curvature across; the flanks are steeper
_FARTHEST = 0.6  # that a crest lies from its voxel's centre, along the axis nearest the normal


@dataclass(frozen=True)
class CrestPoints:
    """Points on the middle of membranes, about one per voxel².

    Parameters
    ----------
    place : (N, 3) float64
        zyx in voxels.
    normal : (N, 3) float64
        Unit normal of the membrane; either of the two directions.
    probability : (N,) float64
        Smoothed membrane probability.
    voxel : (N, 3) int64
        The voxel that each lies in, in order of the volume.
    """

    place: Float64
    normal: Float64
    probability: Float64
    voxel: Int64

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.place)


def trace_crest(
    probability: npt.NDArray[np.floating[Any]],
    smoothing_px: float,
    threshold: float,
    min_strength: float,
    progress: Callable[[float], None],
) -> CrestPoints:
    """Smooth a volume and find the middle of its membranes, a slab at a time.

    Parameters
    ----------
    probability : (Z, Y, X) floating
        May be a memory map.
    smoothing_px : float
        Standard deviation of a Gaussian.
    threshold, min_strength : float
        See `find_crest`.
    progress : callable
        Called with the share (0 to 1) that is done.

    Returns
    -------
    CrestPoints
        In order of the volume; none in its first and last slice.
    """
    planes = smoothed_slices(probability, smoothing_px)
    slab = list(islice(planes, 2))
    parts, first = [], 0
    while ahead := list(islice(planes, SLAB_SLICES)):
        slab += ahead
        part = find_crest(np.stack(slab), threshold, min_strength)
        up = np.array([first, 0, 0])
        parts.append(CrestPoints(part.place + up, part.normal, part.probability, part.voxel + up))
        first += len(slab) - 2
        slab = slab[-2:]
        progress((first + 2) / len(probability))
    if not parts:
        none = np.zeros((0, 3))
        return CrestPoints(none, none, none[:, 0], none.astype(np.int64))
    return CrestPoints(
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.normal for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.concatenate([part.voxel for part in parts]),
    )


def find_crest(smooth: Float32, threshold: float, min_strength: float) -> CrestPoints:
    """Find the voxels where the probability is largest across a membrane.

    Parameters
    ----------
    smooth : (Z, Y, X) float32
        Smoothed probability.
    threshold : float
        Lower probabilities are no membrane.
    min_strength : float
        Least −λ with λ the lowest curvature of the probability, per voxel².

    Returns
    -------
    CrestPoints

    Notes
    -----
    The normal is the Hessian's eigenvector of lowest eigenvalue; a voxel is kept if a parabola
    along it has its top so near that no two voxels of a column hold the same stretch of membrane
    (Steger 1998, doi:10.1109/34.659930). The Hessian comes from 19 neighbours of the voxels above
    the threshold only: linear in their number.
    """
    inside = np.zeros(smooth.shape, dtype=bool)
    inside[1:-1, BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    inside &= smooth > threshold
    flat = np.flatnonzero(inside)
    flat = flat[_is_line_top(smooth, flat)]
    hessian, gradient = _derivatives(smooth, flat)
    values, vectors = np.linalg.eigh(hessian)
    lowest, normal = values[:, 0], vectors[:, :, 0]
    along = (gradient * normal).sum(axis=1)
    top = np.divide(-along, lowest, out=np.full(len(flat), 9.0), where=lowest < -min_strength)
    shift = top[:, None] * normal
    kept = np.abs(top) <= _FARTHEST * np.abs(normal).max(axis=1, initial=0.0)
    slope = np.linalg.norm(gradient - along[:, None] * normal, axis=1)
    kept &= slope < -_STEEPEST_PER_PX * lowest
    voxel = np.column_stack(np.unravel_index(flat[kept], smooth.shape)).astype(np.int64)
    place = voxel + shift[kept]
    probability = ndimage.map_coordinates(smooth, place.T, order=1, mode="nearest")
    return CrestPoints(
        place.astype(np.float64),
        normal[kept].astype(np.float64),
        probability.astype(np.float64),
        voxel,
    )


def _is_line_top(smooth: Float32, flat: Int64) -> Bool:
    """Whether a voxel is no lower than both neighbours along at least one of the three axes."""
    values = smooth.ravel()
    own = values[flat]
    top = np.zeros(len(flat), dtype=bool)
    for step in _strides(smooth.shape):
        top |= (own >= values[flat - step]) & (own >= values[flat + step])
    return top


def _strides(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return shape[1] * shape[2], shape[2], 1


def _derivatives(smooth: Float32, flat: Int64) -> tuple[Float32, Float32]:
    """Hessian (N, 3, 3) and gradient (N, 3) by central differences."""
    values, steps = smooth.ravel(), _strides(smooth.shape)
    hessian = np.empty((len(flat), 3, 3), dtype=np.float32)
    gradient = np.empty((len(flat), 3), dtype=np.float32)
    centre = values[flat]
    for a, step in enumerate(steps):
        ahead, behind = values[flat + step], values[flat - step]
        gradient[:, a] = 0.5 * (ahead - behind)
        hessian[:, a, a] = ahead + behind - 2.0 * centre
        for b in range(a):
            other = steps[b]
            mixed = values[flat + step + other] + values[flat - step - other]
            mixed = mixed - values[flat + step - other] - values[flat - step + other]
            hessian[:, a, b] = hessian[:, b, a] = 0.25 * mixed
    return hessian, gradient
