"""Numbers that describe a pair of ends: what speaks for a membrane from one to the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from rl_agent.bridges import BridgeAngles, bridge_angles, bridge_curves
from rl_agent.circles import circles_through
from rl_agent.cues import Cues
from rl_agent.ends import Ends

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

COLUMNS = 34
"""How many numbers the functions of this module give together."""
ONWARD = 3
"""How many of a candidate's own best candidates are looked at."""
MOST_BESIDE = 2.0
"""Units to either side of a bridge in which the density is looked for too."""
_CLEAR = 2.5  # units from its ends within which a bridge cannot cross anything
_TOUCH = 0.8  # units; a bridge that comes as near to a fragment crosses it


def angle_columns(ends: Ends, angles: BridgeAngles, one: Int64, other: Int64) -> list[Float64]:
    """Turning, co-circularity and curvature; unchanged by a mirror."""
    tips = bridge_angles(ends, one, other, tips=True)
    bend_one, bend_other = ends.curvature[one], -ends.curvature[other]
    bend = 0.5 * (bend_one + bend_other)
    side = np.sign(bend)
    foretold = np.clip(bend * angles.arc, -np.pi, np.pi)
    return [
        np.abs(angles.leave),
        np.abs(angles.enter),
        np.abs(angles.leave - angles.enter),
        np.abs(angles.turn),
        side * angles.turn,
        np.abs(tips.leave),
        np.abs(tips.enter),
        np.abs(tips.leave - tips.enter),
        np.abs(angles.turn - foretold),
        np.abs(foretold),
        np.tanh(20.0 * np.abs(bend_one - bend_other)),
        np.tanh(20.0 * side * bend_one),
        np.tanh(20.0 * side * bend_other),
    ]


def rivalry_columns(
    candidates: Int64, cost: Float64, one: Int64, other: Int64, slot: Int64
) -> list[Float64]:
    """How a pair's cost compares with the other choices that either end has."""
    own = cost[one, slot]
    count = len(candidates)
    dense = np.full((count, count), np.inf)
    dense[one, other] = own
    mutual = np.minimum(dense, dense.T)  # an end may be chosen by one that it did not choose
    rivals_one, rivals_other = _least_others(mutual, one, own), _least_others(mutual, other, own)
    rank_back = (mutual[other] < own[:, None]).sum(axis=1)
    return [
        np.log1p(own),
        np.clip(own - rivals_one, -4, 4),
        np.clip(own - rivals_other, -4, 4),
        np.minimum(slot, 8) / 4.0,
        np.minimum(rank_back, 8) / 4.0,
    ]


def _least_others(mutual: Float64, rows: Int64, own: Float64) -> Float64:
    """Least cost in each row beside the pair's own."""
    if mutual.shape[1] < 2:
        return np.full(len(rows), 9.0)
    two = np.partition(mutual, 1, axis=1)[:, :2]
    least = np.where(own <= two[rows, 0], two[rows, 1], two[rows, 0])
    return np.asarray(np.minimum(least, own + 9.0))


def extent_columns(ends: Ends, stretches: Float64, one: Int64, other: Int64) -> list[Float64]:
    """Gap and lengths, own other end, and how well one circle holds both fragments."""
    gap = np.linalg.norm(ends.position[one] - ends.position[other], axis=1)
    misfit, sweep = circles_through([stretches[one][:, ::-1], stretches[other]])
    return [
        np.log1p(gap) / 2.0,
        gap / (gap + ends.length[one] + 1e-9),
        gap / (gap + ends.length[other] + 1e-9),
        np.log1p(ends.length[other]) / 2.0,
        (one == other ^ 1).astype(np.float64),
        np.log1p(misfit),
        sweep,
    ]


def onward_columns(
    stretches: Float64, candidates: Int64, cost: Float64, one: Int64, other: Int64
) -> list[Float64]:
    """Whether the walk could go on: the best third fragment on one circle with both."""
    third = candidates[other ^ 1, :ONWARD]
    bridge = cost[other ^ 1, :ONWARD].copy()
    barred = (third < 0) | (third == one[:, None]) | (third == one[:, None] ^ 1)
    barred |= (third == other[:, None]) | (one == other ^ 1)[:, None]
    bridge[barred] = np.inf
    pair, place = np.nonzero(~barred)
    parts = [stretches[one[pair]][:, ::-1], stretches[other[pair]], stretches[third[pair, place]]]
    misfit = np.full(third.shape, np.inf)
    misfit[pair, place] = np.log1p(circles_through(parts)[0])
    best = (bridge + misfit).argmin(axis=1)[:, None]
    there = ~np.take_along_axis(barred, best, 1)[:, 0]
    return [
        there.astype(np.float64),
        np.where(there, np.take_along_axis(misfit, best, 1)[:, 0], 0.0),
        np.where(there, np.log1p(np.take_along_axis(bridge, best, 1)[:, 0]), 0.0),
    ]


def gap_columns(
    curves: Sequence[Float64], unit: float, ends: Ends, cues: Cues, one: Int64, other: Int64
) -> tuple[list[Float64], Bool]:
    """What lies along the gap: visibility, density, and fragments in the way."""
    if len(one) == 0:
        return [], np.zeros(0, dtype=bool)
    low, high = np.minimum(one, other), np.maximum(one, other)
    _, first, both_ways = np.unique(
        low * len(ends.length) + high, return_index=True, return_inverse=True
    )
    points, directions = bridge_curves(ends, low[first], high[first])
    crossing = _crosses(np.concatenate(list(curves)) / unit, points)
    visible = np.asarray(cues.visibility(directions), dtype=np.float64)
    density = np.asarray(cues.density(points * unit), dtype=np.float64)
    width = np.minimum(0.1 * np.hypot(*(points[:, -1] - points[:, 0]).T), MOST_BESIDE)
    beside = width[:, None, None] * directions[..., ::-1] * [1.0, -1.0]
    band = np.maximum(density, cues.density((points + beside) * unit))
    band = np.maximum(band, cues.density((points - beside) * unit))
    count = points.shape[1]
    columns = [
        visible.sum(axis=1) / count,
        visible.max(axis=1),
        density.sum(axis=1) / count,
        density.min(axis=1),
        band.sum(axis=1) / count,
        crossing.astype(np.float64),
    ]
    return [column[both_ways] for column in columns], crossing[both_ways]


def _crosses(cloud: Float64, points: Float64) -> Bool:
    """Whether bridges (P, S, 2) come upon fragments, all of whose points are in the cloud."""
    step = np.hypot(*np.moveaxis(np.diff(points, axis=1), 2, 0))
    arc = np.cumsum(np.pad(step, ((0, 0), (1, 0))), axis=1)
    clear = np.minimum(arc, arc[:, -1:] - arc) > _CLEAR
    reach = np.maximum(_TOUCH, 0.55 * arc[:, -1:] / step.shape[1])
    near = np.full(points.shape[:2], np.inf)
    near[clear] = cKDTree(cloud).query(points[clear], distance_upper_bound=4.0)[0]
    return np.asarray((near < reach).any(axis=1))
