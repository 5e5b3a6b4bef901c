"""Closest points on an axis-aligned ellipse or ellipsoid centred at the origin."""

from __future__ import annotations

import numpy as np

from gp_fit.arrays import Float64

_BISECTIONS = 60


def closest_on_quadric(points: Float64, semi_axes: Float64) -> Float64:
    """Closest point of Σ (x_i / a_i)² = 1 to each point, in any dimension.

    Parameters
    ----------
    points : (N, D) float64
        Positions in the frame of the axes.
    semi_axes : (D,) float64
        Positive, in any order.

    Returns
    -------
    (N, D) float64

    Notes
    -----
    The closest point is x_i = a_i² p_i / (t + a_i²) with the largest root t of
    G(t) = Σ (a_i p_i / (t + a_i²))² - 1, which is bracketed and bisected. Where the point lies
    on the plane of symmetry inside the evolute there is no such root, and the coordinate along
    the shortest axis follows from the equation of the quadric.
    """
    positions = np.abs(np.asarray(points, dtype=np.float64))
    axes = np.asarray(semi_axes, dtype=np.float64)
    shortest = int(np.argmin(axes))
    smallest = axes[shortest]
    weighted = axes * positions
    low = -(smallest**2) + weighted[:, shortest]
    high = -(smallest**2) + np.linalg.norm(weighted, axis=1)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        outside = _excess(weighted, axes, middle) > 0.0
        low = np.where(outside, middle, low)
        high = np.where(outside, high, middle)
    root = 0.5 * (low + high)
    denominator = root[:, None] + axes**2
    closest = axes * weighted / np.where(denominator > 1e-12 * smallest**2, denominator, np.inf)
    rest = np.delete(closest / axes, shortest, axis=1)
    inside = 1.0 - np.sum(rest**2, axis=1)
    degenerate = (positions[:, shortest] < 1e-9 * smallest) & (inside > 0.0)
    closest[degenerate, shortest] = smallest * np.sqrt(inside[degenerate])
    return np.asarray(np.copysign(closest, points))


def _excess(weighted: Float64, axes: Float64, root: Float64) -> Float64:
    denominator = root[:, None] + axes**2
    safe = np.where(denominator > 0.0, denominator, np.inf)
    return np.asarray(np.sum((weighted / safe) ** 2, axis=1) - 1.0)


def sampson_distance(scaled: Float64, semi_axes: Float64) -> Float64:
    """First-order signed distance, positive outside, of points y = x / a in the scaled frame.

    Parameters
    ----------
    scaled : (N, D) float64
        Coordinates divided by the semi-axes; the surface is |y| = 1.
    semi_axes : (D,) float64

    Returns
    -------
    (N,) float64
        (|y| - 1) / |∇|y||, in the unit of the semi-axes.
    """
    radius = np.linalg.norm(scaled, axis=1)
    slope = np.linalg.norm(scaled / semi_axes, axis=1)
    return np.asarray((radius - 1.0) * radius / np.maximum(slope, 1e-12))
