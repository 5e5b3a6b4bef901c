"""How unusual each vesicle is among the others."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from membraneseg.types import Float64

FEWEST_VESICLES = 5


def outlier_p_values(features: Float64, features_of_all: Float64) -> Float64:
    """P values of Mahalanobis distances from a population.

    Parameters
    ----------
    features : (N, D) float64
        One row per vesicle; NaN where a feature is unknown.
    features_of_all : (M, D) float64
        The population: its mean and covariance count, over rows without NaN.

    Returns
    -------
    (N,) float64
        χ² with D degrees of freedom; NaN where a feature is unknown, and everywhere if fewer than
        five vesicles are known or their features lie in a plane.

    References
    ----------
    Khosrozadeh et al., CryoVesNet, J. Cell Biol. 2024, equations 6 and 7 (which take D - 1
    degrees of freedom; D² of D normal features has D).
    """
    known = features_of_all[np.isfinite(features_of_all).all(axis=1)]
    unknown = np.full(len(features), np.nan)
    dimensions = features_of_all.shape[1]
    if len(known) < max(FEWEST_VESICLES, dimensions + 1):
        return unknown
    spread = known.std(axis=0)
    if not (spread > 0).all():
        return unknown
    covariance = np.cov(known / spread, rowvar=False)
    if np.linalg.cond(covariance) > 1e10:
        return unknown
    offset = (features - known.mean(axis=0)) / spread
    squared = np.einsum("nd,de,ne->n", offset, np.linalg.inv(covariance), offset)
    return np.asarray(chi2.sf(squared, dimensions), dtype=np.float64)
