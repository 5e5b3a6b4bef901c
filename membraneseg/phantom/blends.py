"""Creases rounded, and the distance put right where rounding stretched it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from membraneseg.types import Bool, Float64

GRADIENT_STEP_A = 0.5
NEAR_A = 70.0
"""Distances are put right up to here from the surface."""
LEAST_SLOPE = 0.5
"""Where a field is flatter than this, it is halfway between two surfaces, near neither."""

Distance = Callable[[Float64], Float64]
"""From (N, 3) points in Å to (N,) signed distances in Å."""
Field = Callable[[Float64], tuple[Float64, Bool]]
"""From (N, 3) points in Å to (N,) values in Å, negative inside and zero on the surface, and
(N,) where the gradient may be of another length than 1, so that they are no distances."""


def rounded_maximum(a: Float64, b: Float64, radius: float) -> Float64:
    """Maximum of two distances, a right-angled crease between them rounded to an arc.

    Parameters
    ----------
    a, b : (N,) float64
        Signed distances; the result is negative where both are.
    radius : float
        Radius of the arc, same unit. At other angles the crease becomes part of an ellipse.

    Returns
    -------
    (N,) float64
    """
    u, v = a + radius, b + radius
    return np.where((u > 0) & (v > 0), np.hypot(u, v) - radius, np.maximum(a, b))


def rounded_minimum(a: Float64, b: Float64, radius: float) -> Float64:
    """Minimum of two distances, its crease rounded: negative where either is."""
    return -rounded_maximum(-a, -b, radius)


def gradients(distance: Distance, points_zyx_A: Float64) -> Float64:
    """Gradients (N, 3) at (N, 3) points, by central differences."""
    slopes = [
        (distance(points_zyx_A + step) - distance(points_zyx_A - step)) / (2.0 * GRADIENT_STEP_A)
        for step in GRADIENT_STEP_A * np.eye(3)
    ]
    return np.stack(slopes, axis=1)


def true_distances(field: Field, points_zyx_A: Float64) -> Float64:
    """Turn the values of a field into distances, near its surface.

    Parameters
    ----------
    field : callable
    points_zyx_A : (N, 3) float64

    Returns
    -------
    (N,) float64
        Where the gradient is not of length 1: the length of two Newton steps along it.
    """
    values, uneven = field(points_zyx_A)
    where = np.flatnonzero(uneven & (np.abs(values) < NEAR_A))
    if not len(where):
        return values
    points = points_zyx_A[where]
    slope = gradients(lambda p: field(p)[0], points)
    steepness = np.maximum(np.linalg.norm(slope, axis=1), LEAST_SLOPE)
    first = values[where] / steepness
    second = field(points - (first / steepness)[:, None] * slope)[0] / steepness
    most = np.abs(first) / 3  # beyond that the surface bends away before it is reached
    stretched = first + np.clip(second, -most, most)
    distances = values.copy()
    distances[where] = np.clip(stretched, -1.2 * NEAR_A, 1.2 * NEAR_A)
    return distances
