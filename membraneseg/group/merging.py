"""Curves of all slices to membranes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from membraneseg.coords import index_to_angstrom
from membraneseg.group.assignment import best_membrane
from membraneseg.group.config import GroupConfig, VolumeGeometry
from membraneseg.group.evidence import Evidence
from membraneseg.group.joining import Joiner, JoinRules, fit_members
from membraneseg.group.linking import link_pieces
from membraneseg.group.patches import Pieces, cut_pieces
from membraneseg.group.quadric import Quadric, misfits
from membraneseg.group.regions import RegionMerger
from membraneseg.group.sheets import join_sheets
from membraneseg.group.splitting import split_regions
from membraneseg.types import Bool, Float32, Int64, MembraneGroup, SliceFragments

__all__ = ["GroupConfig", "VolumeGeometry", "group_membranes"]

logger = logging.getLogger(__name__)
Progress = Callable[[float], None]

_ENCIRCLED = 0.6  # share of the directions round its centre from which a closed membrane shows
_INSIDE = 0.6  # share of a closed membrane that lies in the volume


def group_membranes(
    fragments: list[SliceFragments],
    probability: Float32,
    geometry: VolumeGeometry,
    config: GroupConfig,
    progress: Progress | None = None,
) -> list[MembraneGroup]:
    """Find which curves are one membrane, across slices and over gaps.

    Parameters
    ----------
    fragments : list of SliceFragments
        Curves of every slice.
    probability : (Z, Y, X) float32
        Membrane probability that they were traced in.
    geometry : VolumeGeometry
        Voxel size, origin, tilt range (a plain tuple of the three will do).
    config : GroupConfig
        Lengths, tolerances, least sizes.
    progress : callable, optional
        Called with the share (0 to 1) that is done.

    Returns
    -------
    list of MembraneGroup
        Labels 1, 2, … from the most points to the fewest. ``closed`` says that an ellipsoid
        explains the group and that most of its visible surface shows; open groups are sheets.

    Notes
    -----
    Region merging over short pieces of curve (Zhou et al. 2023, section 4.2; Nock and Nielsen
    2004), then best-first joining of regions that one ellipsoid explains, then each piece to
    the membrane that explains it best.
    """
    geometry = VolumeGeometry(*geometry)
    report = progress or (lambda _: None)
    begun = time.perf_counter()
    smooth = ndimage.gaussian_filter(probability.astype(np.float32), config.smoothing_px)
    report(0.1)
    pieces = cut_pieces(fragments, smooth, config.piece_px, config.bend_reach_px)
    if len(pieces) == 0:
        logger.warning("group: no curves, so no membranes")
        return []
    report(0.3)
    evidence = Evidence(pieces, probability.shape, geometry.tilt_range_deg)
    labels = _join(pieces, evidence, config, report)
    if (labels < 0).all():
        logger.warning("group: the curves are too few and too small for a membrane")
        return []
    quadrics = _membrane_quadrics(pieces, labels, config)
    labels = best_membrane(pieces, labels, quadrics, config.tolerance, config.link_reach_px)
    labels = join_sheets(pieces, labels, ~_closed(pieces, labels, evidence, config))
    report(0.9)
    groups = _to_groups(pieces, labels, evidence, geometry, config)
    logger.info(
        "group: %d membranes (%d closed) from %d pieces, %.1f s",
        len(groups),
        sum(g.closed for g in groups),
        len(pieces),
        time.perf_counter() - begun,
    )
    return groups


def _join(pieces: Pieces, evidence: Evidence, config: GroupConfig, report: Progress) -> Int64:
    """Label (N,) of each piece after region merging and joining; −1 for small leftovers."""
    links = link_pieces(
        pieces,
        config.link_reach_px,
        config.max_link_cost,
        (config.stack_from_px, config.stack_to_px),
    )
    regions = RegionMerger(pieces, links, max_stacked=config.max_stacked).labels()
    report(0.4)
    rules = JoinRules(
        config.tolerance,
        config.max_misfit,
        config.min_support,
        config.max_stacked,
        config.min_outward,
    )
    regions = split_regions(pieces, regions, evidence, rules)
    report(0.5)
    joiner = Joiner(pieces, regions, links.stacked, evidence, rules, config.min_pieces)
    joiner.run()
    report(0.8)
    labels = np.full(len(pieces), -1, dtype=np.int64)
    ordered = sorted(joiner.members.values(), key=len, reverse=True)
    for label, members in enumerate(ordered):
        labels[members] = label
    return labels


def _membrane_quadrics(pieces: Pieces, labels: Int64, config: GroupConfig) -> list[Quadric | None]:
    """Ellipsoid of each membrane, None where it does not explain most of the pieces."""
    out: list[Quadric | None] = []
    for label in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == label)
        quadric = fit_members(pieces, members, config.tolerance)
        if quadric is not None:
            misfit = misfits(
                quadric, pieces.centre[members], pieces.normal[members], config.tolerance
            )
            if np.median(misfit) > config.max_misfit:
                quadric = None
        out.append(quadric)
    return out


def _to_groups(
    pieces: Pieces,
    labels: Int64,
    evidence: Evidence,
    geometry: VolumeGeometry,
    config: GroupConfig,
) -> list[MembraneGroup]:
    """Membranes large and sure enough, largest first; the dropped ones are counted in the log."""
    kept: list[tuple[Int64, bool]] = []
    dropped = 0
    for label, closed in enumerate(_closed(pieces, labels, evidence, config).tolist()):
        members = np.flatnonzero(labels == label)
        if _is_membrane(pieces, members, closed, config):
            kept.append((members, closed))
        else:
            dropped += len(members) > 0
    stray = int((labels < 0).sum())
    logger.info("group: dropped %d small or faint groups and %d stray pieces", dropped, stray)
    points = [np.flatnonzero(np.isin(pieces.piece_of_point, members)) for members, _ in kept]
    order = np.argsort([-len(p) for p in points], kind="stable")
    return [
        MembraneGroup(
            rank + 1,
            np.unique(pieces.fragment[kept[index][0]], axis=0),
            index_to_angstrom(
                pieces.points[points[index]], geometry.voxel_size_A, geometry.origin_zyx_A
            ),
            kept[index][1],
        )
        for rank, index in enumerate(order.tolist())
    ]


def _closed(pieces: Pieces, labels: Int64, evidence: Evidence, config: GroupConfig) -> Bool:
    """Whether each membrane encloses a volume (L,)."""
    quadrics = _membrane_quadrics(pieces, labels, config)
    flags = [
        quadric is not None
        and _is_closed(quadric, np.flatnonzero(labels == label), evidence, config)
        for label, quadric in enumerate(quadrics)
    ]
    return np.array(flags, dtype=bool)


def _is_closed(quadric: Quadric, members: Int64, evidence: Evidence, config: GroupConfig) -> bool:
    """Whether most of the visible ellipsoid, or of a way round it, is seen."""
    slack = 1.5 * config.tolerance.offset(quadric.radius)
    support, inside = evidence.support(quadric, members, slack)
    around = evidence.encircled(quadric, members)
    shown = support >= 1.25 * config.min_support or (
        around >= _ENCIRCLED and support >= 0.5 * config.min_support
    )
    return shown and inside >= _INSIDE


def _is_membrane(pieces: Pieces, members: Int64, closed: bool, config: GroupConfig) -> bool:
    """Whether a group is large enough (one point stands for about one voxel²) and sure enough."""
    own = np.isin(pieces.piece_of_point, members)
    if not own.any():
        return False
    steepness = np.sqrt(np.maximum(1.0 - pieces.normal[pieces.piece_of_point[own], 0] ** 2, 0.09))
    area = float((1.0 / steepness).sum())
    least = config.min_area_closed_px2 if closed else config.min_area_open_px2
    return area >= least and float(pieces.probability[own].mean()) >= config.min_probability
