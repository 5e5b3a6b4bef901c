"""What a walker can know of one picture before it walks: ends, candidates, and their features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rl_agent.bridges import bridge_angles, bridge_cost
from rl_agent.circles import tails
from rl_agent.cues import Cues
from rl_agent.ends import Ends, fragment_ends
from rl_agent.pair_features import (
    COLUMNS,
    angle_columns,
    extent_columns,
    gap_columns,
    onward_columns,
    rivalry_columns,
)

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

CANDIDATES = 12
"""K: how many ends a walker at an end may choose from."""
FREE_ANGLE_GAP = 5.0
"""Units; over wider gaps a candidate must lie ahead of both ends."""
MAX_TURN_RAD = 2.3
"""Largest turn into, and out of, the chord of a wider gap."""

END_FEATURES = 5
"""Numbers that describe one end."""
AHEAD = 2
"""Which of them says how far ahead the border is; negative where the end leaves the picture."""
PAIR_FEATURES = COLUMNS + END_FEATURES
"""Numbers that describe one pair of ends, those of the second end among them."""


DISBELIEF = -8.0
"""Least log-probability in `Beliefs`, and that of links between ends that are no candidates."""


class Beliefs(NamedTuple):
    """What the policy's first look, at each end alone, holds of a picture; log-probabilities.

    Parameters
    ----------
    link : (E, E) float64
        That a walker would go from one end to another (its fragment's own: close).
    mutual : (E, E) float64
        Mean of both ways, symmetric.
    loose : (E,) float64
        That a walker would give up at the end.
    """

    link: Float64
    mutual: Float64
    loose: Float64


class Scene(NamedTuple):
    """One picture, ready to be walked; never written to.

    Parameters
    ----------
    ends : Ends
        E = 2F ends.
    tails : (E, SAMPLES, 2) float64
        Points of the fragments next to each end, see `circles.tails`.
    candidates : (E, K) int64
        Ends that a walker may go on to, best bridge first; −1 fills up.
    own_features : (E, END_FEATURES) float32
        Of each end alone.
    features : (E, K, PAIR_FEATURES) float32
        Of each end with each candidate.
    turn : (E, K) float64
        Signed turning of the bridges.
    crossing : (E, K) bool
        Whether the bridge crosses another fragment.
    cost : (E, K) float64
        Of the bridge, see `bridges.bridge_cost`; infinite where there is no candidate.
    beliefs : Beliefs or None
        None until a policy has taken its first look, see `rollout.first_look`.
    """

    ends: Ends
    tails: Float64
    candidates: Int64
    own_features: Float32
    features: Float32
    turn: Float64
    crossing: Bool
    cost: Float64
    beliefs: Beliefs | None = None


def build_scene(curves: Sequence[Float64], cues: Cues, unit: float = 1.0) -> Scene:
    """Measure ends, choose candidates and describe every pair.

    Parameters
    ----------
    curves : sequence of (N_i, 2) float64
        Open curves in order; closed ones have no ends and stay out.
    cues : Cues
    unit : float
        Length that counts as one. Curves and unit scaled alike give the same scene; so do
        curves and cues that are turned, mirrored or listed in another order, up to that order.

    Returns
    -------
    Scene

    Notes
    -----
    Candidates are the K ends of least bridge cost among those that lie ahead; the fragment's own
    other end is always one of them. Quadratic in the ends.
    """
    ends, stretches = fragment_ends(curves, unit), tails(curves, unit)
    candidates, cost = _choose_candidates(ends)
    one, slot = np.nonzero(candidates >= 0)
    other = candidates[one, slot]
    angles = bridge_angles(ends, one, other)
    columns = [
        *angle_columns(ends, angles, one, other),
        *rivalry_columns(candidates, cost, one, other, slot),
        *extent_columns(ends, stretches, one, other),
        *onward_columns(stretches, candidates, cost, one, other),
    ]
    own = _end_features(curves, unit, ends, cues)
    along, crossing = gap_columns(curves, unit, ends, cues, one, other)
    features = np.zeros((*candidates.shape, PAIR_FEATURES), dtype=np.float32)
    if len(one):
        table = np.stack([*columns, *along, *own[other].T], axis=1)
        features[one, slot] = np.clip(table, -5.0, 5.0)
    turn = np.zeros(candidates.shape)
    turn[one, slot] = angles.turn
    crosses = np.zeros(candidates.shape, dtype=bool)
    crosses[one, slot] = crossing
    return Scene(ends, stretches, candidates, own, features, turn, crosses, cost)


def _choose_candidates(ends: Ends) -> tuple[Int64, Float64]:
    """(E, K) ends of least bridge cost, the own other end among them, and these costs."""
    count = len(ends.position)
    if count == 0:
        return np.zeros((0, CANDIDATES), dtype=np.int64), np.zeros((0, CANDIDATES))
    index = np.arange(count)
    angles = bridge_angles(ends, index[:, None], index[None, :])
    cost = bridge_cost(ends, angles, index[:, None], index[None, :])
    behind = np.maximum(np.abs(angles.leave), np.abs(angles.enter)) > MAX_TURN_RAD
    ranked = np.where(behind & (angles.gap > FREE_ANGLE_GAP), np.inf, cost)
    ranked[index, index] = np.inf
    ranked[index, index ^ 1] = -np.inf  # always in
    width = min(CANDIDATES, count)
    best = np.argpartition(ranked, width - 1, axis=1)[:, :width]
    barred = np.isposinf(np.take_along_axis(ranked, best, 1))
    chosen = np.where(barred, np.inf, np.take_along_axis(cost, best, 1))
    order = np.argsort(chosen, axis=1, kind="stable")
    chosen = np.take_along_axis(chosen, order, 1)
    best = np.where(np.isinf(chosen), -1, np.take_along_axis(best, order, 1))
    pad = ((0, 0), (0, CANDIDATES - width))
    return (
        np.pad(best, pad, constant_values=-1).astype(np.int64),
        np.pad(chosen, pad, constant_values=np.inf),
    )


def _end_features(curves: Sequence[Float64], unit: float, ends: Ends, cues: Cues) -> Float32:
    """(E, END_FEATURES): length, bend, border, and the probability along the fragment."""
    ahead = cues.to_border((ends.position + 3.0 * ends.tangent) * unit) / unit
    here = cues.to_border(ends.position * unit) / unit
    sure = [np.mean(cues.density(np.asarray(c, dtype=np.float64))) for c in curves]
    columns = [
        np.log1p(ends.length) / 2.0,
        np.tanh(20.0 * np.abs(ends.curvature)),
        np.clip(ahead / 10.0, -1.0, 1.0),
        np.clip(here / 10.0, 0.0, 1.0),
        np.repeat(np.array(sure, dtype=np.float64), 2),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
