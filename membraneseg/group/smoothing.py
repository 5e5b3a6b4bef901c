"""A Gaussian over a volume that is too large to be held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from membraneseg.types import Float32

SLAB_SLICES = 16
"""Slices smoothed at once."""
REACH_SIGMA = 4.0
"""The Gaussian is cut off here."""


def smoothed_slices(
    volume: npt.NDArray[np.floating[Any] | np.bool_], sigma_px: float
) -> Iterator[Float32]:
    """Blur a volume with a Gaussian in three dimensions, slab by slab.

    Parameters
    ----------
    volume : (Z, Y, X) floating or bool
        May be a memory map.
    sigma_px : float
        In voxels.

    Yields
    ------
    (Y, X) float32
        In order of z; the same numbers as `scipy.ndimage.gaussian_filter` of the whole.
    """
    reach = int(REACH_SIGMA * sigma_px + 0.5)
    for first in range(0, len(volume), SLAB_SLICES):
        below = max(first - reach, 0)
        slab = np.asarray(volume[below : first + SLAB_SLICES + reach], dtype=np.float32)
        smooth = ndimage.gaussian_filter(slab, sigma_px, truncate=REACH_SIGMA)
        yield from smooth[first - below : first - below + SLAB_SLICES]
