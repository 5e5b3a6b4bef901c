"""The inner membrane of a mitochondrion: a boundary with cristae that open into it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from membraneseg.phantom.blends import rounded_maximum, true_distances
from membraneseg.phantom.shapes import Shape, outward_normals
from membraneseg.phantom.tubular import Blendable
from membraneseg.types import Bool, Float64

FAR_A = 200.0
"""Distances from cristae are not followed further than this."""
MOUTH_RADIUS_A = 80.0
"""Rounding where the neck of a crista opens at the boundary."""


@dataclass(frozen=True)
class Crista:
    """A sac within the inner membrane, and the plane that it lies along.

    Parameters
    ----------
    sac : Blendable
        Its necks reach out through the boundary.
    centre_zyx_A, normal_zyx : (3,) float64
        Of the plane.
    half_depth_A : float
        The sac lies within this distance of the plane.
    neck_count : int
        Openings at the boundary.
    """

    sac: Blendable
    centre_zyx_A: Float64
    normal_zyx: Float64
    half_depth_A: float
    neck_count: int

    def within_reach(self, points_zyx_A: Float64) -> Bool:
        """Which of (N, 3) points may be nearer to the sac than `FAR_A`."""
        height = points_zyx_A @ self.normal_zyx - self.centre_zyx_A @ self.normal_zyx
        return np.asarray(np.abs(height) < self.half_depth_A + FAR_A)


@dataclass(frozen=True)
class Matrix:
    """What the inner membrane encloses: a body less its cristae, one connected surface.

    The lumen of every crista is outside, one with the space between the two membranes.

    Parameters
    ----------
    boundary : Shape
        The inner boundary membrane.
    cristae : tuple of Crista
    """

    boundary: Shape
    cristae: tuple[Crista, ...]

    closed = True

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) the boundary's."""
        return self.boundary.bounds_zyx_A

    @cached_property
    def samples_zyx_A(self) -> Float64:
        """(N, 3) points of the boundary and of the cristae, moved onto the surface."""
        parts = [self.boundary.samples_zyx_A, *(c.sac.samples_zyx_A for c in self.cristae)]
        points = np.concatenate(parts)
        distances = self.signed_distance(points)
        kept = np.abs(distances) < MOUTH_RADIUS_A
        points = points[kept] - distances[kept, None] * outward_normals(self, points[kept])
        return points[np.abs(self.signed_distance(points)) < 1.0]

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Distance from the rounded maximum of the boundary and what is not in a crista."""
        return true_distances(self._field, points_zyx_A)

    def _field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        boundary = self.boundary.signed_distance(points_zyx_A)
        reached = np.flatnonzero(boundary < FAR_A)
        sacs, uneven = self._sacs(points_zyx_A[reached])
        within = boundary[reached]
        carved = rounded_maximum(within, -sacs, MOUTH_RADIUS_A)
        values, somewhere = boundary.copy(), np.zeros(len(boundary), dtype=bool)
        values[reached] = carved
        somewhere[reached] = (carved > np.maximum(within, -sacs)) | (uneven & (-sacs > within))
        return values, somewhere

    def _sacs(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        """Field of all cristae together; they are too far apart to blend."""
        values = np.full(len(points_zyx_A), FAR_A)
        uneven = np.zeros(len(points_zyx_A), dtype=bool)
        for crista in self.cristae:
            near = np.flatnonzero(crista.within_reach(points_zyx_A))
            theirs, theirs_uneven = crista.sac.field(points_zyx_A[near])
            closer = theirs < values[near]
            values[near[closer]] = theirs[closer]
            uneven[near[closer]] = theirs_uneven[closer]
        return values, uneven
