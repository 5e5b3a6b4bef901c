"""Real spherical harmonics and their gradients on the sphere."""

from __future__ import annotations

import numpy as np

from gp_fit.arrays import Float64, Int64


def degrees_of(max_degree: int) -> Int64:
    """Degree l of each of the (L + 1)² harmonics, in the order that `harmonics` returns them."""
    return np.repeat(np.arange(max_degree + 1), 2 * np.arange(max_degree + 1) + 1)


def harmonics(directions: Float64, max_degree: int) -> Float64:
    """Evaluate orthonormal real spherical harmonics.

    Parameters
    ----------
    directions : (N, 3) float64
        Unit vectors; the first coordinate plays the polar axis.
    max_degree : int
        L.

    Returns
    -------
    (N, (L + 1)²) float64
        Ordered by l, then m = -l … l.

    Notes
    -----
    Polynomials in the coordinates: the normalised Legendre derivative P_lm(z) times the real or
    imaginary part of (x + iy)^m. Stable recurrences, no angles, no poles. Cost about 0.1 µs per
    value.
    """
    legendre = _legendre(directions[:, 0], max_degree)
    cosine, sine = _azimuth(directions, max_degree)
    values = np.empty(((max_degree + 1) ** 2, len(directions)))
    for degree in range(max_degree + 1):
        middle = degree * (degree + 1)
        values[middle] = legendre[degree, 0]
        orders = np.arange(1, degree + 1)
        values[middle + orders] = legendre[degree, 1 : degree + 1] * cosine[1 : degree + 1]
        values[middle - orders] = legendre[degree, 1 : degree + 1] * sine[1 : degree + 1]
    return np.ascontiguousarray(values.T)


def harmonic_gradients(directions: Float64, max_degree: int) -> Float64:
    """Tangential gradients of the harmonics on the unit sphere.

    Parameters
    ----------
    directions : (N, 3) float64
        Unit vectors.
    max_degree : int
        L.

    Returns
    -------
    (N, 3, (L + 1)²) float64
        Vectors orthogonal to the directions.
    """
    legendre = _legendre(directions[:, 0], max_degree)
    cosine, sine = _azimuth(directions, max_degree)
    slopes = np.zeros((3, (max_degree + 1) ** 2, len(directions)))
    for degree in range(1, max_degree + 1):
        middle = degree * (degree + 1)
        orders = np.arange(1, degree + 1)
        order = orders[:, None]
        here = legendre[degree, 1 : degree + 1]
        raised = np.zeros_like(here)
        steps = np.sqrt((degree - orders) * (degree + orders + 1.0))[:-1]
        raised[:-1] = steps[:, None] * legendre[degree, 2 : degree + 1]
        slopes[0, middle] = np.sqrt(degree * (degree + 1) / 2.0) * legendre[degree, 1]
        slopes[0, middle + orders] = raised * cosine[1 : degree + 1]
        slopes[0, middle - orders] = raised * sine[1 : degree + 1]
        slopes[2, middle + orders] = order * here * cosine[:degree]
        slopes[1, middle + orders] = -order * here * sine[:degree]
        slopes[2, middle - orders] = order * here * sine[:degree]
        slopes[1, middle - orders] = order * here * cosine[:degree]
    along = np.einsum("nd,dkn->kn", directions, slopes)
    slopes -= directions.T[:, None, :] * along
    return np.ascontiguousarray(slopes.transpose(2, 0, 1))


def harmonic_sum(directions: Float64, coefficients: Float64) -> tuple[Float64, Float64]:
    """Sum a series of harmonics without forming the matrix of all of them.

    Parameters
    ----------
    directions : (N, 3) float64
        Unit vectors.
    coefficients : ((L + 1)²,) float64

    Returns
    -------
    values : (N,) float64
    slopes : (N, 3) float64
        Tangential gradients.
    """
    max_degree = round(np.sqrt(len(coefficients))) - 1
    legendre = _legendre(directions[:, 0], max_degree)
    waves = _azimuth(directions, max_degree)
    degrees, orders = np.tril_indices(max_degree + 1)
    raised = np.sqrt((degrees - orders) * (degrees + orders + 1.0) / np.where(orders, 1.0, 2.0))
    below = orders < degrees
    value = np.zeros(len(directions))
    slopes = np.zeros((3, len(directions)))
    order = np.arange(1, max_degree + 1)[:, None]
    for sign in (1, -1):
        table = np.zeros((2, max_degree + 1, max_degree + 2))
        own = coefficients[degrees * (degrees + 1) + sign * orders] * ((sign > 0) | (orders > 0))
        table[0, degrees, orders] = own
        table[1, degrees[below], orders[below] + 1] = (own * raised)[below]
        along = np.einsum("lm,lmn->mn", table[0, :, :-1], legendre, optimize=True)
        steep = np.einsum("lm,lmn->mn", table[1, :, 1:-1], legendre[:, 1:], optimize=True)
        wave, other = waves if sign > 0 else waves[::-1]
        value += np.sum(along * wave, axis=0)
        slopes[0] += np.sum(steep * wave[:-1], axis=0)
        slopes[2] += np.sum(order * along[1:] * wave[:-1], axis=0)
        slopes[1] -= sign * np.sum(order * along[1:] * other[:-1], axis=0)
    slopes -= directions.T * np.sum(directions.T * slopes, axis=0)
    return value, np.ascontiguousarray(slopes.T)


def _legendre(polar: Float64, max_degree: int) -> Float64:
    """Normalised P_lm / sin^m as (L + 1, L + 1, N), √2 of the real harmonics included for m > 0."""
    table = np.zeros((max_degree + 1, max_degree + 1, len(polar)))
    table[0, 0] = np.sqrt(0.25 / np.pi)
    for order in range(1, max_degree + 1):
        factor = np.sqrt((2.0 * order + 1.0) / (2.0 * order if order > 1 else 1.0))
        table[order, order] = factor * table[order - 1, order - 1]
    for degree in range(1, max_degree + 1):
        orders = np.arange(degree)
        up = np.sqrt((4.0 * degree**2 - 1.0) / (degree**2 - orders**2))
        previous = degree - 1
        table[degree, :degree] = up[:, None] * polar * table[previous, :degree]
        if degree > 1:
            down = np.sqrt((previous**2 - orders**2) / (4.0 * previous**2 - 1.0))
            table[degree, :degree] -= (up * down)[:, None] * table[degree - 2, :degree]
    return table


def _azimuth(directions: Float64, max_degree: int) -> tuple[Float64, Float64]:
    """Real and imaginary part of (x + iy)^m, each (L + 1, N)."""
    cosine = np.ones((max_degree + 1, len(directions)))
    sine = np.zeros_like(cosine)
    x, y = directions[:, 2], directions[:, 1]
    for order in range(1, max_degree + 1):
        cosine[order] = x * cosine[order - 1] - y * sine[order - 1]
        sine[order] = x * sine[order - 1] + y * cosine[order - 1]
    return cosine, sine
