"""One ellipsoid through pieces of membrane: quick, robust, leaning towards a sphere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.types import Float64

_SHAPE_PRIOR = 0.35  # spread of the quadric's deviation from a sphere
_LEAST_STRETCH = 0.12  # smallest eigenvalue of the quadric, relative to the mean


@dataclass(frozen=True)
class Tolerance:
    """Scatter that an ellipsoid leaves unexplained.

    Parameters
    ----------
    offset_px : float
        Across the membrane, at any size.
    offset_share : float
        Added in proportion to the radius (vesicles are not ellipsoids).
    angle_rad : float
        Of the normals.
    """

    offset_px: float
    offset_share: float
    angle_rad: float

    def offset(self, radius_px: float) -> float:
        """Scatter across a membrane of this radius, in voxels."""
        return self.offset_px + self.offset_share * radius_px


@dataclass(frozen=True)
class Quadric:
    """The ellipsoid (x − centre)ᵀ M (x − centre) = 1.

    Parameters
    ----------
    centre : (3,) float64
        In voxels, zyx.
    matrix : (3, 3) float64
        Symmetric, positive definite.
    """

    centre: Float64
    matrix: Float64

    @property
    def semi_axes(self) -> Float64:
        """Lengths in voxels, ascending."""
        return np.asarray(1.0 / np.sqrt(np.linalg.eigvalsh(self.matrix))[::-1])

    @property
    def radius(self) -> float:
        """Geometric mean of the semi-axes in voxels."""
        return float(np.linalg.det(self.matrix) ** (-1.0 / 6.0))

    def offset_and_normal(self, points: Float64) -> tuple[Float64, Float64]:
        """First-order signed distance (N,) and outward unit normal (N, 3) at (N, 3) points."""
        local = points - self.centre
        gradient = local @ self.matrix
        level = np.sqrt(np.maximum((local * gradient).sum(axis=1), 1e-12))
        length = np.maximum(np.linalg.norm(gradient, axis=1), 1e-12)
        return (level - 1.0) * level / length, gradient / length[:, None]

    def surface(self, directions: Float64) -> tuple[Float64, Float64]:
        """Points (D, 3) on the surface, evenly parametrised by unit directions, and normals."""
        values, vectors = np.linalg.eigh(self.matrix)
        offset = (directions / np.sqrt(values)) @ vectors.T
        normal = offset @ self.matrix
        return self.centre + offset, normal / np.linalg.norm(normal, axis=1, keepdims=True)


def fit_quadric(
    points: Float64, normals: Float64, tolerance: Tolerance, iterations: int = 5
) -> Quadric | None:
    """Fit an ellipsoid to points and unsigned normals.

    Parameters
    ----------
    points : (N, 3) float64
        On the membrane, voxels.
    normals : (N, 3) float64
        Unit normals of either sign.
    tolerance : Tolerance
        Scatter of points and normals.
    iterations : int
        Rounds of reweighting.

    Returns
    -------
    Quadric or None
        None where no ellipsoid fits (flat or saddle-shaped pieces, fewer than 4 points).

    Notes
    -----
    f(x) = |x|² + xᵀDx + b·x + c with D symmetric and traceless: nine unknowns, linear. Rows are
    f/|∇f| and the parts of ∇f/|∇f| along the tangents, in units of their tolerance, weighted
    against outliers (Cauchy); D carries a Gaussian prior around the sphere.
    """
    if len(points) < 4:
        return None
    middle = points.mean(axis=0)
    scale = float(np.sqrt(((points - middle) ** 2).sum(axis=1).mean())) + 1e-9
    place = (points - middle) / scale
    first, second = _tangents(normals)
    value_rows, value_rhs = _value_rows(place)
    slope_rows = np.concatenate([_slope_rows(place, t) for t in (first, second)])
    slope_rhs = -2.0 * np.concatenate([(place * t).sum(axis=1) for t in (first, second)])
    weight = np.ones(len(points))
    steepness = np.full(len(points), 2.0)
    radius = scale
    solution = None
    for _ in range(iterations):
        sigma = tolerance.offset(radius) / scale
        on_value = np.sqrt(weight) / (steepness * sigma)
        on_slope = np.tile(np.sqrt(weight) / (steepness * tolerance.angle_rad), 2)
        rows = np.concatenate([value_rows * on_value[:, None], slope_rows * on_slope[:, None]])
        rhs = np.concatenate([value_rhs * on_value, slope_rhs * on_slope])
        solution = _solve(rows, rhs)
        quadric = _to_quadric(solution)
        if quadric is None:
            return None
        offset, outward = quadric.offset_and_normal(place)
        gradient = 2 * (place + place @ _deviator(solution)) + solution[5:8]
        steepness = np.maximum(np.linalg.norm(gradient, axis=1), 0.2 * quadric.radius)
        angle2 = 1.0 - (outward * normals).sum(axis=1) ** 2
        misfit = (offset / sigma) ** 2 + angle2 / tolerance.angle_rad**2
        weight = 1.0 / (1.0 + misfit / 4.0)
        radius = quadric.radius * scale
    return Quadric(quadric.centre * scale + middle, quadric.matrix / scale**2)


def misfits(quadric: Quadric, points: Float64, normals: Float64, tolerance: Tolerance) -> Float64:
    """Squared disagreement (N,) of pieces with an ellipsoid; 2 where it is as expected."""
    offset, outward = quadric.offset_and_normal(points)
    angle2 = 1.0 - (outward * normals).sum(axis=1) ** 2
    sigma = tolerance.offset(quadric.radius)
    return np.asarray((offset / sigma) ** 2 + angle2 / tolerance.angle_rad**2)


def _tangents(normals: Float64) -> tuple[Float64, Float64]:
    """Two unit vectors (N, 3) perpendicular to each normal and to each other."""
    helper = np.eye(3)[np.abs(normals).argmin(axis=1)]
    first = np.cross(normals, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return first, np.cross(normals, first)


def _value_rows(p: Float64) -> tuple[Float64, Float64]:
    z, y, x = p.T
    one = np.ones_like(z)
    rows = [z * z - x * x, y * y - x * x, 2 * z * y, 2 * z * x, 2 * y * x, z, y, x, one]
    return np.column_stack(rows), -(p**2).sum(axis=1)


def _slope_rows(p: Float64, t: Float64) -> Float64:
    z, y, x = p.T
    tz, ty, tx = t.T
    quadratic = [
        tz * z - tx * x,
        ty * y - tx * x,
        tz * y + ty * z,
        tz * x + tx * z,
        ty * x + tx * y,
    ]
    return np.column_stack([*(2 * q for q in quadratic), tz, ty, tx, np.zeros_like(z)])


def _solve(rows: Float64, rhs: Float64) -> Float64:
    normal = rows.T @ rows
    normal[np.arange(5), np.arange(5)] += 1.0 / _SHAPE_PRIOR**2
    normal[np.arange(9), np.arange(9)] += 1e-9 * np.trace(normal)
    return np.asarray(np.linalg.solve(normal, rows.T @ rhs))


def _deviator(solution: Float64) -> Float64:
    zz, yy, zy, zx, yx = solution[:5]
    return np.array([[zz, zy, zx], [zy, yy, yx], [zx, yx, -zz - yy]])


def _to_quadric(solution: Float64) -> Quadric | None:
    """Centre and matrix; stretches too far from a sphere are held at the limit."""
    values, vectors = np.linalg.eigh(np.eye(3) + _deviator(solution))
    values = np.maximum(values, _LEAST_STRETCH)
    shape = (vectors * values) @ vectors.T
    centre = -0.5 * np.linalg.solve(shape, solution[5:8])
    square = float(centre @ shape @ centre - solution[8])
    if not square > 1e-6:
        return None
    return Quadric(centre, shape / square)
