"""Round vesicles packed closely: drawn where they like to be, then pushed apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.phantom.blends import gradients
from membraneseg.phantom.bouton import ActiveZone
from membraneseg.phantom.box import Box
from membraneseg.phantom.shapes import Shape
from membraneseg.types import Bool, Float64, Int64

SWEEPS = 400
TRIES_PER_DOCKED = 50
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


def docked_centres(
    zone: ActiveZone,
    bouton: Shape,
    depths_and_reaches_A: tuple[Float64, Float64],
    box: Box,
    rng: np.random.Generator,
) -> Float64:
    """Draw balls at given depths below the active zone, beside each other.

    Parameters
    ----------
    zone : ActiveZone
    bouton : Shape
    depths_and_reaches_A : (K,) and (K or more,) float64
        Distances of the centres from the bouton's membrane, and the radii of the balls.
    box : Box
        Centres lie in it.
    rng : numpy.random.Generator

    Returns
    -------
    (M, 3) float64
        Centres of the first M ≤ K balls: those before the first that finds no place.
    """
    centres = np.empty((0, 3))
    depths_A, reaches_A = depths_and_reaches_A
    for depth_A in depths_A:
        for _ in range(TRIES_PER_DOCKED):
            place = _below(zone, bouton, depth_A, rng)
            inside = ((place >= box.low_A) & (place <= box.high_A)).all()
            needed_A = reaches_A[: len(centres)] + reaches_A[len(centres)]
            if inside and (np.linalg.norm(centres - place, axis=1) >= needed_A).all():
                centres = np.concatenate([centres, place])
                break
        else:
            return centres
    return centres


def _below(zone: ActiveZone, bouton: Shape, depth_A: float, rng: np.random.Generator) -> Float64:
    """A point (1, 3) at a depth below the bouton's membrane, anywhere along the zone."""
    turn, out_A = rng.uniform(0.0, 2 * np.pi), zone.radius_A * np.sqrt(rng.uniform())
    place = zone.from_local(np.array([[0.0, out_A * np.cos(turn), out_A * np.sin(turn)]]))
    for _ in range(6):
        lacking_A = -depth_A - bouton.signed_distance(place)
        place = place + lacking_A[:, None] * zone.axes_zyx[0]
    return place


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
