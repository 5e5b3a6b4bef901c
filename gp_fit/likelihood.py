"""How likely it is that the surface passes a given place.

References
----------
Zhou et al., J. Struct. Biol. 2023, equation 5.
"""

from __future__ import annotations

import numpy as np

from gp_fit.arrays import Float64
from gp_fit.fitted import ImplicitSurface, distance

_LEAST_SD = 1e-9


def zero_likelihood(mean: Float64, sd: Float64) -> Float64:
    """Density of f = 0 where f has this mean and standard deviation (equation 5).

    Parameters
    ----------
    mean, sd : (N,) float64
        Of f, in any unit.

    Returns
    -------
    (N,) float64
        exp(-mean² / 2 sd²) / √(2π) sd, per unit of f.
    """
    safe = np.maximum(sd, _LEAST_SD)
    return np.asarray(np.exp(-0.5 * (mean / safe) ** 2) / (np.sqrt(2.0 * np.pi) * safe))


def surface_likelihood(surface: ImplicitSurface, points_zyx: Float64) -> Float64:
    """Density, per voxel along the normal, that a fitted surface passes points (N, 3) in voxels.

    Distances f / |∇f| are used, not f, so that it integrates to one across the surface.
    """
    return zero_likelihood(distance(surface, points_zyx), surface.sd(points_zyx))
