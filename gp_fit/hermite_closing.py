"""What is known about a closed Hermite surface beyond its points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_system import Turns
from gp_fit.reliability import Reliability
from gp_fit.sphere import icosphere

_FAR = 1.3
"""Radius, in those of the points, of the sphere on which f is expected to rise outward."""
_FAR_SLOPE_SD = 0.3
_ROUNDS = 2
_LEAST_TRUST = 0.01
_BELIEVED = 0.9


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


def less_trusted(surface: HermiteSurface, reliability: Reliability) -> HermiteSurface:
    """Doubt the superpoints whose normals say that the surface may not be where they are.

    Parameters
    ----------
    surface : HermiteSurface
    reliability : callable
        See `fit_star`; variances are divided by it, at most by 100: such superpoints still say
        where the surface roughly is. Where nearly all are doubtful, as on a sheet along the
        wedge's edge, the best tenth is believed: nothing better is known.

    Returns
    -------
    HermiteSurface
    """
    everything, best = surface.state, surface
    for _ in range(_ROUNDS):
        slope = best.gradient(surface.superpoints_zyx)
        normals = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
        sure = np.clip(reliability(normals), _LEAST_TRUST, 1.0)
        doubts = np.maximum(np.quantile(sure, _BELIEVED) / sure, 1.0)
        best = HermiteSurface.from_state(
            replace(everything, data=replace(everything.data, doubts=doubts))
        )
    return best
