"""Ends linked at least cost: the walker's classical rival, and a stand-in without a policy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from rl_agent.bridges import bridge_angles
from rl_agent.scene import AHEAD, Scene

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


class MatchingCosts(NamedTuple):
    """Weights of what a link costs, and what a loose end costs.

    Parameters
    ----------
    length_scale : float
        Units; a gap costs ln(1 + gap / length_scale).
    cocircular, surprise : float
        Per squared radian of (leave − enter) and of turning that the curvatures do not foretell.
    angle_noise : float
        Radians added to both, as is 1.5 units over the gap.
    crossing : float
        For a bridge that crosses a fragment.
    loose, leaving : float
        For an end that stays without a link; for one that points out of the picture nearby.
    """

    length_scale: float = 3.9
    cocircular: float = 0.5
    surprise: float = 0.45
    angle_noise: float = 0.82
    crossing: float = 1.3
    loose: float = 3.45
    leaving: float = 1.4


def match_ends(scene: Scene, costs: MatchingCosts = MatchingCosts()) -> Int64:  # noqa: B008
    """Link ends so that the sum of all costs is least.

    Parameters
    ----------
    scene : Scene
    costs : MatchingCosts

    Returns
    -------
    (E,) int64
        The end that each end is linked to, −1 for none; symmetric.

    Notes
    -----
    Linear assignment of ends to ends (or to themselves: loose); where the assignment runs in a
    circle longer than two, its links are taken cheapest first while both ends are free.
    """
    count = len(scene.cost)
    partner = np.full(count, -1, dtype=np.int64)
    if count == 0:
        return partner
    table = link_costs(scene, costs)
    loose = np.where(scene.own_features[:, AHEAD] < 0.0, costs.leaving, costs.loose)
    dense = np.where(np.isfinite(table), table, 1e6)
    np.fill_diagonal(dense, loose)
    rows, columns = linear_sum_assignment(dense)
    worth = table - 0.5 * (loose[:, None] + loose[None])
    chosen = [(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True) if r != c]
    for r, c in sorted(chosen, key=lambda pair: (float(table[pair]), min(pair), max(pair))):
        if partner[r] < 0 and partner[c] < 0 and worth[r, c] < 0:
            partner[r], partner[c] = c, r
    return partner


def link_costs(scene: Scene, costs: MatchingCosts) -> Float64:
    """Cost of a link between any two ends (E, E), symmetric; infinite if neither is a candidate."""
    ends, count = scene.ends, len(scene.cost)
    table = np.full((count, count), np.inf)
    one, slot = np.nonzero(scene.candidates >= 0)
    other = scene.candidates[one, slot]
    angles = bridge_angles(ends, one, other)
    noise = costs.angle_noise**2 + (1.5 / (angles.gap + 1.0)) ** 2
    bend = 0.5 * (ends.curvature[one] - ends.curvature[other])
    surprise = angles.turn - np.clip(bend * angles.arc, -np.pi, np.pi)
    value = np.log1p(angles.gap / costs.length_scale)
    value += costs.cocircular * (angles.leave - angles.enter) ** 2 / noise
    value += costs.surprise * surprise**2 / noise
    value += costs.crossing * scene.crossing[one, slot]
    table[one, other] = value
    return np.asarray(np.minimum(table, table.T))
