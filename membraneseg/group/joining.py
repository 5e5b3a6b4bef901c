"""Regions joined over gaps: two regions are one membrane if one ellipsoid explains both."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass

import numpy as np

from membraneseg.group.evidence import Evidence
from membraneseg.group.patches import Pieces
from membraneseg.group.quadric import Quadric, Tolerance, fit_quadric, misfits
from membraneseg.types import Float64, Int64

_MOST_PIECES = 300  # that a fit is given; more are thinned evenly


@dataclass(frozen=True)
class JoinRules:
    """When two regions are one membrane.

    Parameters
    ----------
    tolerance : Tolerance
        Scatter about an ellipsoid.
    max_misfit : float
        Largest mean squared misfit of either region (2 is as expected).
    min_support : float
        Least share of the visible surface that must show.
    max_stacked : float
        Largest share of the smaller region's pieces that may lie above the other's.
    min_outward : float
        Least share of the surely bent pieces that must bend with the ellipsoid.
    """

    tolerance: Tolerance
    max_misfit: float
    min_support: float
    max_stacked: float
    min_outward: float


def outward_agreement(pieces: Pieces, members: Int64, quadric: Quadric) -> float:
    """Return the share of surely bent pieces that bend with the ellipsoid (1 if none is sure)."""
    confidence = np.clip(pieces.outward_confidence()[members], -4, 4)
    sure = np.abs(confidence) > 1.5
    if not sure.any():
        return 1.0
    _, outward = quadric.offset_and_normal(pieces.centre[members])
    agree = confidence * (outward * pieces.normal[members]).sum(axis=1) > 0
    weight = np.abs(confidence[sure])
    return float((weight * agree[sure]).sum() / weight.sum())


def fit_members(pieces: Pieces, members: Int64, tolerance: Tolerance) -> Quadric | None:
    """Ellipsoid through pieces; a large set is thinned evenly first."""
    step = max(1, len(members) // _MOST_PIECES)
    some = members[::step]
    return fit_quadric(pieces.centre[some], pieces.normal[some], tolerance)


class Joiner:
    """Best-first agglomeration of regions; see `join_regions`."""

    def __init__(
        self,
        pieces: Pieces,
        labels: Int64,
        stacked: Int64,
        evidence: Evidence,
        rules: JoinRules,
        min_pieces: int,
    ) -> None:
        self._pieces, self._evidence, self._rules = pieces, evidence, rules
        self._all = np.arange(len(pieces))
        counts = np.bincount(labels)
        large = [int(region) for region in np.flatnonzero(counts >= min_pieces)]
        self.members: dict[int, Int64] = {r: np.flatnonzero(labels == r) for r in large}
        self.quadric = {r: fit_members(pieces, m, rules.tolerance) for r, m in self.members.items()}
        self._above: dict[int, Counter[int]] = {r: Counter() for r in self.members}
        for one, other in labels[stacked].tolist():
            if one != other and one in self._above and other in self._above:
                self._above[one][other] += 1
                self._above[other][one] += 1
        self._labels = labels.copy()
        self._next = int(labels.max()) + 1 if len(labels) else 0
        self._heap: list[tuple[float, int, int]] = []
        self._tried: set[tuple[int, int]] = set()

    def run(self) -> None:
        """Join until no two regions are one membrane."""
        for region in list(self.members):
            self._propose(region)
        while self._heap:
            _, one, other = heapq.heappop(self._heap)
            if one in self.members and other in self.members:
                self._propose(self._join(one, other))

    def _join(self, one: int, other: int) -> int:
        new, self._next = self._next, self._next + 1
        members = np.concatenate([self.members.pop(one), self.members.pop(other)])
        self.members[new] = members
        self._labels[members] = new
        self.quadric[new] = fit_members(self._pieces, members, self._rules.tolerance)
        above = self._above.pop(one) + self._above.pop(other)
        above.pop(one, None)
        above.pop(other, None)
        self._above[new] = above
        for region, number in above.items():
            if region in self._above:
                self._above[region][new] = number
        return new

    def _propose(self, region: int) -> None:
        """Weigh the region against all others that its ellipsoid, or theirs, foresees."""
        foreseen = self._foreseen(region)
        for other in self.members:
            if other == region or (pair := _pair(region, other)) in self._tried:
                continue
            if other not in foreseen and not self._foresees(other, region):
                continue
            self._tried.add(pair)
            score = self._score(*pair)
            if score is not None:
                heapq.heappush(self._heap, (score, *pair))

    def _loose(self) -> Tolerance:
        known = self._rules.tolerance
        return Tolerance(known.offset_px + 1.0, known.offset_share + 0.12, 2 * known.angle_rad)

    def _foreseen(self, region: int) -> set[int]:
        quadric = self.quadric[region]
        if quadric is None:
            return set()
        misfit = np.minimum(
            misfits(quadric, self._pieces.centre, self._pieces.normal, self._loose()), 9.0
        )
        count = np.bincount(self._labels, minlength=self._next)
        mean = np.bincount(self._labels, misfit, self._next) / np.maximum(count, 1)
        return {r for r in self.members if r != region and mean[r] < 3.0}

    def _foresees(self, one: int, other: int) -> bool:
        quadric = self.quadric[one]
        if quadric is None:
            return False
        members = self.members[other][:: max(1, len(self.members[other]) // 30)]
        centre, normal = self._pieces.centre[members], self._pieces.normal[members]
        return bool(np.minimum(misfits(quadric, centre, normal, self._loose()), 9).mean() < 3.0)

    def _score(self, one: int, other: int) -> float | None:
        """Misfit of the joint ellipsoid, or None where the two cannot be one membrane."""
        first, second = self.members[one], self.members[other]
        rules = self._rules
        stacked = self._above[one].get(other, 0)
        if stacked > max(1.0, rules.max_stacked * min(len(first), len(second))):
            return None
        quadric = self._joint_fit(first, second)
        if quadric is None:
            return None
        misfit = {r: self._mean_misfit(quadric, self.members[r]) for r in (one, other)}
        if not all(self._is_explained(r, joint) for r, joint in misfit.items()):
            return None
        if (
            min(outward_agreement(self._pieces, m, quadric) for m in (first, second))
            < rules.min_outward
        ):
            return None
        slack = 1.5 * rules.tolerance.offset(quadric.radius)
        support, _ = self._evidence.support(quadric, np.concatenate([first, second]), slack)
        if support < rules.min_support:
            wider, _ = self._evidence.support(quadric, self._all, slack)
            if wider < rules.min_support:
                return None
        return max(misfit.values()) + 1.0 - support

    def _is_explained(self, region: int, joint: float) -> bool:
        """Whether a joint ellipsoid explains a region, about as well as its own one does."""
        limit, own = self._rules.max_misfit, self.quadric[region]
        if joint <= limit or own is None:
            return joint <= limit
        return joint <= min(2.0 * limit, self._mean_misfit(own, self.members[region]) + 0.5 * limit)

    def _joint_fit(self, first: Int64, second: Int64) -> Quadric | None:
        return fit_members(self._pieces, np.concatenate([first, second]), self._rules.tolerance)

    def _mean_misfit(self, quadric: Quadric, members: Int64) -> float:
        return float(self._misfits(quadric, members).mean())

    def _misfits(self, quadric: Quadric, members: Int64) -> Float64:
        centre, normal = self._pieces.centre[members], self._pieces.normal[members]
        return np.minimum(misfits(quadric, centre, normal, self._rules.tolerance), 20.0)


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
