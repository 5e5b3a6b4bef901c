"""Where a membrane may go: in the box, clear of the others, inside the right one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import HEAD_GROUP_HALF_WIDTH_A, Membrane
from membraneseg.phantom.shapes import Shape
from membraneseg.types import Bool, Float64

WALLS = {"box": (0, 1, 2), "sides": (0,), "none": ()}
"""Axes whose two walls may not cut anything: all; the ice's top and bottom (z) alone; none."""
KEPT_EMPTY = ("outer mitochondrial membrane", "synaptic vesicle")
"""Kinds of membrane that no other recipe puts anything into."""
THICKEST_BILAYER_A = 42.0
HALF_WIDTH_A = THICKEST_BILAYER_A / 2 + HEAD_GROUP_HALF_WIDTH_A
"""From the middle of the thickest bilayer to the outer face of a leaflet."""


def check_constraint(constraint: str) -> None:
    """Refuse a constraint that does not exist."""
    if constraint not in WALLS:
        raise MembraneSegError(
            f"constraint is '{constraint}', expected one of {', '.join(WALLS)}; correct it "
            "in the phantom's settings"
        )


def check_count(group: str, count: int) -> None:
    """Refuse a negative number of things in the settings' group of that name."""
    if count < 0:
        raise MembraneSegError(f"count is {count}, expected 0 or more; correct {group}.count")


def check_radii(group: str, smallest_nm: float, largest_nm: float, least_nm: float) -> None:
    """Refuse a range of radii that is upside down or begins below `least_nm`."""
    if not least_nm <= smallest_nm < largest_nm:
        raise MembraneSegError(
            f"radius_min_nm {smallest_nm} and radius_max_nm {largest_nm}: expected {least_nm:g} <= "
            f"minimum < maximum; change {group}.radius_min_nm or radius_max_nm"
        )


def inside_box(points_zyx_A: Float64, box: Box, constraint: str, room_A: float = 0.0) -> Bool:
    """Which of (N, 3) points keep `room_A` from the walls that the constraint forbids to cross."""
    forbidden = list(WALLS[constraint])
    above = points_zyx_A[:, forbidden] >= box.low_A[forbidden] + room_A
    below = points_zyx_A[:, forbidden] <= box.high_A[forbidden] - room_A
    return np.asarray((above & below).all(axis=1))


def enclosing_labels(shape: Shape, others: Sequence[Membrane], gap_A: float) -> set[int] | None:
    """Labels of the closed membranes around a shape, or None where it may not be.

    It may not come too near any membrane, nor lie in one that is kept empty.

    Parameters
    ----------
    shape : Shape
    others : sequence of Membrane
        None of them may lie inside the shape.
    gap_A : float
        Least distance between the outer faces of two bilayers.

    Returns
    -------
    set of int or None
    """
    samples = shape.samples_zyx_A
    bounds = shape.bounds_zyx_A
    apart_A = gap_A + 2 * HALF_WIDTH_A
    enclosing: set[int] = set()
    for other in others:
        theirs = other.shape.bounds_zyx_A
        if (bounds[0] > theirs[1] + apart_A).any() or (bounds[1] < theirs[0] - apart_A).any():
            continue
        distances = other.shape.signed_distance(samples)
        if distances.min() < apart_A and distances.max() > -apart_A:
            return None
        if distances.max() < 0.0:
            if other.kind in KEPT_EMPTY:
                return None
            enclosing |= {other.label} if other.shape.closed else set()
        elif shape.closed and shape.signed_distance(other.shape.samples_zyx_A[:1])[0] < 0.0:
            return None
    return enclosing


def innermost(labels: set[int], membranes: Sequence[Membrane]) -> int:
    """The one of nested membranes that lies inside all the others; 0 for none."""
    parents = {m.parent for m in membranes if m.label in labels}
    inner = labels - parents
    return min(inner) if inner else 0
