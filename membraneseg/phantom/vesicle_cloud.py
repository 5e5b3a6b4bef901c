"""Round vesicles packed closely: drawn where they like to be, then pushed apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.phantom.blends import gradients
from membraneseg.phantom.bouton import ActiveZone
from membraneseg.phantom.box import Box
from membraneseg.phantom.placement import inside_box
from membraneseg.phantom.shapes import Shape
from membraneseg.types import Bool, Float64, Int64

SWEEPS = 400
TRIES_PER_DOCKED = 50
DOCKING_STEPS = 6
PROBES = 40_000
"""Points of the box that are looked at, to find the room for vesicles."""
DENSEST = 0.5
"""Largest share of the room that the balls are to fill."""
TOLERANCE_A = 0.5
"""Overlap that is left when pushing stops; the drawn gap allows for it."""

Clearance = Callable[[Float64], Float64]
"""From (N, 3) points in Å to (N,) distances from the nearest wall, negative beyond it."""


def most_balls(radius_A: float, clearance: Clearance, box: Box, rng: np.random.Generator) -> int:
    """How many balls of a radius the room for them holds without crowding.

    Parameters
    ----------
    radius_A : float
    clearance : callable
    box : Box
        Its walls may cut the balls, but not beyond their centres.
    rng : numpy.random.Generator

    Returns
    -------
    int
    """
    probes = _probes(box, rng)
    box_A3 = float(np.prod(box.high_A - box.low_A))
    room_A3 = box_A3 * float((clearance(probes) > 0.5 * radius_A).mean())
    return int(DENSEST * room_A3 / (4 / 3 * np.pi * radius_A**3))


@dataclass(frozen=True)
class Docking:
    """A vesicle that is to hold on to the active zone.

    Parameters
    ----------
    samples_zyx_A : (S, 3) float64
        Its surface about its centre.
    depth_A : float
        From the surface at its nearest to the middle of the bouton's membrane.
    reach_A : float
        Radius of the ball that it keeps for itself.
    """

    samples_zyx_A: Float64
    depth_A: float
    reach_A: float


def docked_centres(
    zone: ActiveZone,
    bouton: Shape,
    dockings: Sequence[Docking],
    box: Box,
    rng: np.random.Generator,
) -> Float64:
    """Draw places for vesicles below the active zone, beside each other.

    Parameters
    ----------
    zone : ActiveZone
    bouton : Shape
    dockings : sequence of Docking
    box : Box
        Centres lie in it.
    rng : numpy.random.Generator

    Returns
    -------
    (M, 3) float64
        Centres of the first M of them: those before the first that finds no place.
    """
    centres = np.empty((0, 3))
    reaches_A = np.array([docking.reach_A for docking in dockings])
    for docking in dockings:
        for _ in range(TRIES_PER_DOCKED):
            place = _below(zone, bouton, docking, rng)
            if place is None or not inside_box(place[None], box, "box").all():
                continue
            needed_A = reaches_A[: len(centres)] + docking.reach_A
            if (np.linalg.norm(centres - place, axis=1) >= needed_A).all():
                centres = np.concatenate([centres, place[None]])
                break
        else:
            return centres
    return centres


def _below(
    zone: ActiveZone, bouton: Shape, docking: Docking, rng: np.random.Generator
) -> Float64 | None:
    """Draw a centre (3,) as deep below the zone as the vesicle is to be; None beside its edge."""
    turn, out_A = rng.uniform(0.0, 2 * np.pi), zone.radius_A * np.sqrt(rng.uniform())
    local = [-docking.reach_A, out_A * np.cos(turn), out_A * np.sin(turn)]
    place = zone.from_local(np.array([local]))[0]
    for _ in range(DOCKING_STEPS):
        above_A = float(bouton.signed_distance(place + docking.samples_zyx_A).max())
        above_A += docking.depth_A
        if abs(above_A) < TOLERANCE_A:
            return np.asarray(place)
        place = place - above_A * zone.axes_zyx[0]
    return None


def centres_near(
    zone: ActiveZone,
    count_and_fall_A: tuple[int, float],
    clearance: Clearance,
    box: Box,
    rng: np.random.Generator,
) -> Float64:
    """Draw points clear of all walls, their density falling off with the distance from the zone.

    Parameters
    ----------
    zone : ActiveZone
    count_and_fall_A : int and float
        How many, and the distance over which the density falls e-fold.
    clearance : callable
    box : Box
    rng : numpy.random.Generator

    Returns
    -------
    (N, 3) float64
    """
    count, fall_A = count_and_fall_A
    probes = _probes(box, rng)
    probes = probes[clearance(probes) > 0.0]
    weights = np.exp(-zone.distances_A(probes) / fall_A)
    chosen = rng.choice(
        len(probes), min(count, len(probes)), replace=False, p=weights / weights.sum()
    )
    return np.asarray(probes[chosen])


def _probes(box: Box, rng: np.random.Generator) -> Float64:
    return rng.uniform(box.low_A, box.high_A, (PROBES, 3))


def pushed_apart(
    centres_zyx_A: Float64, reaches_A: Float64, still: Bool, clearance: Clearance, box: Box
) -> Float64:
    """Move balls until they neither overlap nor stick out, as far as there is room.

    Parameters
    ----------
    centres_zyx_A : (N, 3) float64
    reaches_A : (N,) float64
        Radii of the balls.
    still : (N,) bool
        Balls that do not move.
    clearance : callable
        Of a ball's centre from the walls around all of them; at least its reach is wanted.
    box : Box
        Centres stay in it.

    Returns
    -------
    (N, 3) float64
        Cost: a few hundred sweeps over the neighbours of each.
    """
    centres = centres_zyx_A.copy()
    share = np.where(still, 0.0, 1.0)
    for _ in range(SWEEPS):
        pairs, overlaps_A = _overlaps(centres, reaches_A)
        i, j = pairs.T
        line = centres[j] - centres[i]
        line /= np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-6)
        moving = np.maximum(share[i] + share[j], 1.0)
        step = (overlaps_A / moving)[:, None] * line
        np.add.at(centres, i, -share[i, None] * step)
        np.add.at(centres, j, share[j, None] * step)
        out = np.flatnonzero((clearance(centres) < reaches_A) & ~still)
        centres[out] = _moved_in(centres[out], reaches_A[out], clearance)
        centres[~still] = np.clip(centres[~still], box.low_A, box.high_A)
        if overlaps_A.max(initial=0.0) < TOLERANCE_A and not len(out):
            break
    return centres


def _moved_in(centres_zyx_A: Float64, reaches_A: Float64, clearance: Clearance) -> Float64:
    """Centres moved away from the walls by what they lack."""
    uphill = gradients(clearance, centres_zyx_A)
    uphill /= np.maximum(np.linalg.norm(uphill, axis=1, keepdims=True), 0.1)
    return centres_zyx_A + (reaches_A - clearance(centres_zyx_A))[:, None] * uphill


def settled(centres_zyx_A: Float64, reaches_A: Float64, still: Bool, clearance: Clearance) -> Bool:
    """Which balls may stay: (N,), none of them beyond a wall or overlapping another that stays.

    Of two that overlap the earlier one stays; the parameters are those of `pushed_apart`, and a
    ball that stood still may be near a wall.
    """
    kept = still | (clearance(centres_zyx_A) > reaches_A - TOLERANCE_A)
    pairs, overlaps_A = _overlaps(centres_zyx_A, reaches_A)
    pairs = np.sort(pairs[overlaps_A > TOLERANCE_A], axis=1)
    for i, j in pairs[np.lexsort(pairs.T[::-1])].tolist():
        kept[j] &= not kept[i]
    return np.asarray(kept)


def _overlaps(centres_zyx_A: Float64, reaches_A: Float64) -> tuple[Int64, Float64]:
    """Pairs (M, 2) of balls that overlap, and by how much (M,)."""
    tree = cKDTree(centres_zyx_A)
    pairs = tree.query_pairs(2.0 * reaches_A.max(initial=1.0), output_type="ndarray")
    apart_A = np.linalg.norm(centres_zyx_A[pairs[:, 0]] - centres_zyx_A[pairs[:, 1]], axis=1)
    overlaps_A = reaches_A[pairs].sum(axis=1) - apart_A
    return pairs[overlaps_A > 0.0].astype(np.int64), overlaps_A[overlaps_A > 0.0]
