"""Open membranes may bend to either side: parts that one curve runs through are one sheet."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from membraneseg.group.patches import Pieces
from membraneseg.types import Bool, Int64

_SHARED = 0.5  # of the slices that two parts share, one curve must run through both
_LEAST_SLICES = 3


def join_sheets(pieces: Pieces, labels: Int64, is_open: Bool) -> Int64:
    """Join open membranes that continue each other along the curves.

    Region merging parts what bends to opposite sides, which is right for vesicles and wrong
    for a wavy sheet.

    Parameters
    ----------
    pieces : Pieces
        Short stretches of curve, those of one curve in order.
    labels : (N,) int64
        Membrane of each piece, −1 for none.
    is_open : (L,) bool
        Whether each membrane is open.

    Returns
    -------
    (N,) int64
        Labels, of which some are no longer used.
    """
    slices: dict[int, set[int]] = defaultdict(set)
    for label, at in zip(labels.tolist(), pieces.fragment[:, 0].tolist(), strict=True):
        slices[label].add(at)
    through: dict[tuple[int, int], set[int]] = defaultdict(set)
    same = (pieces.fragment[1:] == pieces.fragment[:-1]).all(axis=1)
    for first in np.flatnonzero(same & (labels[1:] != labels[:-1])).tolist():
        one, other = sorted((int(labels[first]), int(labels[first + 1])))
        if one >= 0 and is_open[one] and is_open[other]:
            through[one, other].add(int(pieces.fragment[first, 0]))
    name = np.arange(len(is_open))
    for (one, other), crossed in through.items():
        shared = len(slices[one] & slices[other])
        if len(crossed) >= max(_LEAST_SLICES, _SHARED * shared):
            name[name == name[other]] = name[one]
    return np.where(labels >= 0, name[np.maximum(labels, 0)], -1).astype(np.int64)
