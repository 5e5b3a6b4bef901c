"""Where a plane cuts a mesh: curves with their observed and inferred stretches."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from membraneseg.types import Bool, Float64, Int64, Mesh


@dataclass(frozen=True)
class Contour:
    """One curve in which a plane cuts a mesh.

    Parameters
    ----------
    points_zyx_A : (N, 3) float64
        In order along the curve; a closed curve repeats its first point at the end.
    observed : (N - 1,) bool
        One flag per stretch between neighbouring points.
    """

    points_zyx_A: Float64
    observed: Bool

    @property
    def closed(self) -> bool:
        """Whether the curve returns to its start."""
        return bool(np.array_equal(self.points_zyx_A[0], self.points_zyx_A[-1]))

    def stretches(self) -> list[tuple[Float64, bool]]:
        """Cut the curve where the flag changes: a list of ((M, 3) points, observed)."""
        changes = np.flatnonzero(np.diff(self.observed)) + 1
        bounds = [0, *changes.tolist(), len(self.observed)]
        pieces = [
            (self.points_zyx_A[a : b + 1], bool(self.observed[a])) for a, b in pairwise(bounds)
        ]
        if len(pieces) > 1 and self.closed and pieces[0][1] == pieces[-1][1]:
            last, flag = pieces.pop()
            pieces[0] = (np.concatenate([last[:-1], pieces[0][0]]), flag)
        return pieces


def plane_contours(mesh: Mesh, axis: int, position_A: float) -> list[Contour]:
    """Cut a mesh with the plane where coordinate `axis` equals `position_A`.

    Parameters
    ----------
    mesh : Mesh
    axis : int
        0, 1 or 2 for a plane of constant z, y or x.
    position_A : float

    Returns
    -------
    list of Contour
        Closed curves for a watertight mesh; empty if the plane misses it.

    Notes
    -----
    Exact on the triangles: the curve passes each crossed edge at its linear crossing. A vertex
    exactly on the plane counts as above it, so every crossed triangle has two crossed edges. A
    crossing takes the flag of the nearer end of its edge; a stretch is observed if both its ends
    are. O(faces) in NumPy plus O(crossings) in Python.
    """
    height_A = mesh.vertices_zyx_A[:, axis] - position_A
    above = height_A >= 0.0
    corners_above = above[mesh.faces].sum(axis=1)
    faces = mesh.faces[(corners_above == 1) | (corners_above == 2)]
    if not len(faces):
        return []
    corners = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1)  # (F, 3 edges, 2 ends)
    crossed = above[corners[..., 0]] != above[corners[..., 1]]  # two of three in each row
    edges, index = np.unique(np.sort(corners[crossed], axis=1), axis=0, return_inverse=True)
    low, high = height_A[edges[:, 0]], height_A[edges[:, 1]]
    share = low / (low - high)
    start, end = (mesh.vertices_zyx_A[edges[:, side]] for side in (0, 1))
    points = start + share[:, None] * (end - start)
    seen = mesh.observed[np.where(share < 0.5, edges[:, 0], edges[:, 1])]
    chains = _chains(index.reshape(-1, 2))
    return [Contour(points[c], seen[c][:-1] & seen[c][1:]) for c in chains]


def _chains(links: Int64) -> list[Int64]:
    """Order (S, 2) links between numbered points into walks, each link once; ends first."""
    at_point: dict[int, list[int]] = defaultdict(list)
    for number, (a, b) in enumerate(links.tolist()):
        at_point[a].append(number)
        at_point[b].append(number)
    loose_ends_first = sorted(at_point, key=lambda point: (len(at_point[point]) % 2 == 0, point))
    unused = set(range(len(links)))
    chains = []
    for first in loose_ends_first:
        while any(number in unused for number in at_point[first]):
            chains.append(_walk(first, links, at_point, unused))
    return chains


def _walk(first: int, links: Int64, at_point: dict[int, list[int]], unused: set[int]) -> Int64:
    """Follow unused links from a point until there are none; they leave `unused`."""
    walk = [first]
    while True:
        number = next((n for n in at_point[walk[-1]] if n in unused), None)
        if number is None:
            return np.array(walk, dtype=np.int64)
        unused.discard(number)
        a, b = links[number].tolist()
        walk.append(b if a == walk[-1] else a)
