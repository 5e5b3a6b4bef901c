"""How good links and groups are: counts first, ratios second."""

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


def link_counts(partner: Int64, truth: Int64) -> Int64:
    """Right links, links made, true links (3,); each link counted once."""
    made, true = partner >= 0, truth >= 0
    return np.array([(made & (partner == truth)).sum(), made.sum(), true.sum()]) // 2


def ratios(counts: Int64) -> tuple[float, float, float]:
    """Precision, recall and F1; 1 where there was nothing to find and nothing found."""
    right, made, true = (int(c) for c in counts)
    precision = right / made if made else 1.0
    recall = right / true if true else 1.0
    both = made + true
    return precision, recall, 2 * right / both if both else 1.0
