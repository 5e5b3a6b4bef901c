"""Where the lines of a skeleton meet, and the stretches that two crossing lines share."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from membraneseg.types import Bool, Int64

_AROUND = np.ones((3, 3), dtype=np.uint8)
_LONGEST_SHARED_PX = 14


def skeleton_neighbours(skeleton: Bool) -> Int64:
    """(Y, X) number of neighbours, 0 to 8, of every pixel of the lines; 0 elsewhere."""
    around = ndimage.convolve(skeleton.astype(np.int64), _AROUND, mode="constant")
    return np.asarray(np.where(skeleton, around - 1, 0))


def junction_pixels(skeleton: Bool) -> Bool:
    """Pixels that more than one curve may pass.

    Parameters
    ----------
    skeleton : (Y, X) bool
        One-pixel-wide lines.

    Returns
    -------
    (Y, X) bool
        Branching pixels with their neighbours, and the short stretches between two branchings:
        thinned, two lines that cross at a sharp angle run together for a while.
    """
    neighbours = skeleton_neighbours(skeleton)
    branchings = skeleton & ndimage.binary_dilation(neighbours > 2, _AROUND)
    between, count = ndimage.label(skeleton & ~branchings, _AROUND)
    if count == 0:
        return np.asarray(branchings)
    numbers = np.arange(1, count + 1)
    short = ndimage.sum_labels(skeleton, between, numbers) <= _LONGEST_SHARED_PX
    short &= ndimage.minimum(neighbours, between, numbers) > 1  # no line ends there
    meeting, _ = ndimage.label(branchings, _AROUND)
    found = branchings.copy()
    for number, place in zip(numbers, ndimage.find_objects(between), strict=True):
        if not short[number - 1]:
            continue
        window = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in place)
        stretch = between[window] == number
        touched = ndimage.binary_dilation(stretch, _AROUND) & (meeting[window] > 0)
        if len(np.unique(meeting[window][touched])) >= 2:
            found[window] |= stretch
    return np.asarray(found)
