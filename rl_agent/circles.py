"""One circle through several fragments: how well it holds them, and how far it runs in a gap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rl_agent.ends import turn_between

Float64 = npt.NDArray[np.float64]

_REACH = 40.0  # units of a fragment, from its end, that a circle is fitted to
SAMPLES = 8
"""Points that stand for the stretch of a fragment next to one of its ends."""


def tails(curves: Sequence[Float64], unit: float) -> Float64:
    """Points spread evenly over the stretch next to every end.

    Parameters
    ----------
    curves : sequence of (N_i, 2) float64
        Fragments; ends 2f and 2f + 1 belong to curve f.
    unit : float
        Length that counts as one.

    Returns
    -------
    (E, SAMPLES, 2) float64
        From the end inwards, in units.
    """
    found = []
    for curve in curves:
        points = np.asarray(curve, dtype=np.float64) / unit
        arc = np.cumsum(np.pad(np.linalg.norm(np.diff(points, axis=0), axis=1), (1, 0)))
        stops = np.linspace(0.0, min(arc[-1], _REACH), SAMPLES)
        for s in (stops, arc[-1] - stops):
            found.append(np.stack([np.interp(s, arc, points[:, k]) for k in (0, 1)], axis=1))
    return np.stack(found) if found else np.zeros((0, SAMPLES, 2))


def circles_through(stretches: Sequence[Float64]) -> tuple[Float64, Float64]:
    """Circles through stretches that follow each other on P walks.

    Parameters
    ----------
    stretches : sequence of (P, SAMPLES, 2) float64
        Points of two or more fragments in walking order.

    Returns
    -------
    misfit : (P,) float64
        Root mean square distance of the points from the circle, in the points' units.
    sweep : (P,) float64
        Angle of the last gap round the circle's centre, in half-turns; positive where it goes
        on in the sense in which the fragments run, negative where it turns back.

    Notes
    -----
    Algebraic least squares in four homogeneous coefficients, which holds straight lines too
    (Pratt 1987, doi:10.1145/37402.37420, without its constraint), and distances to first order.
    """
    points = np.concatenate(stretches, axis=1)
    local = points - points.sum(axis=1, keepdims=True) / points.shape[1]
    square = local[..., 0] ** 2 + local[..., 1] ** 2
    extent = np.sqrt(square.sum(axis=1) / points.shape[1])[:, None, None] + 1e-9
    local, square = local / extent, square[..., None] / extent**2
    design = np.concatenate([local, np.ones_like(square), square], axis=2)
    scatter = design.transpose(0, 2, 1) @ design
    scatter[:, 3, 3] += 1e-4  # keeps collinear points well posed
    scatter += 1e-9 * np.eye(4)
    vector = np.linalg.eigh(scatter)[1][:, :, 0]
    value = (design @ vector[:, :, None])[..., 0]
    slope = vector[:, None, :2] + 2 * vector[:, None, 3:] * local
    distance = value / np.maximum(np.hypot(slope[..., 0], slope[..., 1]), 1e-6)
    misfit = np.sqrt((distance**2).sum(axis=1) / points.shape[1]) * extent[:, 0, 0]
    return misfit, _sweep(local, vector, (len(stretches) - 1) * SAMPLES - 1)


def _sweep(local: Float64, vector: Float64, gap: int) -> Float64:
    """Angle of the step after point `gap` round the centre, in the sense of the other steps."""
    bend = np.where(np.abs(vector[:, 3:]) < 1e-6, 1e-6, vector[:, 3:])
    spokes = local + (vector[:, :2] / (2 * bend))[:, None]
    steps = turn_between(spokes[:, :-1], spokes[:, 1:])
    others = steps.sum(axis=1) - steps[:, gap]
    return np.asarray(steps[:, gap] * np.where(others >= 0, 1.0, -1.0) / np.pi)
