"""Evaluate a surface at many points, part by part, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gp_fit.arrays import Float64

_PART = 512  # a part times 1000 observations stays in the processor's cache


def by_parts(evaluate: Callable[[Float64], Float64], points: Float64, columns: int = 0) -> Float64:
    """Apply a function to some 500 points at a time.

    Parameters
    ----------
    evaluate : callable
        From (N, 3) to (N,) or (N, columns).
    points : (N, 3) float64
    columns : int
        Of the answer; 0 if it has one number per point.

    Returns
    -------
    (N,) or (N, columns) float64
    """
    parts = [evaluate(points[i : i + _PART]) for i in range(0, len(points), _PART)]
    nothing = np.empty((0, columns) if columns else 0)
    return np.concatenate(parts) if parts else nothing
