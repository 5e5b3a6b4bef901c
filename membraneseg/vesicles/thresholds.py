"""One threshold for the whole probability map: that whose shells are darkest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import generate_binary_structure, grey_erosion

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float32

SLAB = 16
"""Slices looked at together, which bounds the memory."""


@dataclass(frozen=True)
class ThresholdConfig:
    """Which thresholds are tried."""

    lowest: float = field(default=0.3, metadata={"help": "lowest threshold that is tried"})
    highest: float = field(default=0.95, metadata={"help": "highest threshold that is tried"})
    step: float = field(default=0.01, metadata={"help": "step between the thresholds"})

    def __post_init__(self) -> None:
        if not 0.0 < self.lowest <= self.highest < 1.0 or self.step <= 0.0:
            raise MembraneSegError(
                f"thresholds from {self.lowest} to {self.highest} by {self.step}, expected "
                "0 < lowest <= highest < 1 and a positive step; correct them under threshold"
            )


def darkest_shell_threshold(
    probability: Float32, voxels: npt.NDArray[np.generic], config: ThresholdConfig
) -> float:
    """Find the threshold at which the outermost layer of the mask is darkest.

    Parameters
    ----------
    probability : (Z, Y, X) float32
    voxels : (Z, Y, X) array
        Densities, dark membranes.
    config : ThresholdConfig

    Returns
    -------
    float
        The lowest one if nothing reaches any of them.

    Notes
    -----
    A voxel belongs to the shell of the mask at t if its own probability reaches t and the least
    one among its six neighbours does not; so one erosion of the grey values serves all thresholds.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169, "Global thresholding".
    """
    tried = np.arange(config.lowest, config.highest + 1e-9, config.step)
    totals, counts = np.zeros(len(tried)), np.zeros(len(tried))
    for start in range(0, len(probability), SLAB):
        below, stop = min(start, 1), start + SLAB
        slab = probability[start - below : stop + 1]
        least = grey_erosion(slab, footprint=generate_binary_structure(3, 1), mode="nearest")
        own, least = probability[start:stop], least[below : below + SLAB]
        chosen = own >= tried[0]
        density = voxels[start:stop][chosen].astype(np.float64)
        # shell at tried[k]: least < tried[k] <= probability
        first = np.searchsorted(tried, least[chosen], side="right")
        last = np.searchsorted(tried, own[chosen], side="right")
        totals += _running(first, last, density, len(tried))
        counts += _running(first, last, np.ones(len(density)), len(tried))
    known = counts > 0
    if not known.any():
        return float(tried[0])
    means = np.where(known, totals / np.maximum(counts, 1.0), np.inf)
    return float(tried[int(np.argmin(means))])


def _running(
    first: npt.NDArray[Any], last: npt.NDArray[Any], amounts: npt.NDArray[Any], count: int
) -> npt.NDArray[np.float64]:
    """Sum over voxels of their amounts, for each k with first <= k < last."""
    up = np.bincount(first, amounts, count + 1)
    down = np.bincount(last, amounts, count + 1)
    return np.asarray(np.cumsum(up - down)[:count], dtype=np.float64)
