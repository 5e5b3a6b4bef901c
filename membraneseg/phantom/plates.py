"""Flat sacs with a round rim: cisternae of the endoplasmic reticulum and mitochondrial cristae."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from membraneseg.phantom.blends import true_distances
from membraneseg.phantom.shapes import Sheet, outward_normals
from membraneseg.types import Bool, Float64

SAMPLE_SPACING_A = 50.0


@dataclass(frozen=True)
class Plate:
    """Everything within half a thickness of a disc that follows a sheet.

    Parameters
    ----------
    middle : Sheet
        Its point is the centre of the disc.
    radius_A : float
        Of the disc; the rim stands out half a thickness further.
    thickness_A : float
    """

    middle: Sheet
    radius_A: float
    thickness_A: float

    closed = True

    @property
    def reach_A(self) -> float:
        """Radius of a ball about the centre that holds it."""
        height_A = np.abs(self.middle.amplitudes_A).sum()
        return float(np.hypot(self.radius_A, height_A) + self.thickness_A / 2)

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) corners of a box around that ball."""
        return self.middle.point_zyx_A + self.reach_A * np.array([[-1.0] * 3, [1.0] * 3])

    @cached_property
    def samples_zyx_A(self) -> Float64:
        """Points of both faces and of the rim."""
        rings = np.linspace(0.0, self.radius_A, max(2, int(self.radius_A / SAMPLE_SPACING_A) + 1))
        disc = np.concatenate([self._ring(radius_A) for radius_A in rings])
        normals = outward_normals(self.middle, disc)
        faces = [disc + side * self.thickness_A / 2 * normals for side in (-1.0, 1.0)]
        return np.concatenate([*faces, self._ring(self.radius_A + self.thickness_A / 2)])

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Distance from the disc less half the thickness."""
        return true_distances(self.field, points_zyx_A)

    def field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        """The same, where the sheet waves not quite a distance beyond the disc's edge."""
        height = self.middle.signed_distance(points_zyx_A)
        beyond = self._beyond_edge(points_zyx_A)
        values = np.hypot(height, np.maximum(beyond, 0.0)) - self.thickness_A / 2
        return values, beyond > 0.0

    def _beyond_edge(self, points_zyx_A: Float64) -> Float64:
        """How far outside the disc, in its plane."""
        flat = (points_zyx_A - self.middle.point_zyx_A) @ self.middle.axes_zyx[1:].T
        return np.asarray(np.hypot(flat[:, 0], flat[:, 1]) - self.radius_A)

    def _ring(self, radius_A: float) -> Float64:
        """Points of the sheet at one distance from the centre, in its plane."""
        count = max(1, int(2 * np.pi * radius_A / SAMPLE_SPACING_A))
        turns = np.arange(count) * 2 * np.pi / count
        flat = radius_A * np.column_stack([np.cos(turns), np.sin(turns)])
        return self.middle.points_above(flat)
