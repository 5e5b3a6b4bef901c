"""Is there a membrane along a predicted shape? Its own profile, looked for there and beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from membraneseg.types import Float64, Int64

Volume = npt.NDArray[np.generic]

_HALF_PROFILE_PX = 5
_BESIDE_PX = (5, 17)  # beyond the places looked at: what chance finds there
_LEAST_DEVIATIONS = 4.5  # of what chance finds
_STRAY_PX = 1.5  # by which a membrane may lie off its prediction, right at the seen part
_STRAY_SHARE = 0.1  # added to that, of the distance from the seen part


class Front(NamedTuple):
    """Places where a membrane is predicted, just beyond where it is seen.

    Parameters
    ----------
    place, outward : (N, 3) float64
        zyx in voxels, and unit normal.
    distance_px : (N,) float64
        From the seen part.
    """

    place: Float64
    outward: Float64
    distance_px: Float64


def sample_profiles(
    volume: Volume, place: Float64, outward: Float64, half_px: int
) -> npt.NDArray[np.float32]:
    """Values (N, 2 half_px + 1) along the normals, a voxel apart, from inside to outside.

    Parameters
    ----------
    volume : (Z, Y, X) array
        May be a memory map: only the voxels needed are read.
    place, outward : (N, 3) float64
        In voxels; unit vectors.
    half_px : int

    Returns
    -------
    (N, 2 half_px + 1) float32
        Trilinear; beyond the volume, its border's values.
    """
    offsets = np.arange(-half_px, half_px + 1.0)
    points = (place[:, None] + offsets[:, None] * outward[:, None]).reshape(-1, 3)
    points = np.clip(points, 0.0, np.array(volume.shape) - 1.001)
    low = points.astype(np.int64)
    part = (points - low).astype(np.float32)
    total = np.zeros(len(points), dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        at = low + np.array(corner)
        share = np.where(np.array(corner) == 1, part, 1.0 - part).prod(axis=1)
        total += share * volume[at[:, 0], at[:, 1], at[:, 2]].astype(np.float32)
    return total.reshape(len(place), -1)


def own_profile(volume: Volume, place: Float64, outward: Float64) -> Float64:
    """Mean profile (11,) across the seen part, made even about its middle, with mean 0."""
    mean = sample_profiles(volume, place, outward, _HALF_PROFILE_PX).mean(axis=0, dtype=np.float64)
    even = 0.5 * (mean + mean[::-1])
    return np.asarray(even - even.mean())


def find_faint(
    volume: Volume, front: Front, own: Float64, disc_px: float, min_contrast: float
) -> tuple[Int64, Float64, Float64]:
    """Look for a membrane along a predicted shape.

    Parameters
    ----------
    volume : (Z, Y, X) array
        Densities or probabilities.
    front : Front
    own : (11,) float64
        Profile of the membrane where it is seen; see `own_profile`.
    disc_px : float
        Profiles are averaged over discs of this radius along the shape.
    min_contrast : float
        Least contrast, of that where the membrane is seen.

    Returns
    -------
    index : (M,) int64
        Members of the front at which there is a membrane.
    offset_px : (M,) float64
        How far outside of the prediction it lies.
    deviations : (M,) float64
        How far its contrast stands out from what chance finds beside the shape.

    Notes
    -----
    A matched filter: the part of `own` in the averaged profiles, at every offset. Offsets near
    the prediction are searched; those farther off, on both sides, say what chance finds.
    """
    stray = _STRAY_PX + _STRAY_SHARE * front.distance_px
    widest = int(np.ceil(stray.max()))
    half = widest + _BESIDE_PX[1]
    index = _spread_out(front.place, 0.7 * disc_px)
    means = _disc_means(volume, front, index, disc_px, half + _HALF_PROFILE_PX)
    contrast = np.stack([np.convolve(row, own[::-1], mode="valid") for row in means])
    contrast /= float((own**2).sum()) or 1.0
    offsets = np.arange(-half, half + 1)
    beside = contrast[:, np.abs(offsets) >= widest + _BESIDE_PX[0]]
    usual = float(np.median(beside))
    spread = 1.4826 * float(np.median(np.abs(beside - usual))) + 1e-3
    searched = np.abs(offsets)[None] <= stray[index][:, None]
    best = np.where(searched, contrast, -np.inf).argmax(axis=1)
    height = contrast[np.arange(len(index)), best] - usual
    found = (height > min_contrast) & (height > _LEAST_DEVIATIONS * spread)
    refined = offsets[best] + _top(contrast, best)
    return index[found], refined[found], height[found] / spread


def _spread_out(place: Float64, spacing_px: float) -> Int64:
    """Members of a set of points, one per cell of a grid."""
    cell = np.floor(place / spacing_px).astype(np.int64)
    return np.sort(np.unique(cell, axis=0, return_index=True)[1]).astype(np.int64)


def _disc_means(
    volume: Volume, front: Front, index: Int64, disc_px: float, half_px: int
) -> Float64:
    """Profiles averaged over the front within a distance of some of its members."""
    profiles = sample_profiles(volume, front.place, front.outward, half_px)
    near = cKDTree(front.place).query_ball_point(front.place[index], disc_px)
    count = np.array([len(row) for row in near])
    starts = np.concatenate([[0], np.cumsum(count)])
    share = np.repeat(1.0 / count, count)
    mean = csr_array((share, np.concatenate(near), starts), shape=(len(index), len(profiles)))
    return np.asarray(mean @ profiles.astype(np.float64))


def _top(contrast: Float64, best: Int64) -> Float64:
    """Top of a parabola through the highest value and its neighbours, within half a voxel."""
    row = np.arange(len(best))
    inner = np.clip(best, 1, contrast.shape[1] - 2)
    below, here, above = (contrast[row, inner + step] for step in (-1, 0, 1))
    bend = below - 2.0 * here + above
    shift = np.divide(0.5 * (below - above), bend, out=np.zeros_like(bend), where=bend < 0)
    return np.asarray(np.clip(shift, -0.5, 0.5))
