"""A walk over labelled pixels, as pure functions: eight moves, and no pixel twice.

The rules are those of phase 1 in Zhou et al. 2023, section 4.1: the walker stands on a labelled
pixel, moves to one of its eight neighbours if that is labelled and not yet visited, and stops
where no move is left. What it leaves behind is an ordered list of pixels.

References
----------
Zhou et al., J. Struct. Biol. 2023, doi:10.1016/j.jsb.2023.107968 (section 4.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]

MOVES: tuple[tuple[int, int], ...] = (
    (-1, 0),
    (1, 0),
    (0, -1),
    (0, 1),
    (-1, -1),
    (1, -1),
    (-1, 1),
    (1, 1),
)
"""Steps (dy, dx) of the actions: up, down, left, right, then the four diagonals."""


class WalkState(NamedTuple):
    """Where a walk stands: the pixels that may be walked on, and the path so far.

    Parameters
    ----------
    labelled : (H, W) bool
        Pixels that belong to a curve; shared between states and never written.
    path : tuple of (y, x)
        Visited pixels in order; the walker stands on the last one.
    """

    labelled: Bool
    path: tuple[tuple[int, int], ...]


def initial(labelled: Bool, start_yx: tuple[int, int]) -> WalkState:
    """State of a walker that has just been put on a labelled pixel.

    Parameters
    ----------
    labelled : (H, W) bool
        Pixels that may be walked on.
    start_yx : (int, int)
        First pixel of the walk.

    Returns
    -------
    WalkState
        A path of one pixel.

    Raises
    ------
    ValueError
        If the start lies outside the image or is not labelled.
    """
    y, x = int(start_yx[0]), int(start_yx[1])
    height, width = labelled.shape
    if not (0 <= y < height and 0 <= x < width and labelled[y, x]):
        raise ValueError(f"start {(y, x)} must be a labelled pixel of a {labelled.shape} image")
    return WalkState(labelled, ((y, x),))


def legal_actions(state: WalkState) -> tuple[int, ...]:
    """Actions (indices into MOVES) that lead to a labelled pixel not yet visited."""
    y, x = state.path[-1]
    labelled, path = state
    height, width = labelled.shape
    found = []
    for action, (step_y, step_x) in enumerate(MOVES):
        row, column = y + step_y, x + step_x
        inside = 0 <= row < height and 0 <= column < width
        if inside and labelled[row, column] and (row, column) not in path:
            found.append(action)
    return tuple(found)


def transition(state: WalkState, action: int) -> WalkState:
    """State after one move.

    Parameters
    ----------
    state : WalkState
        Where the walker stands.
    action : int
        Index into MOVES; must be one of ``legal_actions(state)``.

    Returns
    -------
    WalkState
        The path grown by one pixel.

    Raises
    ------
    ValueError
        If the move leaves the labelled pixels or returns to a visited one.
    """
    y, x = state.path[-1]
    target = (y + MOVES[action][0], x + MOVES[action][1])
    height, width = state.labelled.shape
    inside = 0 <= target[0] < height and 0 <= target[1] < width
    if not inside or not state.labelled[target] or target in state.path:
        raise ValueError(f"action {action} from {(y, x)} is not one of {legal_actions(state)}")
    return WalkState(state.labelled, (*state.path, target))


def reward(state: WalkState, action: int) -> float:
    """Reward of a legal move: 1 for the new pixel, less the share of a half-turn it takes.

    The turn is measured against the heading of the last few pixels, so that going straight on
    through a crossing earns more than turning off. Lies between 0 and 1.
    """
    heading = heading_rad(state.path)
    if heading is None:
        return 1.0
    step_y, step_x = MOVES[action]
    return 1.0 - abs(turn_rad(heading, math.atan2(step_y, step_x))) / math.pi


def finished(state: WalkState) -> bool:
    """Whether no move is left."""
    return not legal_actions(state)


def heading_rad(path: tuple[tuple[int, int], ...], memory: int = 6) -> float | None:
    """Direction (atan2 of dy, dx) of the last `memory` steps; None before the first step."""
    if len(path) < 2:
        return None
    y, x = path[-1]
    from_y, from_x = path[max(0, len(path) - 1 - memory)]
    if (y, x) == (from_y, from_x):
        return None
    return math.atan2(y - from_y, x - from_x)


def turn_rad(heading: float, towards: float) -> float:
    """Signed angle from one direction to another, in (-π, π]."""
    return math.pi - (math.pi - (towards - heading)) % (2.0 * math.pi)
