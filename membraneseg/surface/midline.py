"""Points on the middle of a thick mask, whichever way its membranes face."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from membraneseg.types import Bool, Float32, Float64, Int64

SLAB_SLICES = 32
BOXES = 12
BOX_HALF_PX = 20
SMOOTHING_PER_THICKNESS = 0.4
LEAST_SMOOTHING_PX = 0.8
MOST_SMOOTHING_PX = 3.0
INSIDE_PX = 0.55
"""A voxel carries the crest if this runs no farther from its centre along any axis."""
STEEPEST_ALONG = 0.4
"""Largest fall of the smoothed mask along its crest, per smoothing width, as a share of its value:
at the end of a slab the crest forks towards both edges, and falls."""
LEAST_SHEETNESS = 0.25
"""Share of the curvature along the normal that a slab of the mask's thickness would have."""


def mask_thickness_px(mask: Bool) -> float:
    """Thickness of the sheets in a mask.

    Parameters
    ----------
    mask : (Z, Y, X) bool

    Returns
    -------
    float
        In voxels; 0 for an empty mask.

    Notes
    -----
    Inside a slab of thickness T the distance to the nearest voxel outside averages T / 4 + 1/2.
    Measured in a few boxes spread over the mask.
    """
    occupied = np.argwhere(mask)
    if len(occupied) == 0:
        return 0.0
    chosen = occupied[np.linspace(0, len(occupied) - 1, BOXES).astype(np.int64)]
    total, count = 0.0, 0
    for place in chosen:
        low = np.maximum(place - BOX_HALF_PX, 0)
        high = place + BOX_HALF_PX + 1
        box = mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        # Cut by the border of the volume or of the box, a membrane does not end there.
        depth = distance_transform_edt(np.pad(box, 1, mode="edge"))[1:-1, 1:-1, 1:-1][box]
        total, count = total + float(depth.sum()), count + len(depth)
    return max(4.0 * (total / count - 0.5), 1.0)


def middle_points(mask: Bool, thickness_px: float) -> Float64:
    """Points on the middle of the sheets of a mask, about one per voxel of area.

    Parameters
    ----------
    mask : (Z, Y, X) bool
    thickness_px : float
        Of the sheets; sets the smoothing.

    Returns
    -------
    (P, 3) float64
        Voxel indices (sub-voxel); in the order of the voxels that they lie in.

    Notes
    -----
    The crest of the smoothed mask: where its slope along the direction of its strongest
    downward curvature vanishes (Steger 1998, doi:10.1109/34.659930, in three dimensions).
    Linear in the bounding box of the mask, a slab of slices at a time.
    """
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    if len(filled) == 0:
        return np.zeros((0, 3))
    sigma = float(
        np.clip(SMOOTHING_PER_THICKNESS * thickness_px, LEAST_SMOOTHING_PX, MOST_SMOOTHING_PX)
    )
    found = [
        _crest(mask, z, min(z + SLAB_SLICES, int(filled[-1]) + 1), thickness_px, sigma)
        for z in range(int(filled[0]), int(filled[-1]) + 1, SLAB_SLICES)
    ]
    return np.concatenate(found)


def _crest(mask: Bool, first: int, stop: int, thickness_px: float, sigma: float) -> Float64:
    """Crest points (P, 3) in the slices from `first` to before `stop`."""
    halo = int(np.ceil(4.0 * sigma)) + 1
    begin = max(first - halo, 0)
    slab = mask[begin : stop + halo]
    columns = [np.flatnonzero(slab.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    if len(columns[0]) == 0:
        return np.zeros((0, 3))
    low = [max(int(filled[0]) - halo, 0) for filled in columns]
    crop = slab[:, low[0] : columns[0][-1] + halo + 1, low[1] : columns[1][-1] + halo + 1]
    # Repeated at the border of the volume, where a membrane does not end.
    smooth = gaussian_filter(crop.astype(np.float32), sigma, mode="nearest")
    smooth = np.pad(smooth, 1, mode="edge")
    voxels = np.argwhere(crop[first - begin : stop - begin])
    voxels[:, 0] += first - begin
    slope, bend = _differences(smooth, voxels + 1)
    curvature, directions = np.linalg.eigh(bend)
    sharpest, across = curvature[:, 0], directions[:, :, 0]
    along = (slope * across).sum(axis=1)
    moves = (-along / np.where(sharpest < 0, sharpest, -1.0))[:, None] * across
    on_crest = sharpest < -LEAST_SHEETNESS * _slab_curvature(thickness_px, sigma)
    on_crest &= (np.abs(moves) <= INSIDE_PX).all(axis=1)
    fall = np.linalg.norm(slope - along[:, None] * across, axis=1)
    on_crest &= sigma * fall <= STEEPEST_ALONG * smooth[tuple((voxels + 1).T)]
    offset = np.array([begin, *low])
    return np.asarray(voxels[on_crest] + moves[on_crest] + offset, dtype=np.float64)


def _differences(smooth: Float32, voxels: Int64) -> tuple[Float64, Float64]:
    """Gradient (N, 3) and second derivatives (N, 3, 3) at inner voxels, by central differences."""
    steps = np.eye(3, dtype=np.int64)

    def at(*moves: Int64) -> Float64:
        places = voxels + np.sum(moves, axis=0, dtype=np.int64)
        return np.asarray(smooth[tuple(places.T)], dtype=np.float64)

    middle = at(0 * steps[0])
    slope = np.empty((len(voxels), 3))
    bend = np.empty((len(voxels), 3, 3))
    for one in range(3):
        ahead, behind = at(steps[one]), at(-steps[one])
        slope[:, one] = 0.5 * (ahead - behind)
        bend[:, one, one] = ahead - 2.0 * middle + behind
        for other in range(one):
            even = at(steps[one], steps[other]) + at(-steps[one], -steps[other])
            odd = at(steps[one], -steps[other]) + at(-steps[one], steps[other])
            bend[:, one, other] = bend[:, other, one] = 0.25 * (even - odd)
    return slope, bend


def _slab_curvature(thickness_px: float, sigma: float) -> float:
    """Minus the second derivative in the middle of a smoothed slab."""
    half = 0.5 * thickness_px
    return float(
        2.0 * half / (np.sqrt(2.0 * np.pi) * sigma**3) * np.exp(-0.5 * (half / sigma) ** 2)
    )
