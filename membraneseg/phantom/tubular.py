"""Tubes about a curved centre line, and tubes that join in one surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.phantom.blends import rounded_minimum, true_distances
from membraneseg.phantom.rotations import frames_along
from membraneseg.phantom.shapes import Shape, outward_normals
from membraneseg.types import Bool, Float64

SAMPLE_SPACING_A = 40.0


class Blendable(Shape, Protocol):
    """A shape that can be joined with others before its values are turned into distances."""

    def field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        """Values (N,) at (N, 3) points, and (N,) where they are no distances, as `blends.Field`."""
        ...


@dataclass(frozen=True)
class Tube:
    """A tube about a smooth centre line, with hemispherical ends.

    A tube that runs out of the box of ice is one whose ends lie outside.

    Parameters
    ----------
    points_zyx_A : (N, 3) float64
        Centre line, in order; neighbours much closer than the radius and than any bend.
    radii_A : (N,) float64
        Radius at each point, varying slowly.
    """

    points_zyx_A: Float64
    radii_A: Float64

    closed = True

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) corners of a box around it."""
        reach = self.radii_A.max()
        return np.stack(
            [self.points_zyx_A.min(axis=0) - reach, self.points_zyx_A.max(axis=0) + reach]
        )

    @cached_property
    def arc_A(self) -> Float64:
        """(N,) length of the centre line up to each point."""
        steps = np.linalg.norm(np.diff(self.points_zyx_A, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def tangents_zyx(self) -> Float64:
        """(N, 3) unit directions of the centre line."""
        steps = np.gradient(self.points_zyx_A, self.arc_A, axis=0)
        return np.asarray(steps / np.linalg.norm(steps, axis=1, keepdims=True))

    @cached_property
    def slopes(self) -> Float64:
        """(N,) change of the radius along the centre line; 0 at the ends, where the caps begin."""
        slopes = np.gradient(self.radii_A, self.arc_A)
        slopes[[0, -1]] = 0.0
        return np.asarray(slopes)

    @cached_property
    def samples_zyx_A(self) -> Float64:
        """(M, 3) rings of points along the tube and on its caps."""
        steps = np.diff(self.arc_A).mean()
        chosen = np.arange(0, len(self.arc_A), max(1, int(SAMPLE_SPACING_A / steps)))
        rings = [(int(i), 0.0) for i in chosen]
        count = max(3, int(np.pi / 2 * self.radii_A.min() / SAMPLE_SPACING_A))
        for angle in np.linspace(0.0, np.pi / 2, count + 1)[1:]:
            rings += [(0, -float(angle)), (len(self.arc_A) - 1, float(angle))]
        frames = frames_along(self.tangents_zyx)
        return np.concatenate([self._ring(frames[i], i, angle) for i, angle in rings])

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Distance from the centre line's tangent at its nearest point, less the radius there."""
        _, nearest = self._tree.query(points_zyx_A)
        tangents = self.tangents_zyx[nearest]
        offset = points_zyx_A - self.points_zyx_A[nearest]
        along = np.einsum("ij,ij->i", offset, tangents)
        along = np.clip(along, *(reach[nearest] for reach in self._reaches_A))
        offset -= along[:, None] * tangents
        slope = self.slopes[nearest]
        radial = np.sqrt(np.einsum("ij,ij->i", offset, offset))
        return np.asarray((radial - self.radii_A[nearest] - slope * along) / np.sqrt(1 + slope**2))

    def field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        """The signed distance, and that it is one everywhere."""
        return self.signed_distance(points_zyx_A), np.zeros(len(points_zyx_A), dtype=bool)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points_zyx_A)

    @cached_property
    def _reaches_A(self) -> tuple[Float64, Float64]:
        """How far each point's tangent stands for the line, back and ahead; not beyond its ends."""
        steps = np.diff(self.arc_A)
        return -np.concatenate([[0.0], steps]), np.concatenate([steps, [0.0]])

    def _ring(self, frame: Float64, index: int, angle_rad: float) -> Float64:
        """Points around one place of the centre line; an angle leans the ring onto a cap."""
        radius_A = self.radii_A[index]
        across_A = radius_A * np.cos(angle_rad)
        count = max(1, int(2 * np.pi * across_A / SAMPLE_SPACING_A))
        turns = np.arange(max(count, 6)) * 2 * np.pi / max(count, 6)
        around = across_A * np.column_stack([np.cos(turns), np.sin(turns)]) @ frame[:, 1:].T
        return np.asarray(
            self.points_zyx_A[index] + around + radius_A * np.sin(angle_rad) * frame[:, 0]
        )


@dataclass(frozen=True)
class Rod:
    """A straight tube of one radius with hemispherical ends, in closed form.

    Parameters
    ----------
    start_zyx_A, end_zyx_A : (3,) float64
        Ends of the centre line.
    radius_A : float
    """

    start_zyx_A: Float64
    end_zyx_A: Float64
    radius_A: float

    closed = True

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) corners of a box around it."""
        ends = np.stack([self.start_zyx_A, self.end_zyx_A])
        return np.stack([ends.min(axis=0) - self.radius_A, ends.max(axis=0) + self.radius_A])

    @property
    def samples_zyx_A(self) -> Float64:
        """(M, 3) the samples of the same shape as a `Tube`."""
        line = np.linspace(self.start_zyx_A, self.end_zyx_A, 12)
        return Tube(line, np.full(len(line), self.radius_A)).samples_zyx_A

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Distance from the segment less the radius."""
        line = self.end_zyx_A - self.start_zyx_A
        offset = points_zyx_A - self.start_zyx_A
        share = np.clip(offset @ line / (line @ line), 0.0, 1.0)
        offset -= share[:, None] * line
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", offset, offset)) - self.radius_A)

    def field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        """The signed distance, and that it is one everywhere."""
        return self.signed_distance(points_zyx_A), np.zeros(len(points_zyx_A), dtype=bool)


@dataclass(frozen=True)
class Union:
    """Shapes that overlap, in one surface: a three-way junction of tubes, a crista and its neck.

    Parameters
    ----------
    parts : tuple of Blendable
    crease_radius_A : float
        Radius of the rounding where two of them meet.
    """

    parts: tuple[Blendable, ...]
    crease_radius_A: float

    closed = True

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) corners of a box around all parts."""
        bounds = np.stack([part.bounds_zyx_A for part in self.parts])
        return np.stack([bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)])

    @cached_property
    def samples_zyx_A(self) -> Float64:
        """(N, 3) the parts' points that lie in no other part, moved onto the surface."""
        points = np.concatenate([part.samples_zyx_A for part in self.parts])
        distances = self.signed_distance(points)
        kept = distances > -self.crease_radius_A
        points = points[kept] - distances[kept, None] * outward_normals(self, points[kept])
        return points[np.abs(self.signed_distance(points)) < 1.0]

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Distance from the rounded minimum of the parts."""
        return true_distances(self.field, points_zyx_A)

    def field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        """Rounded minimum of the parts' values, and where it is no distance."""
        values, uneven = self.parts[0].field(points_zyx_A)
        for part in self.parts[1:]:
            others, theirs = part.field(points_zyx_A)
            joined = rounded_minimum(values, others, self.crease_radius_A)
            smallest = np.minimum(values, others)
            uneven = np.where(others < values, theirs, uneven) | (joined < smallest)
            values = joined
        return values, uneven
