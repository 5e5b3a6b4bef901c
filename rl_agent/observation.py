"""What the walker sees: one row of numbers per action."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rl_agent.circles import circles_through
from rl_agent.scene import CANDIDATES, END_FEATURES, PAIR_FEATURES
from rl_agent.segment_walk import (
    ACTIONS,
    BACKTRACK,
    CLOSE,
    GIVE_UP,
    WalkState,
    closing_slot,
    legal_actions,
)

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_KINDS = 5  # allowed; link, close, give up, backtrack
_CHAIN = 12
_PAIR = slice(_KINDS, _KINDS + PAIR_FEATURES)
_OWN = slice(_PAIR.stop, _PAIR.stop + END_FEATURES)
ROW = _OWN.stop + _CHAIN
"""Numbers per action."""


def observe(state: WalkState) -> Float32:
    """Rows of all actions.

    Parameters
    ----------
    state : WalkState

    Returns
    -------
    (ACTIONS, ROW) float32
        The first column is 1 where the action is allowed; all else is 0 where it is not. Then
        the kind of action, the pair of ends that it is about (for backtracking the link to
        undo), the walker's end, and the chain with that link: its turning and length. Nothing
        changes when the picture is turned, mirrored, or scaled together with its unit.
    """
    rows = np.zeros((ACTIONS, ROW), dtype=np.float32)
    legal = legal_actions(state)
    if not legal.any():
        return rows
    scene, here = state.scene, state.here
    rows[:CANDIDATES, _PAIR] = scene.features[here]
    turn = np.zeros(ACTIONS)
    turn[:CANDIDATES] = scene.turn[here]
    if legal[CLOSE]:
        slot = closing_slot(state)
        rows[CLOSE, _PAIR], turn[CLOSE] = scene.features[here, slot], scene.turn[here, slot]
    if legal[BACKTRACK]:
        left, entered = state.trail[-1]
        slot = int(np.flatnonzero(scene.candidates[left] == entered)[0])
        rows[BACKTRACK, _PAIR], turn[BACKTRACK] = scene.features[left, slot], scene.turn[left, slot]
    rows[:CANDIDATES, 1] = 1.0
    rows[CLOSE, 2] = rows[GIVE_UP, 3] = rows[BACKTRACK, 4] = 1.0
    rows[:, _OWN] = scene.own_features[here]
    rows[:, _OWN.stop :] = _chain_columns(state, turn)
    rows[:, 0] = 1.0
    rows[~legal] = 0.0
    return rows


def _chain_columns(state: WalkState, turn: Float64) -> Float64:
    """Turning and length of the chain with each action's link, (ACTIONS, _CHAIN)."""
    ends, candidates = state.scene.ends, state.scene.candidates[state.here]
    after, gap = np.zeros(ACTIONS), np.zeros(ACTIONS)
    after[:CANDIDATES] = ends.turning[candidates]
    reached = np.append(candidates, state.start)
    apart = ends.position[reached] - ends.position[state.here]
    gap[: CANDIDATES + 1] = np.sqrt((apart**2).sum(axis=1))
    side = math.copysign(1.0, state.turning)
    whole = 2.0 * np.pi
    bridged = side * (state.turning + turn) / whole
    columns = np.empty((ACTIONS, _CHAIN))
    columns[:, 0] = abs(state.turning) / whole
    columns[:, 1] = bridged
    columns[:, 2] = bridged + side * after / whole
    columns[:, 3] = side * turn / np.pi
    columns[:, 4] = side * after / whole
    columns[:, 5] = 0.0
    columns[CLOSE, 5] = abs(bridged[CLOSE] - 1.0)
    columns[:, 6] = gap / (gap + state.length + 1e-9)
    columns[:, 7] = math.log1p(state.length) / 2.0
    columns[:, 8] = 0.5 * min(len(state.trail), 4)
    columns[:, 9:] = 0.0
    if state.trail:
        columns[: CANDIDATES + 1, 9:] = _behind(state, reached)
    return np.asarray(np.clip(columns, -5.0, 5.0))


def _behind(state: WalkState, reached: npt.NDArray[np.int64]) -> Float64:
    """How well one circle holds the fragment before, the walker's, and each that it may reach."""
    tails = state.scene.tails
    before, here = tails[state.trail[-1][0], ::-1], tails[state.here, ::-1]
    count = len(reached)
    parts = [np.broadcast_to(p, (count, *p.shape)) for p in (before, here)]
    misfit, sweep = circles_through([*parts, tails[reached]])
    return np.stack([np.ones(count), np.log1p(misfit), sweep], axis=1)
