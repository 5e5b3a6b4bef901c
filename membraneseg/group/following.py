"""Closed membranes completed where the probability fails, and their parts joined."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.group.closed import is_closed
from membraneseg.group.config import GroupConfig, VolumeGeometry
from membraneseg.group.faint import Volume
from membraneseg.group.quadric import Quadric
from membraneseg.group.trail import (
    BEGIN,
    Piece,
    Surroundings,
    follow,
    goes_on_in,
    heights_near,
    in_volume,
    piece_through,
    put_together,
    spacing_of,
    spread_over,
)
from membraneseg.types import Float64, MembraneGroup

logger = logging.getLogger(__name__)

_LEAST_POINTS = 30  # of a group that has patches


def follow_membranes(
    groups: Sequence[MembraneGroup],
    volumes: Sequence[Volume],
    geometry: VolumeGeometry,
    config: GroupConfig,
) -> list[MembraneGroup]:
    """Follow closed membranes where the probability fails, and join their parts.

    Parameters
    ----------
    groups : sequence of MembraneGroup
    volumes : sequence of (Z, Y, X) arrays
        In which a membrane may show beyond where it was found: probability, densities. May be
        memory maps.
    geometry : VolumeGeometry
    config : GroupConfig

    Returns
    -------
    list of MembraneGroup
        From the most points to the fewest, numbered anew.

    Notes
    -----
    An ellipsoid through the seen part predicts how it goes on. Where that can be seen (see
    `synth2d.wedge`) and no other membrane lies, the membrane's own profile is looked for, against
    what chance finds beside the shape; what is found is added, the ellipsoid fitted again, and so
    on. Another group that it meets is joined if it lies on the ellipsoid, goes on at the same
    height, and nowhere above or below.
    """
    geometry, begun = VolumeGeometry(*geometry), time.perf_counter()
    waiting = {k: _piece_of(group, geometry) for k, group in enumerate(groups)}
    settled: list[Piece] = []
    whole: list[MembraneGroup] = []
    for number in sorted(waiting, key=lambda k: -len(groups[k].points_zyx_A)):
        if number not in waiting:
            continue  # joined to a larger one
        around = Surroundings(volumes, geometry.tilt_range_deg, put_together(settled))
        piece, quadric, joined = _as_far_as_it_goes(number, waiting, around, config)
        settled.append(piece)
        group = groups[number]
        if quadric is not None and (joined or piece.new.any()):
            points = [groups[k].points_zyx_A for k in (number, *joined)]
            points.append(_new_points_A(piece, quadric, volumes[0].shape, geometry))
            surface = (piece.centre, piece.normal)
            closed = is_closed(surface, volumes[0].shape, geometry.tilt_range_deg, config)
            group = replace(group, points_zyx_A=np.concatenate(points), closed=closed)
        whole.append(group)
    whole.sort(key=lambda one: -len(one.points_zyx_A))
    new = sum(int(piece.new.sum()) for piece in settled)
    took = time.perf_counter() - begun
    logger.info(
        "group: %d patches followed, %d joined, %.1f s", new, len(groups) - len(whole), took
    )
    return [replace(group, label=label) for label, group in enumerate(whole, start=1)]


def _as_far_as_it_goes(
    number: int, waiting: dict[int, Piece], around: Surroundings, config: GroupConfig
) -> tuple[Piece, Quadric | None, list[int]]:
    """Follow a piece and take in what it meets, out of `waiting`; the numbers of these."""
    piece, joined = waiting.pop(number), list[int]()
    while True:
        taken = put_together([around.taken, *waiting.values()])
        piece, quadric = follow(piece, around._replace(taken=taken), config)
        if quadric is None:
            return piece, None, joined
        met = [k for k, other in waiting.items() if goes_on_in(piece, quadric, other, config)]
        if not met:
            return piece, quadric, joined
        piece = put_together([piece, waiting.pop(met[0])])  # with this, one ellipsoid still fits
        joined.append(met[0])


def _piece_of(group: MembraneGroup, geometry: VolumeGeometry) -> Piece:
    """Patches of a group; none if it has few points."""
    points = angstrom_to_index(group.points_zyx_A, geometry.voxel_size_A, geometry.origin_zyx_A)
    return put_together([]) if len(points) < _LEAST_POINTS else piece_through(points)


def _new_points_A(
    piece: Piece, quadric: Quadric, shape: tuple[int, ...], geometry: VolumeGeometry
) -> Float64:
    """Points (N, 3) in Å, a voxel apart, on what was found by following."""
    place, outward = spread_over(quadric, 1.0)
    reach = BEGIN * spacing_of(quadric)
    nearest = cKDTree(piece.centre).query(place, distance_upper_bound=reach)[1]
    new = np.append(piece.new, False)[nearest]  # index K: nothing is near
    place, outward = place[new], outward[new]
    if len(place):
        place = place + heights_near(quadric, piece, place)[:, None] * outward
    place = place[in_volume(place, shape)]
    return index_to_angstrom(place, geometry.voxel_size_A, geometry.origin_zyx_A)
