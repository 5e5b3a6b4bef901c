"""Plain skeleton tracing: lines cut wherever they meet. The walker's rival, see `tracing`."""

from __future__ import annotations

from membraneseg.group.junctions import skeleton_neighbours
from membraneseg.group.tracing import trace_curves
from membraneseg.types import Bool, Float64


def trace_branches(skeleton: Bool, min_length_px: int) -> list[tuple[Float64, bool]]:
    """Ordered curves between the junctions of a skeleton.

    Parameters
    ----------
    skeleton : (Y, X) bool
        One-pixel-wide lines.
    min_length_px : int
        Curves of fewer pixels are left out.

    Returns
    -------
    list of ((N, 2) float64, bool)
        Pixels in order, and whether the curve returns to its start.

    Notes
    -----
    Pixels with more than two neighbours are taken away; what is left has no branches. Nothing is
    ever joined wrongly, and no curve that meets another one stays whole.
    """
    return trace_curves(skeleton & (skeleton_neighbours(skeleton) <= 2), min_length_px)
