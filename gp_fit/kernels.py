"""Thin-plate covariance functions in two and three dimensions, and their derivatives.

Notes
-----
Zhou et al. (2023) print the three-dimensional function as 2r³ + 3Rr² + R³. With that sign a
covariance grows with distance (K(R) = 6R³ > K(0)) and the matrix has negative eigenvalues for
every R; Williams and Fitzgibbon's 2r³ - 3Rr² + R³ is meant and used here. It is positive definite
on a filled ball only if R exceeds the ball's diameter: take R ≥ 1.2 times the diameter of
everything, anchors and evaluation box included.

References
----------
Zhou et al., J. Struct. Biol. 2023, equations 6 and 7; Williams and Fitzgibbon, Gaussian Process
Implicit Surfaces, 2007.
"""

from __future__ import annotations

import numpy as np

from gp_fit.arrays import Float64


def thin_plate_2d(r: Float64, R: float) -> Float64:
    """2r² log r - (1 + 2 log R) r² + R², for distances r ≤ R in the plane (equation 6)."""
    squared = np.square(r)
    safe = np.where(squared > 0.0, squared, 1.0)
    return np.asarray(squared * np.log(safe) - (1.0 + 2.0 * np.log(R)) * squared + R**2)


def thin_plate_3d(r: Float64, R: float) -> Float64:
    """2r³ - 3Rr² + R³, for distances r ≤ R in space (equation 7 with its sign mended)."""
    return np.asarray((2.0 * r - 3.0 * R) * np.square(r) + R**3)


def thin_plate_2d_slope(r: Float64, R: float) -> Float64:
    """4 log(r/R), the derivative of `thin_plate_2d` divided by r; finite at r = 0."""
    return np.asarray(4.0 * np.log(np.maximum(r, 1e-12 * R) / R))


def thin_plate_3d_slope(r: Float64, R: float) -> Float64:
    """6(r - R), the derivative of `thin_plate_3d` divided by r."""
    return np.asarray(6.0 * (r - R))


def value_normal_covariance(differences: Float64, normals: Float64, R: float) -> Float64:
    """Covariance of f(x) with the derivative of f along n at y.

    Parameters
    ----------
    differences : (..., 3) float64
        x - y.
    normals : (..., 3) float64
        n, broadcastable.
    R : float
        Reach of `thin_plate_3d`, same unit as the differences.

    Returns
    -------
    (...) float64
        -6 (r - R) (x - y)·n.
    """
    distance = np.linalg.norm(differences, axis=-1)
    along = np.sum(differences * normals, axis=-1)
    return np.asarray(-thin_plate_3d_slope(distance, R) * along)


def normal_normal_covariance(
    differences: Float64, normals_x: Float64, normals_y: Float64, R: float
) -> Float64:
    """Covariance of the derivative of f along m at x with that along n at y.

    Parameters
    ----------
    differences : (..., 3) float64
        x - y.
    normals_x, normals_y : (..., 3) float64
        m and n, broadcastable.
    R : float
        Reach of `thin_plate_3d`.

    Returns
    -------
    (...) float64
        -6 [(d·m)(d·n)/r + (r - R) m·n], whose limit at r = 0 is 6R m·n.
    """
    distance = np.linalg.norm(differences, axis=-1)
    along_x = np.sum(differences * normals_x, axis=-1)
    along_y = np.sum(differences * normals_y, axis=-1)
    cosine = np.sum(normals_x * normals_y, axis=-1)
    ratio = along_x * along_y / np.where(distance > 0.0, distance, 1.0)
    return np.asarray(-6.0 * (ratio + (distance - R) * cosine))
