"""What the walker sees: one row of numbers per action."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rl_agent.circles import circles_through
from rl_agent.scene import CANDIDATES, DISBELIEF, END_FEATURES, PAIR_FEATURES, Beliefs
from rl_agent.segment_walk import (
    ACTIONS,
    BACKTRACK,
    CLOSE,
    FREE,
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
_BELIEF = 8
_CHAIN_AT = slice(_OWN.stop, _OWN.stop + _CHAIN)
BELIEFS = slice(_CHAIN_AT.stop, _CHAIN_AT.stop + _BELIEF)
"""Columns of what the first look believes."""
ROW = BELIEFS.stop
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
        undo), the walker's end, the chain with that link (its turning and length), and what
        the first look believes of that link and of its rivals (0 before it). Nothing changes
        when the picture is turned, mirrored, or scaled together with its unit.
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
    rows[:, _CHAIN_AT] = _chain_columns(state, turn)
    if scene.beliefs is not None:
        rows[:, BELIEFS] = _belief_columns(state, scene.beliefs)
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


def _belief_columns(state: WalkState, beliefs: Beliefs) -> Float64:
    """What the first look holds of each link and of its free rivals, (ACTIONS, _BELIEF)."""
    here, free = state.here, state.partner == FREE
    reached = np.append(state.scene.candidates[here], state.start)
    own = beliefs.mutual[here, reached]
    rivals = _best_free(beliefs.mutual, reached, free, here)
    mine = np.sort(np.where(free, beliefs.mutual[here], DISBELIEF))[::-1]
    others = np.where(own >= mine[0], mine[1], mine[0])
    columns = np.zeros((ACTIONS, _BELIEF))
    links = slice(0, CANDIDATES + 1)
    columns[links, 0] = beliefs.link[here, reached]
    columns[links, 1] = beliefs.link[reached, here]
    columns[links, 2] = rivals
    columns[links, 3] = others
    columns[links, 4] = beliefs.loose[reached]
    columns[links, 5] = _best_free(beliefs.mutual, reached ^ 1, free, here)
    columns[links, 6] = own - np.maximum(rivals, others)
    columns[GIVE_UP:, 3] = mine[0]
    columns[:, 7] = beliefs.loose[here]
    return columns / 4.0


def _best_free(
    mutual: Float64, ends: npt.NDArray[np.int64], free: npt.NDArray[np.bool_], but: int
) -> Float64:
    """Greatest belief in a link from each of some ends to a free one, one end left out."""
    open_to = np.where(free, mutual[ends], DISBELIEF)
    open_to[:, but] = DISBELIEF
    return np.asarray(open_to.max(axis=1))
