"""Probability to membranes: region merging in three dimensions, walker, or both."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.coords import index_to_angstrom
from membraneseg.group.bridges import find_bridges, join_over_gaps
from membraneseg.group.closed import is_closed
from membraneseg.group.config import GroupConfig, VolumeGeometry
from membraneseg.group.contraction import contract
from membraneseg.group.crest import CrestPoints, trace_crest
from membraneseg.group.neighbours import find_neighbours
from membraneseg.group.rims import find_rims
from membraneseg.group.slice_groups import (
    SliceGroups,
    group_slices,
    regions_of_slices,
    votes_of_slices,
)
from membraneseg.group.slice_links import Linker, co_circular
from membraneseg.group.splitting import split_touching
from membraneseg.group.surface_patches import Patches, cut_patches, with_smooth_normals
from membraneseg.types import Bool, Float64, Int64, MembraneGroup, SliceFragments
from synth2d.wedge import wedge_depth_deg

__all__ = ["GroupConfig", "VolumeGeometry", "group_membranes"]

logger = logging.getLogger(__name__)
Progress = Callable[[float], None]

_ATTRACTION = 0.05  # evidence of a pair of neighbours that agree perfectly
_REPULSION = 0.5  # evidence of a point that lies above another: counted from either side
_LEAST_POINTS = 100  # of a region that is bridged
_PIECE_SHARE = 1.0 / 3.0  # of the evidence for a membrane, that a piece of one must have


def group_membranes(
    fragments: Sequence[SliceFragments],
    probability: npt.NDArray[np.floating[Any]],
    geometry: VolumeGeometry,
    config: GroupConfig,
    progress: Progress | None = None,
    linker: Linker = co_circular,
) -> list[MembraneGroup]:
    """Find the membranes of a volume, across slices and over gaps.

    Parameters
    ----------
    fragments : sequence of SliceFragments
        Curves of every slice; region merging alone does without.
    probability : (Z, Y, X) floating
        Membrane probability, 0 to 1; may be a memory map.
    geometry : VolumeGeometry
        Voxel size, origin, tilt range (a plain tuple of the three will do).
    config : GroupConfig
        Method, lengths, tolerances, least sizes.
    progress : callable, optional
        Called with the share (0 to 1) that is done.
    linker : callable
        What links the curves of a slice for the methods rl and both, such as the learned walker.

    Returns
    -------
    list of MembraneGroup
        Labels 1, 2, … from the most points to the fewest. ``closed`` says that an ellipsoid
        explains the group and that most of its visible surface shows.

    Notes
    -----
    The middle of every membrane is traced as oriented points; neighbouring points that agree
    speak for one membrane, parallel points one above the other for two, and regions grow as long
    as the sum speaks for it (in place of the statistics of Zhou et al. 2023, section 4.2, and
    Nock and Nielsen 2004, doi:10.1109/TPAMI.2004.110). What the missing wedge parts is joined
    where rims go on into each other.
    """
    geometry = VolumeGeometry(*geometry)
    report = progress or (lambda _: None)
    begun = time.perf_counter()
    crest = trace_crest(
        probability,
        config.smoothing_px,
        config.threshold,
        config.min_ridge_strength,
        lambda share: report(0.5 * share),
    )
    if not len(crest):
        logger.warning("group: no membrane shows anywhere")
        return []
    slices = None
    if config.method != "merge":
        slices = group_slices(fragments, probability, geometry.tilt_range_deg, linker)
    report(0.6)
    shape = probability.shape
    patches, region = _regions(crest, slices, shape, geometry.tilt_range_deg, config)
    surface = (patches.centre, patches.normal)
    region = split_touching(surface, region, shape, geometry.tilt_range_deg, config)
    report(0.9)
    groups = _to_groups(crest, patches, region, shape, geometry, config)
    took = time.perf_counter() - begun
    closed = sum(group.closed for group in groups)
    logger.info("group: %d membranes (%d closed), %.1f s", len(groups), closed, took)
    return groups


def _regions(
    crest: CrestPoints,
    slices: SliceGroups | None,
    shape: tuple[int, ...],
    tilt_range_deg: float,
    config: GroupConfig,
) -> tuple[Patches, Int64]:
    """Patches, and the membrane (K,) of each: −1 for none. `slices` for the methods rl and both."""
    patches, region = merge_regions(crest, shape, config)
    if slices is not None and config.method == "rl":
        region = regions_of_slices(slices, crest, patches)
    patches = with_smooth_normals(patches, region)
    region = _pieces(crest, patches, region, tilt_range_deg, config)
    if config.method != "rl":
        votes = None if slices is None else votes_of_slices(slices, crest, patches, region)
        region = _joined(patches, region, shape, tilt_range_deg, config, votes)
    evidence = _evidence_px2(crest, region[patches.patch_of_point], config)
    return patches, _only(region, evidence >= config.min_evidence_px2)


def merge_regions(
    crest: CrestPoints, shape: tuple[int, ...], config: GroupConfig
) -> tuple[Patches, Int64]:
    """Merge points that are one membrane by their neighbourhood.

    Parameters
    ----------
    crest : CrestPoints
        At least one.
    shape : (int, int, int)
        Of the volume.
    config : GroupConfig

    Returns
    -------
    patches : Patches
    region : (K,) int64
        Region of each patch, 0 … R−1.
    """
    neighbours = find_neighbours(crest, shape, (config.stack_from_px, config.stack_to_px))
    patches = cut_patches(crest, neighbours, shape)
    owner = patches.patch_of_point
    pairs = np.concatenate([owner[neighbours.pairs], owner[neighbours.stacked]])
    against = np.full(len(neighbours.stacked), -_REPULSION)
    evidence = np.concatenate([_ATTRACTION * neighbours.worth, against])
    return patches, contract(pairs, evidence, len(patches))


def _pieces(
    crest: CrestPoints, patches: Patches, region: Int64, tilt_range_deg: float, config: GroupConfig
) -> Int64:
    """Regions (K,), −1 for those that are small, unsure, or lie where nothing can be seen.

    What the wedge parts is weaker piece by piece than as a whole, so a piece needs less evidence.
    """
    of_point = region[patches.patch_of_point]
    evidence = _evidence_px2(crest, of_point, config)
    points = np.bincount(of_point[of_point >= 0], minlength=len(evidence))
    hidden = wedge_depth_deg(patches.normal, tilt_range_deg) > config.max_depth_deg
    placed = region >= 0
    dark = np.bincount(region[placed], (patches.size * hidden)[placed], len(evidence))
    good = (points >= _LEAST_POINTS) & (evidence >= _PIECE_SHARE * config.min_evidence_px2)
    return _only(region, good & (dark < 0.5 * points))


def _only(region: Int64, good: Bool) -> Int64:
    """Regions (K,), −1 for those that are not good (R,)."""
    return np.where((region >= 0) & good[np.maximum(region, 0)], region, -1)


def _evidence_px2(crest: CrestPoints, of_point: Int64, config: GroupConfig) -> Float64:
    """Area (R,) of each region times its probability beyond the even one; at least one region."""
    known = of_point >= 0
    beyond = crest.probability - config.even_probability
    count = int(of_point.max(initial=0)) + 1
    evidence = (_areas_px2(crest) * beyond)[known]
    return np.asarray(np.bincount(of_point[known], evidence, count), dtype=np.float64)


def _areas_px2(crest: CrestPoints) -> Float64:
    """Area (N,) that each point stands for: a voxel of a column, seen along the normal."""
    return np.asarray(1.0 / np.abs(crest.normal).max(axis=1))


def _joined(
    patches: Patches,
    region: Int64,
    shape: tuple[int, ...],
    tilt_range_deg: float,
    config: GroupConfig,
    votes: tuple[Int64, Float64] | None,
) -> Int64:
    """Regions (K,) after joining what the wedge has parted."""
    rims = find_rims(patches, region, shape)
    bridges = find_bridges(rims, tilt_range_deg, config.max_gap_px)
    count = int(region.max(initial=-1)) + 1
    if count == 0:
        return region
    joined = join_over_gaps(rims, bridges, config.min_bridged, count, votes)
    return np.where(region >= 0, joined[region], -1)


def _to_groups(
    crest: CrestPoints,
    patches: Patches,
    region: Int64,
    shape: tuple[int, ...],
    geometry: VolumeGeometry,
    config: GroupConfig,
) -> list[MembraneGroup]:
    """Regions that are large enough, largest first."""
    area = _areas_px2(crest)
    of_point = region[patches.patch_of_point]
    found: list[tuple[Int64, bool]] = []
    for label in np.unique(region[region >= 0]).tolist():
        members, points = np.flatnonzero(region == label), np.flatnonzero(of_point == label)
        surface = (patches.centre[members], patches.normal[members])
        closed = is_closed(surface, shape, geometry.tilt_range_deg, config)
        least = config.min_area_closed_px2 if closed else config.min_area_open_px2
        if area[points].sum() >= least:
            found.append((points, closed))
    found.sort(key=lambda one: -len(one[0]))
    none = np.zeros((0, 2), dtype=np.int64)
    size, origin = geometry.voxel_size_A, geometry.origin_zyx_A
    return [
        MembraneGroup(rank, none, index_to_angstrom(crest.place[points], size, origin), closed)
        for rank, (points, closed) in enumerate(found, start=1)
    ]
