"""Bridges over gaps: the smooth curve from one end to another, and what speaks for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rl_agent.ends import Ends, turn_between

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_ANGLE_NOISE_RAD = 0.35  # of an end's direction
_CHORD_NOISE = 1.5  # units by which the chord of a gap may be off sideways
_LENGTH_SCALE = 6.0  # units; gaps shorter than this cost little by their length


class BridgeAngles(NamedTuple):
    """Turning along bridges between pairs of ends, each of the shape of the pairs.

    Parameters
    ----------
    gap : float64
        Length of the chord, in units.
    leave, enter : float64
        Signed turn from the first end into the chord, and from the chord into the second
        fragment. Equal turns mean one circle (co-circularity).
    arc : float64
        Length of the circle arc that turns by as much over this chord, in units.
    """

    gap: Float64
    leave: Float64
    enter: Float64
    arc: Float64

    @property
    def turn(self) -> Float64:
        """Whole turning of the bridge."""
        return np.asarray(self.leave + self.enter)


def bridge_angles(ends: Ends, one: Int64, other: Int64, tips: bool = False) -> BridgeAngles:
    """Angles of the bridges from ends `one` to ends `other` (broadcast against each other).

    Parameters
    ----------
    ends : Ends
    one, other : int64 arrays
        Indices of ends; their shapes broadcast.
    tips : bool
        Use the direction of the very tips in place of the longer reach.

    Returns
    -------
    BridgeAngles
    """
    direction = ends.tip if tips else ends.tangent
    chord = ends.position[other] - ends.position[one]
    gap = np.hypot(chord[..., 0], chord[..., 1])
    chord = np.where(gap[..., None] > 1e-9, chord, direction[one])
    leave = turn_between(direction[one] + 0.0 * chord, chord)
    enter = turn_between(chord, -direction[other] + 0.0 * chord)
    half = np.minimum(np.abs(leave + enter), 5.0) / 2
    return BridgeAngles(gap, leave, enter, gap * half / np.maximum(np.sin(half), 1e-9))


def bridge_cost(ends: Ends, angles: BridgeAngles, one: Int64, other: Int64) -> Float64:
    """How little a bridge looks like a membrane that goes on; 0 is perfect.

    Parameters
    ----------
    ends : Ends
    angles : BridgeAngles
        Of these pairs.
    one, other : int64 arrays
        Indices of ends.

    Returns
    -------
    float64 array
        ln(1 + gap/6) + half the squared z-scores of (leave − enter), the departure from
        co-circularity (Parent and Zucker 1989), and of the turning that the curvatures of
        both ends do not foretell. Symmetric in the two ends.

    References
    ----------
    Parent and Zucker, IEEE TPAMI 11 (1989), doi:10.1109/34.31445.
    """
    noise = _ANGLE_NOISE_RAD**2 + (_CHORD_NOISE / (angles.gap + 1.0)) ** 2
    bend = 0.5 * (ends.curvature[one] - ends.curvature[other])
    foretold = np.clip(bend * angles.arc, -np.pi, np.pi)
    apart = (angles.leave - angles.enter) ** 2 / (4 * noise)
    surprise = (angles.turn - foretold) ** 2 / (4 * noise)
    return np.asarray(np.log1p(angles.gap / _LENGTH_SCALE) + 0.5 * (apart + surprise))


def bridge_curves(
    ends: Ends, one: Int64, other: Int64, samples: int = 32
) -> tuple[Float64, Float64]:
    """Points and directions along the bridges of P pairs of ends.

    Parameters
    ----------
    ends : Ends
    one, other : (P,) int64
        Indices of ends.
    samples : int
        Points per bridge, its two end points not among them.

    Returns
    -------
    points : (P, samples, 2) float64
        In units.
    directions : (P, samples, 2) float64
        Unit tangents.

    Notes
    -----
    Cubic Hermite curves whose handles are those of a circle arc, gap / cos²(θ/4) for a turning
    of θ, so that co-circular ends are joined along their circle (to 0.03 % at 90°).
    """
    angles = bridge_angles(ends, one, other)
    handle = angles.gap / np.cos(np.minimum(np.abs(angles.turn), np.pi) / 4) ** 2
    start, stop = ends.position[one][:, None], ends.position[other][:, None]
    leaving = (handle[:, None] * ends.tangent[one])[:, None]
    entering = (-handle[:, None] * ends.tangent[other])[:, None]
    t = ((np.arange(samples) + 0.5) / samples)[:, None]
    points = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * leaving
        + (3 * t**2 - 2 * t**3) * stop
        + (t**3 - t**2) * entering
    )
    slope = (
        (6 * t**2 - 6 * t) * (start - stop)
        + (3 * t**2 - 4 * t + 1) * leaving
        + (3 * t**2 - 2 * t) * entering
    )
    length = np.hypot(slope[..., :1], slope[..., 1:])
    return points, slope / np.maximum(length, 1e-9)
