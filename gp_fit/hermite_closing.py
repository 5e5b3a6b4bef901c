"""What is known about a closed Hermite surface beyond its points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gp_fit.hermite import MINIMUM_POINTS, HermiteSurface
from gp_fit.hermite_system import Turns
from gp_fit.reliability import LEAST_RELIABLE, STRICTNESS, Reliability
from gp_fit.sphere import icosphere

_FAR = 1.3
"""Radius, in those of the points, of the sphere on which f is expected to rise outward."""
_FAR_SLOPE_SD = 0.3


def risen_far_out(surface: HermiteSurface) -> HermiteSurface:
    """Expect f to rise outward, about as fast as distance, on a sphere about all points.

    So it does about every closed body, but where gaps are wide, the points alone may let a zero
    level run away between them.
    """
    state = surface.state
    directions = icosphere(2)[0]
    count = len(directions)
    rise = Turns(_FAR * directions, directions, np.ones(count), np.full(count, _FAR_SLOPE_SD**2))
    turns = state.data.turns.joined(rise)
    return HermiteSurface.from_state(replace(state, data=replace(state.data, turns=turns)))


def without_unreliable(surface: HermiteSurface, reliability: Reliability) -> HermiteSurface:
    """Leave out the superpoints whose normals say that the surface is not where they are.

    Parameters
    ----------
    surface : HermiteSurface
    reliability : callable
        See `fit_star`; here superpoints stay or go. Strict at first.

    Returns
    -------
    HermiteSurface
        `surface` itself if too few superpoints would stay.
    """
    everything, best = surface.state, surface
    for strictness in STRICTNESS:
        slope = best.gradient(surface.superpoints_zyx)
        normals = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
        sure = np.flatnonzero(reliability(normals) ** strictness > 0.5)
        if len(sure) < max(MINIMUM_POINTS, LEAST_RELIABLE * len(normals)):
            return surface
        best = HermiteSurface.from_state(replace(everything, data=everything.data.part(sure)))
    return best
