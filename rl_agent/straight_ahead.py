"""The policy used at run time: follow the curve, and go straight on where curves meet."""

from __future__ import annotations

import math

from rl_agent.pixel_walk import (
    MOVES,
    WalkState,
    heading_rad,
    legal_actions,
    transition,
    turn_rad,
)

MEMORY = 12
"""Steps over which the heading is measured."""


def straight_ahead(
    state: WalkState, max_turn_rad: float = 0.9, min_lead_rad: float = 0.25, look_ahead: int = 6
) -> int | None:
    """Next action of a walker that goes straight on, or None where it should stop.

    Parameters
    ----------
    state : WalkState
        Where the walker stands.
    max_turn_rad : float
        At a junction, stop if even the straightest branch turns by more.
    min_lead_rad : float
        At a junction, stop if the second straightest branch turns by less than this more.
    look_ahead : int
        Steps by which each branch is followed to see where it leads.

    Returns
    -------
    int or None
        Index into MOVES.

    Notes
    -----
    Off junctions the only way is taken. At a junction each branch is followed for a few steps;
    its direction is compared with the heading expected there, which continues the turning of
    the last steps, so that a circle stays on itself where another one touches it.
    """
    actions = legal_actions(state)
    if not actions:
        return None
    if len(actions) == 1:
        return actions[0]
    if len(state.path) < 2:
        return actions[0]
    branches = _branches(state, actions, look_ahead)
    longest = max(steps for _, _, steps in branches)
    turns = sorted(
        (_turn(state, end), action, end)
        for action, end, steps in branches
        if steps >= min(3, longest)  # a corner's spare pixel is no branch
    )
    best_turn, best, best_end = turns[0]
    if best_turn > max_turn_rad and len(state.path) > 3:
        return None
    for other_turn, _, end in turns[1:]:
        apart = max(abs(end[0] - best_end[0]), abs(end[1] - best_end[1])) > 2
        if apart and other_turn - best_turn < min_lead_rad and other_turn < max_turn_rad:
            return None
    return best


def _branches(
    state: WalkState, actions: tuple[int, ...], look_ahead: int
) -> list[tuple[int, tuple[int, int], int]]:
    """Follow each action straight on: where it leads, and in how many steps."""
    ends = []
    others = {(state.path[-1][0] + MOVES[a][0], state.path[-1][1] + MOVES[a][1]) for a in actions}
    for action in actions:
        walker = transition(WalkState(state.labelled, state.path[-3:]), action)
        steps = 1
        while steps < look_ahead:
            moves = [a for a in legal_actions(walker) if _target(walker, a) not in others]
            if not moves:
                break
            heading = heading_rad(walker.path[-3:]) or 0.0
            walker = transition(walker, _straightest(heading, moves))
            steps += 1
        ends.append((action, walker.path[-1], steps))
    return ends


def _target(state: WalkState, action: int) -> tuple[int, int]:
    y, x = state.path[-1]
    return y + MOVES[action][0], x + MOVES[action][1]


def _straightest(heading: float, moves: list[int]) -> int:
    return min(moves, key=lambda a: abs(turn_rad(heading, math.atan2(*MOVES[a]))))


def _turn(state: WalkState, end: tuple[int, int]) -> float:
    """Unsigned turn from the expected heading towards a branch's end."""
    path = state.path
    heading = heading_rad(path, MEMORY)
    if heading is None:
        return 0.0
    towards = math.atan2(end[0] - path[-1][0], end[1] - path[-1][1])
    if len(path) > 2 * MEMORY:
        before = heading_rad(path[: len(path) - MEMORY], MEMORY)
        if before is not None:
            bend = turn_rad(before, heading)
            heading += max(-0.6, min(0.6, bend)) * 0.9
    return abs(turn_rad(heading, towards))


def walk(state: WalkState, max_turn_rad: float = 0.9) -> WalkState:
    """Walk straight ahead from a state until the policy or the pixels end it."""
    while (action := straight_ahead(state, max_turn_rad)) is not None:
        state = transition(state, action)
    return state
