"""From thin lines of pixels to ordered curves: the bridge to the walker of `rl_agent`."""

from __future__ import annotations

import itertools

import numpy as np

from membraneseg.group.junctions import junction_pixels, skeleton_neighbours
from membraneseg.types import Bool, Float64
from rl_agent.pixel_walk import WalkState, initial
from rl_agent.straight_ahead import walk

_SHORTEST_LOOP_PX = 12


def trace_curves(skeleton: Bool, min_length_px: int) -> list[tuple[Float64, bool]]:
    """Ordered 8-connected curves of a skeleton.

    Parameters
    ----------
    skeleton : (Y, X) bool
        One-pixel-wide lines.
    min_length_px : int
        Curves of fewer pixels are left out.

    Returns
    -------
    list of ((N, 2) float64, bool)
        Pixels in order, and whether the curve returns to its start.

    Notes
    -----
    Walks start at line ends, then anywhere on what is left (loops). A pixel serves one walk,
    except where lines meet: there a second walk may cross the first. Linear in the pixels.
    """
    neighbours, junctions = skeleton_neighbours(skeleton), junction_pixels(skeleton)
    free = skeleton.copy()
    ends = np.argwhere(neighbours == 1)
    inner = np.argwhere((neighbours == 2) & ~junctions)
    curves = []
    for y, x in [*ends.tolist(), *inner.tolist()]:
        start = (int(y), int(x))
        if not free[start]:
            continue
        path = _both_ways(free, start)
        pixels = np.array(path)
        used = ~junctions[pixels[:, 0], pixels[:, 1]]
        free[pixels[used, 0], pixels[used, 1]] = False
        free[start] = False
        if len(path) >= min_length_px:
            curves.append((pixels.astype(np.float64), _returns(path)))
    return curves


def _both_ways(free: Bool, start: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Walk from the start to one end, then on from the start to the other end."""
    ahead = walk(initial(free, start))
    if _returns(ahead.path):
        return ahead.path
    return walk(WalkState(free, ahead.path[::-1])).path


def _returns(path: tuple[tuple[int, int], ...]) -> bool:
    (y, x), (last_y, last_x) = path[0], path[-1]
    return len(path) >= _SHORTEST_LOOP_PX and max(abs(y - last_y), abs(x - last_x)) <= 1


def split_at_kinks(
    curve_yx: Float64, closed: bool, max_kink_rad: float, reach: int = 4
) -> list[tuple[Float64, bool]]:
    """Cut a curve where it turns sharply.

    Parameters
    ----------
    curve_yx : (N, 2) float64
        Points in order.
    closed : bool
        Whether the curve returns to its start.
    max_kink_rad : float
        Largest angle between the chords before and behind a point.
    reach : int
        Points per chord.

    Returns
    -------
    list of ((N, 2) float64, bool)
        The curve itself where it has no kink; else its parts, open.
    """
    count = len(curve_yx)
    if count < 2 * reach + 1:
        return [(curve_yx, closed)]
    index = np.arange(count) if closed else np.arange(reach, count - reach)
    before = curve_yx[index] - curve_yx[(index - reach) % count]
    behind = curve_yx[(index + reach) % count] - curve_yx[index]
    cross = before[:, 0] * behind[:, 1] - before[:, 1] * behind[:, 0]
    turn = np.abs(np.arctan2(cross, (before * behind).sum(axis=1)))
    cuts = []
    while (turn > max_kink_rad).any():
        worst = int(turn.argmax())
        cuts.append(int(index[worst]))
        turn[np.abs(index - index[worst]) <= reach] = 0.0
    if not cuts:
        return [(curve_yx, closed)]
    if closed:
        curve_yx = np.roll(curve_yx, -cuts[0], axis=0)
        cuts = [0, *sorted((c - cuts[0]) % count for c in cuts[1:])]
    borders = sorted({0, count, *cuts})
    return [(curve_yx[a:b], False) for a, b in itertools.pairwise(borders)]
