"""The right action, from the truth: what imitation learns from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rl_agent.scene import CANDIDATES
from rl_agent.segment_walk import BACKTRACK, CLOSE, GIVE_UP, WalkState, legal_actions

Int64 = npt.NDArray[np.int64]


def right_action(state: WalkState, truth: Int64) -> int:
    """Action of a walker that knows the truth.

    Parameters
    ----------
    state : WalkState
        Not finished.
    truth : (E,) int64
        The end that each end is truly linked to, −1 for none.

    Returns
    -------
    int
        Undo a wrong link while that is allowed; else link or close rightly; else give up.
    """
    legal = legal_actions(state)
    if state.trail and legal[BACKTRACK] and truth[state.trail[-1][0]] != state.trail[-1][1]:
        return BACKTRACK
    partner = int(truth[state.here])
    if partner >= 0 and partner == state.start and legal[CLOSE]:
        return CLOSE
    slots = np.flatnonzero(legal[:CANDIDATES] & (state.scene.candidates[state.here] == partner))
    return int(slots[0]) if partner >= 0 and len(slots) else GIVE_UP
