"""Which groups enclose a volume: those that show most of the visible part of an ellipsoid."""

from __future__ import annotations

import numpy as np

from membraneseg.group.config import GroupConfig
from membraneseg.group.evidence import encircled, support, surface_in_volume
from membraneseg.group.quadric import fit_quadric, misfits
from membraneseg.types import Float64

_MOST_PATCHES = 300  # that a fit is given; more are thinned evenly
_ENCIRCLED = 0.6  # share of the directions round its centre from which a closed membrane shows
_ENCIRCLED_SUPPORT = 0.2  # of its visible surface that must show then
_INSIDE = 0.6  # share of a closed membrane that lies in the volume


def is_closed(
    patches: tuple[Float64, Float64],
    shape: tuple[int, ...],
    tilt_range_deg: float,
    config: GroupConfig,
) -> bool:
    """Whether most of the visible part of an ellipsoid, or of a way round it, is seen.

    Parameters
    ----------
    patches : ((M, 3), (M, 3)) float64
        Centres in voxels and normals of a group's patches.
    shape : (int, int, int)
        Of the volume.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    config : GroupConfig

    Returns
    -------
    bool
    """
    step = max(1, len(patches[0]) // _MOST_PATCHES)
    centre, normal = patches[0][::step], patches[1][::step]
    quadric = fit_quadric(centre, normal, config.tolerance)
    if quadric is None:
        return False
    if np.median(misfits(quadric, centre, normal, config.tolerance)) > config.max_misfit:
        return False
    if surface_in_volume(quadric, shape)[2].mean() < _INSIDE:
        return False
    slack = 1.5 * config.tolerance.offset(quadric.radius)
    shown = support(quadric, patches, slack, shape, tilt_range_deg)
    around = encircled(quadric, patches) >= _ENCIRCLED
    return shown >= (_ENCIRCLED_SUPPORT if around else config.min_support)
