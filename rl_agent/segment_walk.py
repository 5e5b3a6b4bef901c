"""A walk from fragment to fragment, as pure functions: link, close, give up, go back.

Phase 2 in Zhou et al. 2023, section 4.1: the walker leaves a fragment at an end and chooses the
end at which it enters the next one, until it is back where it started (close) or finds no way on
(give up). An open chain is walked from both its ends; then the next trip starts from a fragment
that no trip has touched. All ends of a picture are decided when the walk is finished.

References
----------
Zhou et al., J. Struct. Biol. 2023, doi:10.1016/j.jsb.2023.107968 (section 4.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rl_agent.scene import CANDIDATES, Scene

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

CLOSE, GIVE_UP, BACKTRACK = CANDIDATES, CANDIDATES + 1, CANDIDATES + 2
ACTIONS = CANDIDATES + 3
"""Actions: the candidates in their order, then close, give up, backtrack."""

FREE, LOOSE = -1, -2
"""In `WalkState.partner`: an end not yet decided, and one that was given up."""

MOST_BACKTRACKS = 2  # per trip

WRONG_LINK, CROSSING, RIGHT_CLOSURE, BACKTRACKED = -0.85, -0.1, 0.1, -0.05
"""Rewards beside the true links made or lost, which count one each."""


class WalkState(NamedTuple):
    """Where a walk stands.

    Parameters
    ----------
    scene : Scene
        Shared between states and never written.
    partner : (E,) int64
        The end that each end is linked to, FREE or LOOSE.
    here : int
        End at which the walker stands, about to leave; −1 when the walk is finished.
    start : int
        The other end of the chain walked so far on this trip.
    turning : float
        Signed turning (radians) along the chain, from start to here.
    length : float
        Of the chain's fragments.
    trail : tuple of (int, int)
        Links of this trip, latest last, that can still be undone: end left, end entered.
    barred : tuple of (int, int)
        Links undone on this trip, which may not be made again.
    second_way : bool
        Whether the first end of this chain has been given up already.
    trips : int
        Trips begun.
    """

    scene: Scene
    partner: Int64
    here: int
    start: int
    turning: float
    length: float
    trail: tuple[tuple[int, int], ...]
    barred: tuple[tuple[int, int], ...]
    second_way: bool
    trips: int


def initial(scene: Scene) -> WalkState:
    """State at the start of the first trip (finished at once if there are no ends)."""
    count = len(scene.ends.position)
    partner = np.full(count, FREE, dtype=np.int64)
    return _next_trip(WalkState(scene, partner, -1, -1, 0.0, 0.0, (), (), False, 0))


def put_down(state: WalkState, end: int) -> WalkState:
    """State of a walker that begins a trip at an end, about to leave its fragment there."""
    ends = state.scene.ends
    return state._replace(
        here=end,
        start=end ^ 1,
        turning=float(ends.turning[end ^ 1]),
        length=float(ends.length[end]),
        trail=(),
        barred=(),
        second_way=False,
        trips=state.trips + 1,
    )


def finished(state: WalkState) -> bool:
    """Whether every fragment has been visited."""
    return state.here < 0


def legal_actions(state: WalkState) -> Bool:
    """Tell which actions are allowed.

    Parameters
    ----------
    state : WalkState

    Returns
    -------
    (ACTIONS,) bool
        A candidate must be free and lead on, not back to the chain's own start: that is
        what closing is for. Giving up is always allowed, except when finished.
    """
    legal = np.zeros(ACTIONS, dtype=bool)
    if finished(state):
        return legal
    candidates = state.scene.candidates[state.here]
    there = candidates >= 0
    legal[:CANDIDATES] = there & (state.partner[candidates] == FREE) & (candidates != state.start)
    for left, entered in state.barred:
        if left == state.here:
            legal[:CANDIDATES] &= candidates != entered
    legal[CLOSE] = not state.second_way and closing_slot(state) >= 0
    legal[GIVE_UP] = True
    legal[BACKTRACK] = bool(state.trail) and len(state.barred) < MOST_BACKTRACKS
    return legal


def closing_slot(state: WalkState) -> int:
    """Place of the chain's start among the candidates of the walker's end; −1 if not there."""
    found = np.flatnonzero(state.scene.candidates[state.here] == state.start)
    return int(found[0]) if len(found) and state.start != state.here else -1


def transition(state: WalkState, action: int) -> WalkState:
    """State after one action.

    Parameters
    ----------
    state : WalkState
    action : int
        One that ``legal_actions(state)`` allows.

    Returns
    -------
    WalkState

    Raises
    ------
    ValueError
        If the action is not allowed.
    """
    if not 0 <= action < ACTIONS or not legal_actions(state)[action]:
        allowed = np.flatnonzero(legal_actions(state)).tolist()
        raise ValueError(f"action {action} is not allowed here: choose one of {allowed}")
    if action == GIVE_UP:
        return _give_up(state)
    if action == BACKTRACK:
        return _backtrack(state)
    partner = state.partner.copy()
    if action == CLOSE:
        partner[[state.here, state.start]] = state.start, state.here
        return _next_trip(state._replace(partner=partner))
    entered = int(state.scene.candidates[state.here, action])
    partner[[state.here, entered]] = entered, state.here
    ends = state.scene.ends
    return state._replace(
        partner=partner,
        here=entered ^ 1,
        turning=state.turning
        + float(state.scene.turn[state.here, action])
        + float(ends.turning[entered]),
        length=state.length + float(ends.length[entered]),
        trail=(*state.trail, (state.here, entered)),
    )


def reward(state: WalkState, action: int, truth: Int64) -> float:
    """Reward of an allowed action.

    Parameters
    ----------
    state : WalkState
        Before the action.
    action : int
    truth : (E,) int64
        The end that each end is truly linked to, −1 for none.

    Returns
    -------
    float
        By how much `worth` changes: a right link loses nothing, giving up loses the true link if
        its other end is still free, a wrong link costs WRONG_LINK and the true links of both its
        ends, and going back gives back what the link had cost. Beside that CROSSING for a link
        whose bridge crosses a fragment, RIGHT_CLOSURE for a closure that leaves no wrong link
        behind it on this trip, and BACKTRACKED.

    Notes
    -----
    The sum over a walk is, up to the number of true links and the small extras, right links less
    0.85 wrong links: what the link F1 asks for where it is near 0.9 (its derivative by a link made
    is as (2 − F1) for a right one to −F1 for a wrong one). What a link makes impossible is paid
    for at once, not when another walker comes to the end that has been taken.
    """
    earned = worth(transition(state, action).partner, truth) - worth(state.partner, truth)
    if action == BACKTRACK:
        left, entered = state.trail[-1]
        slot = int(np.flatnonzero(state.scene.candidates[left] == entered)[0])
        return earned - CROSSING * bool(state.scene.crossing[left, slot]) + BACKTRACKED
    if action == GIVE_UP:
        return earned
    slot = closing_slot(state) if action == CLOSE else action
    whole = truth[state.here] == state.start and all(truth[a] == b for a, b in state.trail)
    bonus = RIGHT_CLOSURE if action == CLOSE and whole else 0.0
    return earned + CROSSING * bool(state.scene.crossing[state.here, slot]) + bonus


def worth(partner: Int64, truth: Int64) -> float:
    """True links made or still possible, and WRONG_LINK for each wrong one.

    Parameters
    ----------
    partner : (E,) int64
        As in `WalkState`.
    truth : (E,) int64

    Returns
    -------
    float
    """
    possible = (truth >= 0) & (partner == FREE) & (partner[truth] == FREE)
    right = (partner >= 0) & (partner == truth)
    wrong = (partner >= 0) & (partner != truth)
    return 0.5 * float(possible.sum() + right.sum() + WRONG_LINK * wrong.sum())


def _give_up(state: WalkState) -> WalkState:
    """Leave the end loose; walk the chain's other end, or begin the next trip."""
    partner = state.partner.copy()
    partner[state.here] = LOOSE
    state = state._replace(partner=partner)
    if state.second_way or partner[state.start] != FREE:
        return _next_trip(state)
    return state._replace(
        here=state.start,
        start=state.here,
        turning=-state.turning,
        trail=(),
        barred=(),
        second_way=True,
    )


def _backtrack(state: WalkState) -> WalkState:
    """Undo the latest link and stand where it was made."""
    left, entered = state.trail[-1]
    partner = state.partner.copy()
    partner[[left, entered]] = FREE
    slot = int(np.flatnonzero(state.scene.candidates[left] == entered)[0])
    ends = state.scene.ends
    return state._replace(
        partner=partner,
        here=left,
        turning=state.turning - float(state.scene.turn[left, slot] + ends.turning[entered]),
        length=state.length - float(ends.length[entered]),
        trail=state.trail[:-1],
        barred=(*state.barred, (left, entered)),
    )


def _next_trip(state: WalkState) -> WalkState:
    """Start at the untouched fragment whose best bridge costs least."""
    free = (state.partner == FREE).reshape(-1, 2).all(axis=1).repeat(2)
    if not free.any():
        return state._replace(here=-1, start=-1, trail=(), barred=(), second_way=False)
    here = int(np.where(free, state.scene.cost.min(axis=1), np.inf).argmin())
    return put_down(state, here)
