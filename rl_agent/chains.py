"""From links between ends to groups of fragments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Int64 = npt.NDArray[np.int64]


def chain_labels(partner: Int64) -> Int64:
    """Which fragments hang together through linked ends.

    Parameters
    ----------
    partner : (2F,) int64
        The end that each end is linked to, negative for none; ends 2f and 2f + 1 are fragment f's.

    Returns
    -------
    (F,) int64
        Group of each fragment, 0 … G − 1 in order of their first fragment.
    """
    count = len(partner) // 2
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    linked = np.flatnonzero(partner >= 0)
    pairs = (np.ones(len(linked)), (linked // 2, partner[linked] // 2))
    _, labels = connected_components(coo_array(pairs, shape=(count, count)), directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)
