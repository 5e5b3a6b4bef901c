"""Membrane probability to ordered curves, slice by slice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.group.branches import trace_branches
from membraneseg.group.ridge import move_to_crest, ridge_skeleton
from membraneseg.group.smoothing import smoothed_slices
from membraneseg.group.tracing import split_at_kinks, trace_curves
from membraneseg.types import Float32, SliceFragments

logger = logging.getLogger(__name__)
Progress = Callable[[float], None]
TRACERS = {"walker": trace_curves, "branches": trace_branches}


@dataclass(frozen=True)
class FragmentConfig:
    """How membrane curves are traced in each slice."""

    low_threshold: float = field(
        default=0.4, metadata={"help": "probability down to which a curve is followed"}
    )
    high_threshold: float = field(
        default=0.7, metadata={"help": "probability that a curve must reach somewhere"}
    )
    smoothing_px: float = field(
        default=0.7, metadata={"help": "Gaussian smoothing before thresholds, in voxels"}
    )
    ridge_scale_px: float = field(
        default=1.3, metadata={"help": "scale of the ridge filter, in voxels"}
    )
    min_ridge_strength: float = field(
        default=0.04, metadata={"help": "least ridge strength; parts membranes side by side"}
    )
    min_length_px: int = field(default=6, metadata={"help": "curves of fewer pixels are dropped"})
    max_kink_deg: float = field(
        default=65.0, metadata={"help": "curves are cut where they turn by more over 8 pixels"}
    )
    tracer: str = field(
        default="walker",
        metadata={"help": "walker: lines go straight on where they meet; branches: they end there"},
    )

    def __post_init__(self) -> None:
        if not 0.0 < self.low_threshold <= self.high_threshold < 1.0:
            raise MembraneSegError(
                f"thresholds are low {self.low_threshold}, high {self.high_threshold}; they must "
                "satisfy 0 < low <= high < 1; change low_threshold or high_threshold"
            )
        if self.tracer not in TRACERS:
            raise MembraneSegError(
                f"tracer is {self.tracer!r}; it must be one of {', '.join(TRACERS)}; change tracer"
            )
        for name in ("smoothing_px", "ridge_scale_px", "max_kink_deg", "min_length_px"):
            if getattr(self, name) <= 0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}; it must be positive; raise {name}"
                )


def trace_fragments(
    probability: npt.NDArray[np.floating[Any]],
    config: FragmentConfig,
    progress: Progress | None = None,
) -> list[SliceFragments]:
    """Trace the membrane curves of every slice.

    Parameters
    ----------
    probability : (Z, Y, X) floating
        Membrane probability, 0 to 1; may be a memory map, read a slab at a time.
    config : FragmentConfig
        Thresholds and lengths.
    progress : callable, optional
        Called with the share (0 to 1) that is done.

    Returns
    -------
    list of SliceFragments
        One per slice, in order of z; points lie on the crest of the probability, in voxels.

    Raises
    ------
    MembraneSegError
        If the volume is not 3-D or not a probability.

    Notes
    -----
    Threshold with hysteresis, ridge filter, thinning, walker (Zhou et al. 2023, section 4.1),
    cuts at kinks, shift onto the crest. Linear in the volume.
    """
    if probability.ndim != 3:
        raise MembraneSegError(
            f"the probability has shape {probability.shape}; it must be (Z, Y, X); pass a volume"
        )
    begun = time.perf_counter()
    slices = []
    for z_px, plane in enumerate(smoothed_slices(probability, config.smoothing_px)):
        slices.append(_trace_slice(z_px, plane, config))
        if progress is not None:
            progress((z_px + 1) / len(probability))
    curves = sum(len(s.curves_yx_px) for s in slices)
    logger.info("fragments: %d curves, %.1f s", curves, time.perf_counter() - begun)
    return slices


def _trace_slice(z_px: int, plane: Float32, config: FragmentConfig) -> SliceFragments:
    skeleton = ridge_skeleton(
        plane,
        config.low_threshold,
        config.high_threshold,
        config.ridge_scale_px,
        config.min_ridge_strength,
    )
    parts = []
    for pixels, closed in TRACERS[config.tracer](skeleton, config.min_length_px):
        curve = move_to_crest(plane, pixels, closed)
        parts += split_at_kinks(curve, closed, np.deg2rad(config.max_kink_deg))
    kept = [(curve, closed) for curve, closed in parts if len(curve) >= config.min_length_px]
    return SliceFragments(
        z_px, tuple(c for c, _ in kept), np.array([closed for _, closed in kept], dtype=bool)
    )
