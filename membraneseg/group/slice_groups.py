"""What the walker says of each slice, brought to the patches of the volume."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from membraneseg.group.contraction import contract
from membraneseg.group.crest import CrestPoints
from membraneseg.group.slice_links import Linker, link_slice_fragments
from membraneseg.group.surface_patches import Patches
from membraneseg.types import Float64, Int64, SliceFragments

_NEAR_PX = 2.0  # between a curve and the same membrane's curve in the next slice, or its crest
_LEAST_OVERLAP = 0.5  # of the shorter of two curves that must go on in the next slice
_SLICES_PER_RIM = 5.0  # slices that a patch spans; so many links weigh as much as its vote


class SliceGroups(NamedTuple):
    """Curves of all slices, grouped within each slice.

    Parameters
    ----------
    points : (P, 3) float64
        Points of all curves, zyx in voxels.
    curve, group : (P,) int64
        Curve and group of each point, numbered through all slices.
    """

    points: Float64
    curve: Int64
    group: Int64


def group_slices(
    fragments: Sequence[SliceFragments],
    probability: npt.NDArray[np.floating[Any]],
    tilt_range_deg: float,
    linker: Linker,
) -> SliceGroups:
    """Group the curves of every slice on its own.

    Parameters
    ----------
    fragments : sequence of SliceFragments
    probability : (Z, Y, X) floating
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    linker : callable
        Links the ends of one slice's curves.

    Returns
    -------
    SliceGroups
    """
    points, curves, groups = [np.zeros((0, 3))], [np.zeros(0, int)], [np.zeros(0, int)]
    curve_count = group_count = 0
    for one in fragments:
        plane = np.asarray(probability[one.z_px], dtype=np.float32)
        for members in link_slice_fragments(one, plane, tilt_range_deg, linker):
            for number in members:
                curve = one.curves_yx_px[number]
                points.append(np.column_stack([np.full(len(curve), float(one.z_px)), curve]))
                curves.append(np.full(len(curve), curve_count + number))
                groups.append(np.full(len(curve), group_count))
            group_count += 1
        curve_count += len(one.curves_yx_px)
    return SliceGroups(np.concatenate(points), np.concatenate(curves), np.concatenate(groups))


def regions_of_slices(slices: SliceGroups, crest: CrestPoints, patches: Patches) -> Int64:
    """Region (K,) of each patch if groups of neighbouring slices that overlap are one membrane.

    Parameters
    ----------
    slices : SliceGroups
    crest : CrestPoints
    patches : Patches

    Returns
    -------
    (K,) int64
        0 … R−1; −1 for patches on no curve.

    Notes
    -----
    Each point looks for the nearest one in the next slice. What overlaps, less the share of the
    shorter group that is asked for, is the evidence for joining two groups; see `contract`.
    """
    count = int(slices.group.max(initial=-1)) + 1
    if count == 0:
        return np.full(len(patches), -1, dtype=np.int64)
    below, above = _next_slice(slices)
    pairs = np.column_stack([slices.group[below], slices.group[above]])
    pairs, met = np.unique(pairs, axis=0, return_counts=True)
    length = np.bincount(slices.group, minlength=count)
    shorter = np.minimum(length[pairs[:, 0]], length[pairs[:, 1]])
    joined = contract(pairs, met - 2 * _LEAST_OVERLAP * shorter, count)  # both ways: met twice
    owner = _nearest_point(slices, crest)
    label = np.where(owner >= 0, joined[slices.group[owner]], -1)
    return _majority(patches.patch_of_point, label, len(patches))


def votes_of_slices(
    slices: SliceGroups, crest: CrestPoints, patches: Patches, region: Int64
) -> tuple[Int64, Float64]:
    """Pairs of regions whose curves the walker has joined in some slices.

    Parameters
    ----------
    slices : SliceGroups
    crest : CrestPoints
    patches : Patches
    region : (K,) int64
        Region of each patch; −1 for patches that do not count.

    Returns
    -------
    pairs : (V, 2) int64
        Regions, a pair once for every slice.
    votes : (V,) float64
    """
    distance, near = cKDTree(crest.place).query(slices.points, distance_upper_bound=_NEAR_PX)
    known = np.isfinite(distance)
    label = np.full(len(known), -1, dtype=np.int64)
    label[known] = region[patches.patch_of_point[near[known]]]
    of_curve = _majority(slices.curve, label, int(slices.curve.max(initial=-1)) + 1)
    curves = np.unique(np.column_stack([slices.group, slices.curve]), axis=0)
    pairs = []
    for members in np.split(curves[:, 1], np.flatnonzero(np.diff(curves[:, 0])) + 1):
        regions = np.unique(of_curve[members])
        pairs += list(combinations(regions[regions >= 0].tolist(), 2))
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return rows, np.full(len(rows), 1.0 / _SLICES_PER_RIM)


def _next_slice(slices: SliceGroups) -> tuple[Int64, Int64]:
    """Pairs of points: each with the nearest of the slice above, and of the slice below."""
    here, there = [np.zeros(0, int)], [np.zeros(0, int)]
    height = slices.points[:, 0].astype(np.int64)
    of_slice = {z: np.flatnonzero(height == z) for z in np.unique(height).tolist()}
    trees = {z: cKDTree(slices.points[index, 1:]) for z, index in of_slice.items()}
    for z, index in of_slice.items():
        for other in (z - 1, z + 1):
            if other not in trees:
                continue
            places = slices.points[index, 1:]
            distance, near = trees[other].query(places, distance_upper_bound=_NEAR_PX)
            known = np.isfinite(distance)
            here.append(index[known])
            there.append(of_slice[other][near[known]])
    one, two = np.concatenate(here), np.concatenate(there)
    swap = slices.group[one] > slices.group[two]
    return np.where(swap, two, one), np.where(swap, one, two)


def _nearest_point(slices: SliceGroups, crest: CrestPoints) -> Int64:
    """Curve point (N,) nearest to each crest point; −1 where none is near."""
    distance, near = cKDTree(slices.points).query(crest.place, distance_upper_bound=_NEAR_PX)
    return np.where(np.isfinite(distance), near, -1).astype(np.int64)


def _majority(owner: Int64, label: Int64, count: int) -> Int64:
    """Most frequent label (count,) of each owner; −1 where there is none."""
    known = label >= 0
    out = np.full(count, -1, dtype=np.int64)
    if known.any():
        pairs = np.column_stack([owner[known], label[known]])
        rows, votes = np.unique(pairs, axis=0, return_counts=True)
        order = np.argsort(votes, kind="stable")
        out[rows[order, 0]] = rows[order, 1]
    return out
