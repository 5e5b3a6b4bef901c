"""One closed membrane: a sphere deformed by low-order harmonics, and its distance field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import trimesh
from numpy.polynomial import legendre

from membraneseg.types import Float64, Int64

HEAD_GROUP_HALF_WIDTH_A = 6.0
"""Distance from the middle of a leaflet's head groups to its outer face."""


@dataclass(frozen=True)
class Vesicle:
    """A closed bilayer whose radius varies with direction.

    The middle of the membrane lies at r(u) = R (1 + Σ_k a_k P_l(k)(u·e_k)) from the centre, with
    Legendre polynomials of low order about free axes: these sums are the real spherical harmonics
    of those orders.

    Parameters
    ----------
    label : int
        1, 2, 3 …
    centre_zyx_A : (3,) float64
        Centre in the tomogram's space.
    radius_A : float
        R, mean radius of the middle of the membrane.
    mode_orders : (K,) int64
        Orders l of the deformation modes.
    mode_axes_zyx : (K, 3) float64
        Unit axes e_k.
    mode_amplitudes : (K,) float64
        Amplitudes a_k as a share of R.
    thickness_A : float
        Distance between the middles of the two leaflets.
    parent : int
        Label of the vesicle that encloses this one, 0 if none.
    """

    label: int
    centre_zyx_A: Float64
    radius_A: float
    mode_orders: Int64
    mode_axes_zyx: Float64
    mode_amplitudes: Float64
    thickness_A: float
    parent: int = 0

    @property
    def outer_half_width_A(self) -> float:
        """Distance from the middle of the membrane to the outer face of a leaflet, in Å."""
        return self.thickness_A / 2 + HEAD_GROUP_HALF_WIDTH_A

    @property
    def largest_radius_A(self) -> float:
        """Radius in Å that no point of the middle surface exceeds."""
        return self.radius_A * (1.0 + float(np.abs(self.mode_amplitudes).sum()))

    def moved_to(self, centre_zyx_A: Float64) -> Vesicle:
        """Return the same vesicle at another centre in Å."""
        return replace(self, centre_zyx_A=np.asarray(centre_zyx_A, dtype=np.float64))


def radius_along(vesicle: Vesicle, directions_zyx: Float64) -> Float64:
    """Radius in Å of the middle surface along (N, 3) unit directions."""
    share = np.ones(len(directions_zyx))
    for order, axis, amplitude in _modes(vesicle):
        share += amplitude * legendre.legval(directions_zyx @ axis, _unit_series(order))
    return vesicle.radius_A * share


def signed_distance(vesicle: Vesicle, points_zyx_A: Float64) -> Float64:
    """Signed distance in Å of points from the middle of the membrane, negative inside.

    Parameters
    ----------
    vesicle : Vesicle
    points_zyx_A : (N, 3) float64
        Positions in the tomogram's space.

    Returns
    -------
    (N,) float64
        Exact to first order in the distance: f / |∇f| of f = |p − c| − r(u).
    """
    offset = points_zyx_A - vesicle.centre_zyx_A
    rho = np.maximum(np.sqrt((offset**2).sum(axis=1)), 1e-6)
    directions = offset / rho[:, None]
    share = np.ones(len(rho))
    slope = np.zeros_like(directions)
    for order, axis, amplitude in _modes(vesicle):
        cosine = directions @ axis
        series = _unit_series(order)
        share += amplitude * legendre.legval(cosine, series)
        steepness = amplitude * legendre.legval(cosine, legendre.legder(series))
        slope += steepness[:, None] * (axis - cosine[:, None] * directions)
    tangential = (slope**2).sum(axis=1) * (vesicle.radius_A / rho) ** 2
    return np.asarray((rho - vesicle.radius_A * share) / np.sqrt(1.0 + tangential))


def surface_mesh(vesicle: Vesicle, subdivisions: int = 4) -> tuple[Float64, Int64]:
    """Triangles of the middle surface.

    Parameters
    ----------
    vesicle : Vesicle
    subdivisions : int
        Of the icosahedron; 4 gives 2,562 vertices.

    Returns
    -------
    vertices_zyx_A : (V, 3) float64
    faces : (F, 3) int64
        Counter-clockwise seen from outside when vertices are read as xyz.
    """
    directions, faces = _icosphere(subdivisions)
    radii = radius_along(vesicle, directions)
    return vesicle.centre_zyx_A + radii[:, None] * directions, faces.copy()


@cache
def _icosphere(subdivisions: int) -> tuple[Float64, Int64]:
    sphere = trimesh.creation.icosphere(subdivisions=subdivisions)
    directions = np.ascontiguousarray(np.asarray(sphere.vertices, dtype=np.float64)[:, ::-1])
    return directions, np.asarray(sphere.faces, dtype=np.int64)


def _modes(vesicle: Vesicle) -> list[tuple[int, Float64, float]]:
    return [
        (int(order), axis, float(amplitude))
        for order, axis, amplitude in zip(
            vesicle.mode_orders, vesicle.mode_axes_zyx, vesicle.mode_amplitudes, strict=True
        )
    ]


def _unit_series(order: int) -> Float64:
    series = np.zeros(order + 1)
    series[order] = 1.0
    return series
