"""The middle of a membrane as an implicit surface: bodies, offsets of them, and sheets.

Every shape answers the same four questions (`Shape`), so that drawing, meshing, packing and
nesting are each written once. Tubes and cristae, more involved, have files of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np
import trimesh
from numpy.polynomial import legendre

from membraneseg.phantom.blends import gradients, rounded_maximum, true_distances
from membraneseg.types import Bool, Float64, Int64


class Shape(Protocol):
    """An oriented surface in the tomogram's space, in Å."""

    @property
    def closed(self) -> bool:
        """Whether it encloses a volume (also when the box of ice cuts it)."""
        ...

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) lowest and highest corner of a box around the surface; may be infinite."""
        ...

    @property
    def samples_zyx_A(self) -> Float64:
        """(N, 3) points on the surface, a few nm apart."""
        ...

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Signed distance (N,) of (N, 3) points, negative inside.

        Exact to first order in the distance; far from the surface only its sign and rough size
        count.
        """
        ...


@dataclass(frozen=True)
class StarBody:
    """A closed body whose radius varies with direction.

    The surface lies at r(u) = R (1 + Σ_k a_k P_l(k)(u·e_k)) from the centre, with Legendre
    polynomials of low order about free axes: these sums are the real spherical harmonics of
    those orders.

    Parameters
    ----------
    centre_zyx_A : (3,) float64
    radius_A : float
        R, mean radius.
    mode_orders : (K,) int64
        Orders l of the deformation modes.
    mode_axes_zyx : (K, 3) float64
        Unit axes e_k.
    mode_amplitudes : (K,) float64
        Amplitudes a_k as a share of R.
    """

    centre_zyx_A: Float64
    radius_A: float
    mode_orders: Int64
    mode_axes_zyx: Float64
    mode_amplitudes: Float64

    closed = True

    @property
    def largest_radius_A(self) -> float:
        """Radius in Å that no point of the surface exceeds."""
        return self.radius_A * (1.0 + float(np.abs(self.mode_amplitudes).sum()))

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) corners of the cube around the largest sphere."""
        reach = self.largest_radius_A
        return np.stack([self.centre_zyx_A - reach, self.centre_zyx_A + reach])

    @property
    def samples_zyx_A(self) -> Float64:
        """Points of an icosphere, drawn in or out to the surface."""
        directions = _icosphere(3 if self.radius_A < 1000.0 else 4)
        return self.centre_zyx_A + self.radius_along(directions)[:, None] * directions

    def radius_along(self, directions_zyx: Float64) -> Float64:
        """Radius in Å of the surface along (N, 3) unit directions."""
        share = np.ones(len(directions_zyx))
        for series, axis, amplitude in self._modes():
            share += amplitude * legendre.legval(directions_zyx @ axis, series)
        return self.radius_A * share

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Value of f / |∇f|, with f = |p − c| − r(u)."""
        offset = points_zyx_A - self.centre_zyx_A
        rho = np.maximum(np.sqrt((offset**2).sum(axis=1)), 1e-6)
        directions = offset / rho[:, None]
        share = np.ones(len(rho))
        slope = np.zeros_like(directions)
        for series, axis, amplitude in self._modes():
            cosine = directions @ axis
            share += amplitude * legendre.legval(cosine, series)
            steepness = amplitude * legendre.legval(cosine, legendre.legder(series))
            slope += steepness[:, None] * (axis - cosine[:, None] * directions)
        outer_rho = np.maximum(rho, self.radius_A / 2)  # at the centre the slope has no meaning
        tangential = (slope**2).sum(axis=1) * (self.radius_A / outer_rho) ** 2
        return np.asarray((rho - self.radius_A * share) / np.sqrt(1.0 + tangential))

    def moved_to(self, centre_zyx_A: Float64) -> StarBody:
        """Return the same body at another centre in Å."""
        return replace(self, centre_zyx_A=np.asarray(centre_zyx_A, dtype=np.float64))

    def shrunk(self, depth_A: float) -> StarBody:
        """Return the body whose radius is smaller by a depth in Å along every direction."""
        radius_A = self.radius_A - depth_A
        amplitudes = self.mode_amplitudes * self.radius_A / radius_A
        return replace(self, radius_A=radius_A, mode_amplitudes=amplitudes)

    def _modes(self) -> list[tuple[Float64, Float64, float]]:
        modes = zip(self.mode_orders, self.mode_axes_zyx, self.mode_amplitudes, strict=True)
        return [(np.eye(int(order) + 1)[-1], axis, float(a)) for order, axis, a in modes if a]


@dataclass(frozen=True)
class Offset:
    """A surface parallel to another one: the other membrane of a pair.

    Parameters
    ----------
    base : Shape
    outward_A : float
        Distance outward; negative for one further in.
    """

    base: Shape
    outward_A: float

    @property
    def closed(self) -> bool:
        """As the base."""
        return self.base.closed

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) the base's, moved by the offset."""
        return self.base.bounds_zyx_A + self.outward_A * np.array([[-1.0], [1.0]])

    @property
    def samples_zyx_A(self) -> Float64:
        """The base's points, moved along their normals."""
        points = self.base.samples_zyx_A
        return points + self.outward_A * outward_normals(self.base, points)

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """The base's distance less the offset."""
        return self.base.signed_distance(points_zyx_A) - self.outward_A


@dataclass(frozen=True)
class Flattened:
    """A body cut off by a plane, with a rounded edge: the face of a bouton at its active zone.

    Parameters
    ----------
    base : Shape
    plane_point_zyx_A : (3,) float64
    plane_normal_zyx : (3,) float64
        Unit normal; what lies beyond the plane on its side is cut away.
    edge_radius_A : float
    """

    base: Shape
    plane_point_zyx_A: Float64
    plane_normal_zyx: Float64
    edge_radius_A: float

    @property
    def closed(self) -> bool:
        """As the base."""
        return self.base.closed

    @property
    def bounds_zyx_A(self) -> Float64:
        """(2, 3) the base's."""
        return self.base.bounds_zyx_A

    @property
    def samples_zyx_A(self) -> Float64:
        """The base's points; those beyond the plane drop onto it."""
        points = self.base.samples_zyx_A
        beyond = np.maximum((points - self.plane_point_zyx_A) @ self.plane_normal_zyx, 0.0)
        return points - beyond[:, None] * self.plane_normal_zyx

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Distance from the rounded maximum of the base's and the plane's."""
        return true_distances(self._field, points_zyx_A)

    def _field(self, points_zyx_A: Float64) -> tuple[Float64, Bool]:
        base = self.base.signed_distance(points_zyx_A)
        plane = (points_zyx_A - self.plane_point_zyx_A) @ self.plane_normal_zyx
        values = rounded_maximum(base, plane, self.edge_radius_A)
        return values, values > np.maximum(base, plane)


@dataclass(frozen=True)
class Sheet:
    """An endless, gently waving membrane through a point.

    With in-plane coordinates q = (p − p0)·(e1, e2) it stands at height Σ_k a_k cos(w_k·q + φ_k)
    above the plane. "Inside" is the side away from the normal.

    Parameters
    ----------
    point_zyx_A : (3,) float64
    axes_zyx : (3, 3) float64
        Rows: unit normal, e1, e2.
    amplitudes_A, phases_rad : (K,) float64
    wave_vectors_per_A : (K, 2) float64
    extent_A : float
        Half the edge of the square of `samples_zyx_A`.
    """

    point_zyx_A: Float64
    axes_zyx: Float64
    amplitudes_A: Float64
    wave_vectors_per_A: Float64
    phases_rad: Float64
    extent_A: float

    closed = False

    @property
    def bounds_zyx_A(self) -> Float64:
        """Infinite: the box of ice is what ends a sheet."""
        return np.array([[-np.inf] * 3, [np.inf] * 3])

    @property
    def samples_zyx_A(self) -> Float64:
        """A square grid of points of the given extent."""
        steps = np.linspace(-self.extent_A, self.extent_A, int(2 * self.extent_A / 50.0) + 2)
        flat = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        return self.points_above(flat)

    def points_above(self, flat_A: Float64) -> Float64:
        """Points (N, 3) of the surface above (N, 2) in-plane coordinates along e1 and e2."""
        height, _ = self._height(flat_A)
        return self.point_zyx_A + np.column_stack([height, flat_A]) @ self.axes_zyx

    def signed_distance(self, points_zyx_A: Float64) -> Float64:
        """Height above the waving surface over √(1 + slope²)."""
        local = (points_zyx_A - self.point_zyx_A) @ self.axes_zyx.T
        height, slope2 = self._height(local[:, 1:])
        return np.asarray((local[:, 0] - height) / np.sqrt(1.0 + slope2))

    def _height(self, flat_A: Float64) -> tuple[Float64, Float64]:
        phase = flat_A @ self.wave_vectors_per_A.T + self.phases_rad
        height = np.cos(phase) @ self.amplitudes_A
        slope = -np.sin(phase) * self.amplitudes_A @ self.wave_vectors_per_A
        return np.asarray(height), np.asarray((slope**2).sum(axis=1))


def outward_normals(shape: Shape, points_zyx_A: Float64) -> Float64:
    """Unit gradients (N, 3) of the signed distance at (N, 3) points, by central differences."""
    gradient = gradients(shape.signed_distance, points_zyx_A)
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    return np.asarray(gradient / np.maximum(length, 1e-12))


@cache
def _icosphere(subdivisions: int) -> Float64:
    sphere = trimesh.creation.icosphere(subdivisions=subdivisions)
    return np.ascontiguousarray(np.asarray(sphere.vertices, dtype=np.float64)[:, ::-1])
