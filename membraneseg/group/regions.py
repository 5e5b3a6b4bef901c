"""Statistical region merging over pieces: sorted links, union-find, and a predicate."""

from __future__ import annotations

from collections import Counter

import numpy as np

from membraneseg.group.linking import Links
from membraneseg.group.patches import Pieces
from membraneseg.types import Int64

_CURVATURE_SPREAD = 0.02  # by which curvature varies over one membrane, 1/voxel


class RegionMerger:
    """Regions of pieces that grow link by link, best first.

    Every region knows how its pieces' normals are to be turned so that all point to one side,
    and its mean curvature towards that side. Two regions merge unless their curvatures surely
    have opposite signs (they bend away from each other, as touching vesicles do) or too many
    of their pieces lie one above the other (nested membranes).

    Parameters
    ----------
    pieces : Pieces
        Short stretches of curve.
    links : Links
        Their neighbours and contradictions.
    certainty : float
        Half-width, in standard errors, of the interval for a region's mean curvature.
    max_stacked : float
        Largest share of the smaller region's pieces that may lie above the other's.

    References
    ----------
    Nock and Nielsen, IEEE TPAMI 26 (2004), doi:10.1109/TPAMI.2004.110.
    """

    def __init__(
        self, pieces: Pieces, links: Links, certainty: float = 4.0, max_stacked: float = 0.1
    ) -> None:
        count = len(pieces)
        self._parent = list(range(count))
        self._side = [1] * count  # of a piece relative to its parent
        self._size = [1] * count
        weight = 1.0 / (pieces.curvature_sd**2 + _CURVATURE_SPREAD**2)
        self._weight: list[float] = weight.tolist()
        self._bend: list[float] = (weight * pieces.curvature).tolist()
        self._certainty, self._max_stacked = certainty, max_stacked
        self._above: list[Counter[int]] = [Counter() for _ in range(count)]
        for one, other in links.stacked.tolist():
            self._above[one][other] += 1
            self._above[other][one] += 1
        cosines = (pieces.normal[links.pairs[:, 0]] * pieces.normal[links.pairs[:, 1]]).sum(axis=1)
        for (one, other), cosine in zip(links.pairs.tolist(), cosines.tolist(), strict=True):
            self._consider(one, other, 1 if cosine >= 0 else -1)

    def labels(self) -> Int64:
        """(N,) region of each piece, 0 … R−1, largest first."""
        roots = np.array([self._find(i)[0] for i in range(len(self._parent))], dtype=np.int64)
        _, inverse, counts = np.unique(roots, return_inverse=True, return_counts=True)
        rank = np.empty(len(counts), dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        return np.asarray(rank[inverse], dtype=np.int64)

    def _find(self, piece: int) -> tuple[int, int]:
        """Root of a piece and its side relative to it, with path halving."""
        side = 1
        while self._parent[piece] != piece:
            above = self._parent[piece]
            self._side[piece] *= self._side[above] if self._parent[above] != above else 1
            self._parent[piece] = self._parent[above]
            side *= self._side[piece]
            piece = self._parent[piece]
        return piece, side

    def _consider(self, one: int, other: int, side: int) -> None:
        root, root_side = self._find(one)
        loser, loser_side = self._find(other)
        if root == loser:
            return
        relative = side * root_side * loser_side
        if self._contradict(root, loser, relative):
            return
        if self._size[root] < self._size[loser]:
            root, loser = loser, root
        self._parent[loser], self._side[loser] = root, relative
        self._size[root] += self._size[loser]
        self._weight[root] += self._weight[loser]
        self._bend[root] += relative * self._bend[loser]
        for region, number in self._above[loser].items():
            self._above[region].pop(loser, None)
            if region != root:
                self._above[root][region] += number
                self._above[region][root] += number
        self._above[root].pop(loser, None)
        self._above[loser] = Counter()

    def _contradict(self, one: int, other: int, side: int) -> bool:
        stacked = self._above[one].get(other, 0)
        if stacked > max(1.0, self._max_stacked * min(self._size[one], self._size[other])):
            return True
        bend_one = self._bend[one] / self._weight[one]
        bend_other = side * self._bend[other] / self._weight[other]
        variance = 1.0 / self._weight[one] + 1.0 / self._weight[other]
        apart = abs(bend_one - bend_other)
        return bend_one * bend_other < 0 and apart > self._certainty * variance**0.5
