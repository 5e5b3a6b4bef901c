"""Cristae drawn at random along a mitochondrion: stacked lamellae, and tubules between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.phantom.box import Box
from membraneseg.phantom.cristae import MOUTH_RADIUS_A, Crista
from membraneseg.phantom.placement import HALF_WIDTH_A, inside_box
from membraneseg.phantom.plates import Plate
from membraneseg.phantom.shapes import Shape
from membraneseg.phantom.sheets import wavy_sheet
from membraneseg.phantom.tubular import Rod, Tube, Union
from membraneseg.types import Float64

TRIES_PER_CRISTA = 12
THICKNESS_A = (230.0, 320.0)
"""Across a lamella, from the middle of one membrane to that of the other."""
NECK_RADIUS_A = (122.0, 148.0)
NECK_CREASE_A = 70.0
"""Rounding where a neck leaves its lamella."""
RIM_GAP_A = (150.0, 200.0)
"""From the rim of a crista to the boundary at its nearest, beside the neck."""
LEAST_RIM_GAP_A = MOUTH_RADIUS_A + 40.0
"""The same anywhere: the rounding of the mouth does not reach the rim's bilayer."""
REACH_SHARE = (0.75, 1.0)
"""How far a lamella reaches across."""
WAVINESS_A = (40.0, 200.0)
MATRIX_GAP_A = 2 * HALF_WIDTH_A + 60.0
"""Least distance between the membranes of two cristae."""
TILT_RAD = 0.3
"""Largest tilt that all cristae of a mitochondrion share; each adds a third of it at most."""
STEP_A = 20.0


@dataclass(frozen=True)
class Axis:
    """The middle line of a mitochondrion, run on straight beyond its ends.

    Parameters
    ----------
    body : Tube
        The outer membrane.
    boundary : Shape
        The inner boundary membrane.
    """

    body: Tube
    boundary: Shape

    def at(self, along_A: float) -> tuple[Float64, Float64]:
        """Point and unit direction at a distance along the line."""
        inside_A = float(np.clip(along_A, 0.0, self.body.arc_A[-1]))
        index = int(np.abs(self.body.arc_A - inside_A).argmin())
        direction = self.body.tangents_zyx[index]
        beyond_A = along_A - float(self.body.arc_A[index])
        return self.body.points_zyx_A[index] + beyond_A * direction, direction

    def way_out_A(self, start_zyx_A: Float64, direction_zyx: Float64) -> float:
        """How far it is from a point to the boundary in a direction."""
        steps_A = np.arange(0.0, 4.0 * self.body.radii_A.max(), STEP_A)
        distances = self.boundary.signed_distance(start_zyx_A + steps_A[:, None] * direction_zyx)
        outside = np.flatnonzero(distances >= 0.0)
        return float(steps_A[outside[0]] if len(outside) else steps_A[-1])


def cristae_along(
    axis: Axis,
    box: Box,
    spacing_A: tuple[float, float],
    tubular_share: float,
    rng: np.random.Generator,
) -> tuple[Crista, ...]:
    """Draw the cristae of one mitochondrion, as many as fit.

    Parameters
    ----------
    axis : Axis
    box : Box
        Where the mitochondrion lies far outside, it gets none.
    spacing_A : tuple of float
        Smallest and largest distance along the axis from one crista to the next.
    tubular_share : float
        Share of the places that hold tubules rather than a lamella.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Crista
    """
    found: list[Crista] = []
    shared = TILT_RAD * rng.uniform(-1.0, 1.0, 3)
    radius_A = float(axis.body.radii_A.mean())
    along_A = rng.uniform(-0.4, -0.2) * radius_A
    while along_A < axis.body.arc_A[-1] + 0.4 * radius_A:
        if inside_box(axis.at(along_A)[0][None], box, "box", -radius_A).all():
            found += _at_place(axis, along_A, (shared, tubular_share), found, rng)
        along_A += rng.uniform(*spacing_A)
    return tuple(found)


def _at_place(
    axis: Axis,
    along_A: float,
    tilt_and_tubular_share: tuple[Float64, float],
    others: list[Crista],
    rng: np.random.Generator,
) -> list[Crista]:
    """Draw a lamella or 1 to 3 tubules at one place of the axis, if they fit."""
    shared, tubular_share = tilt_and_tubular_share
    tubular = rng.uniform() < tubular_share
    wanted = int(rng.integers(1, 4)) if tubular else 1
    found: list[Crista] = []
    for _ in range(TRIES_PER_CRISTA):
        tilt = shared + TILT_RAD / 3 * rng.uniform(-1.0, 1.0, 3)
        crista = (tubule if tubular else lamella)(axis, along_A, tilt, rng)
        if crista is not None and fits(crista, axis, others + found):
            found.append(crista)
        if len(found) == wanted:
            break
    return found


def lamella(axis: Axis, along_A: float, tilt: Float64, rng: np.random.Generator) -> Crista | None:
    """Draw a plate across a mitochondrion, its rim near one side and joined to it by 1 to 3 necks.

    Parameters
    ----------
    axis : Axis
    along_A : float
        Where on the axis.
    tilt : (3,) float64
        Added to the direction of the axis, gives the plate's normal.
    rng : numpy.random.Generator

    Returns
    -------
    Crista or None
        None where the mitochondrion is too narrow for a lamella.
    """
    point, direction = axis.at(along_A)
    normal = _unit(direction + tilt)
    turn = rng.choice([0.0, np.pi]) + rng.uniform(-0.25, 0.25)  # sideways, where the image shows it
    side = _across(normal, turn)
    thickness_A, gap_A = rng.uniform(*THICKNESS_A), rng.uniform(*RIM_GAP_A)
    near_A, far_A = axis.way_out_A(point, side), axis.way_out_A(point, -side)
    widest_A = rng.uniform(*REACH_SHARE) * (near_A + far_A) - gap_A - thickness_A
    radius_A = widest_A / 2
    if radius_A < thickness_A / 2:
        return None
    centre = point + (near_A - gap_A - thickness_A / 2 - radius_A) * side
    waviness_A = rng.uniform(*WAVINESS_A)
    plate = Plate(wavy_sheet(centre, normal, waviness_A, radius_A, rng), radius_A, thickness_A)
    turns = turn + np.array([0.0, *(rng.choice([-1, 1]) * rng.uniform(0.5, 1.3, 2) * [1, -1])])
    necks = [_neck(axis, plate, _across(normal, t), rng) for t in turns[: rng.integers(1, 4)]]
    half_depth_A = waviness_A + max(thickness_A / 2, NECK_RADIUS_A[1])
    sac = Union((plate, *necks), NECK_CREASE_A)
    return Crista(sac, centre, normal, half_depth_A, len(necks))


def tubule(axis: Axis, along_A: float, tilt: Float64, rng: np.random.Generator) -> Crista:
    """Draw a finger that reaches into the matrix from the boundary.

    Parameters
    ----------
    axis : Axis
    along_A : float
    tilt : (3,) float64
        As of `lamella`.
    rng : numpy.random.Generator

    Returns
    -------
    Crista
    """
    point, direction = axis.at(along_A)
    normal = _unit(direction + tilt)
    turn = rng.uniform(0.0, 2 * np.pi)
    side, upright = _across(normal, turn), _across(normal, turn + np.pi / 2)
    mouth_A = axis.way_out_A(point, side)
    depth_A = rng.uniform(0.35, 0.8) * (mouth_A + axis.way_out_A(point, -side))
    steps = np.linspace(0.0, 1.0, max(4, int((depth_A + 2 * MOUTH_RADIUS_A) / STEP_A)))[:, None]
    inward = (depth_A + 2 * MOUTH_RADIUS_A) * steps
    bend_A = rng.uniform(-0.1, 0.1) * depth_A
    points = point + (mouth_A + 2 * MOUTH_RADIUS_A - inward) * side + bend_A * steps**2 * upright
    radius_A = rng.uniform(*NECK_RADIUS_A)
    sac = Tube(points, np.full(len(points), radius_A))
    return Crista(sac, point, normal, radius_A, 1)


def fits(crista: Crista, axis: Axis, others: list[Crista]) -> bool:
    """Whether a crista keeps its distance from the boundary, but for its necks, and from others.

    Parameters
    ----------
    crista : Crista
    axis : Axis
    others : list of Crista

    Returns
    -------
    bool
    """
    parts = crista.sac.parts if isinstance(crista.sac, Union) else (crista.sac,)
    if isinstance(parts[0], Plate):
        rim = axis.boundary.signed_distance(parts[0].samples_zyx_A)
        if rim.max() > -LEAST_RIM_GAP_A:
            return False
    points = np.concatenate([part.samples_zyx_A for part in parts])
    points = points[axis.boundary.signed_distance(points) < MOUTH_RADIUS_A]
    return all((other.sac.signed_distance(points) > MATRIX_GAP_A).all() for other in others)


def _neck(axis: Axis, plate: Plate, side: Float64, rng: np.random.Generator) -> Rod:
    """A tube from the edge of a plate out through the boundary."""
    flat = plate.middle.axes_zyx[1:] @ side
    start = plate.middle.points_above((plate.radius_A * flat)[None])[0]
    length_A = axis.way_out_A(start, side) + 2 * MOUTH_RADIUS_A
    return Rod(start, start + length_A * side, rng.uniform(*NECK_RADIUS_A))


def _across(normal: Float64, turn_rad: float) -> Float64:
    """Unit vector across a normal; at turn 0 it lies in the plane of the image."""
    level = _unit(np.cross([1.0, 0.0, 0.0], normal))
    return np.asarray(np.cos(turn_rad) * level + np.sin(turn_rad) * np.cross(normal, level))


def _unit(vector: Float64) -> Float64:
    return np.asarray(vector / np.linalg.norm(vector))
