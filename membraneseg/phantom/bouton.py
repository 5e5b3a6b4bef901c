"""The large membranes of a synapse: a bouton cut by the box, its active zone, its organelles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from membraneseg.phantom.box import Box
from membraneseg.phantom.liposomes import deformed_sphere
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.paths import PathStyle, wandering_path
from membraneseg.phantom.placement import enclosing_labels, innermost
from membraneseg.phantom.shapes import Flattened, Shape, StarBody
from membraneseg.phantom.tubes import tube_along
from membraneseg.phantom.tubular import Tube
from membraneseg.types import Float64

RADIUS_SHARE = (0.52, 0.66)
"""Radius of a bouton as a share of the box's narrower side."""
CUT_SHARE = (0.8, 0.9)
"""Where the active zone cuts it, as a share of the radius from its centre."""
ZONE_SHARE = (0.2, 0.27)
"""Distance of the active zone from the middle of the box, as a share of the same side."""
TILT_RAD = 0.2
BOUTON_DEFORMATION = 0.05
EDGE_RADIUS_A = 100.0
ENDOSOME_RADIUS_A = (300.0, 450.0)
MITOCHONDRION_RADIUS_A = (620.0, 850.0)
ORGANELLE_GAP_A = 60.0
TRIES_PER_ORGANELLE = 200


@dataclass(frozen=True)
class ActiveZone:
    """The flat face of a bouton where it meets the cleft.

    Parameters
    ----------
    point_zyx_A : (3,) float64
        Its middle.
    axes_zyx : (3, 3) float64
        Rows: unit normal out of the bouton; the direction across it in the plane of the image;
        the third one, nearly along z.
    radius_A : float
    """

    point_zyx_A: Float64
    axes_zyx: Float64
    radius_A: float

    def from_local(self, local_A: Float64) -> Float64:
        """Points (N, 3) at coordinates (N, 3) along the axes; the first one leads to the cleft."""
        return self.point_zyx_A + local_A @ self.axes_zyx

    def distances_A(self, points_zyx_A: Float64) -> Float64:
        """Distance (N,) of (N, 3) points from the disc of the zone."""
        local = (points_zyx_A - self.point_zyx_A) @ self.axes_zyx.T
        beyond = np.maximum(np.hypot(local[:, 1], local[:, 2]) - self.radius_A, 0.0)
        return np.hypot(local[:, 0], beyond)


def draw_bouton(box: Box, rng: np.random.Generator) -> tuple[Flattened, ActiveZone]:
    """Draw a bouton that runs out of the box on all sides but the one of its active zone.

    Parameters
    ----------
    box : Box
    rng : numpy.random.Generator

    Returns
    -------
    bouton : Flattened
    zone : ActiveZone
    """
    side_A = float((box.high_A - box.low_A)[1:].min())
    turn, lean = rng.uniform(0.0, 2 * np.pi), rng.uniform(-TILT_RAD, TILT_RAD)
    normal = np.array([np.sin(lean), np.cos(lean) * np.sin(turn), np.cos(lean) * np.cos(turn)])
    across = np.array([0.0, np.cos(turn), -np.sin(turn)])
    axes = np.stack([normal, across, np.cross(normal, across)])
    aside_A = rng.uniform(-0.08, 0.08) * side_A
    point = box.centre_A + rng.uniform(*ZONE_SHARE) * side_A * normal + aside_A * across
    radius_A = rng.uniform(*RADIUS_SHARE) * side_A
    cut_A = rng.uniform(*CUT_SHARE) * radius_A
    body = deformed_sphere(point - cut_A * normal, radius_A, BOUTON_DEFORMATION, rng)
    zone = ActiveZone(point, axes, float(np.sqrt(radius_A**2 - cut_A**2)))
    return Flattened(body, point, normal, EDGE_RADIUS_A), zone


def draw_endosome(zone: ActiveZone, box: Box, rng: np.random.Generator) -> StarBody:
    """Draw a larger, deformed vesicle in the back of a bouton; it may lie anywhere there."""
    side_A = float((box.high_A - box.low_A)[1:].min())
    local = [-rng.uniform(0.25, 0.7) * side_A, rng.uniform(-0.4, 0.4) * side_A, 0.0]
    centre = zone.from_local(np.array([local]))[0]
    centre[0] = rng.uniform(box.low_A[0], box.high_A[0])
    return deformed_sphere(centre, rng.uniform(*ENDOSOME_RADIUS_A), 0.2, rng)


def draw_mitochondrion(zone: ActiveZone, box: Box, rng: np.random.Generator) -> Tube:
    """Draw the outer membrane of a small mitochondrion that lies across the back of a bouton."""
    side_A = float((box.high_A - box.low_A)[1:].min())
    radius_A = rng.uniform(*MITOCHONDRION_RADIUS_A)
    style = PathStyle(radius_A / 24, 20_000.0, 4.0 * radius_A, 0.1 * radius_A)
    heading = np.arctan2(zone.axes_zyx[1, 1], zone.axes_zyx[1, 2]) + rng.uniform(-0.4, 0.4)
    path = wandering_path(heading, rng.uniform(1.5, 4.0) * radius_A, style, rng)
    local = [-rng.uniform(0.4, 0.75) * side_A, rng.uniform(-0.3, 0.3) * side_A, 0.0]
    path += zone.from_local(np.array([local]))[0] - path[len(path) // 2]
    return tube_along(path, radius_A, rng.uniform(-0.04, 0.04, 3))


def lies_in(shape: Shape, placed: Sequence[Membrane], label: int) -> bool:
    """Whether a shape lies in the membrane of a label and clear of everything in it."""
    enclosing = enclosing_labels(shape, placed, ORGANELLE_GAP_A)
    return enclosing is not None and innermost(enclosing, placed) == label
