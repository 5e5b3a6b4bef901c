"""Scores of spherical vesicles: were they found, how large, how far off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from membraneseg.types import Float64


@dataclass(frozen=True)
class VesicleScores:
    """Predicted vesicles against true ones.

    Parameters
    ----------
    true, predicted, found : int
        Counts; found ones have a predicted centre inside them, one to one.
    f1 : float
        2 found / (true + predicted); nothing against nothing scores 1.
    diameter_error : float or None
        Mean of 1 − min/max of the two diameters over the found ones; None if none was found.
    centre_error_nm : float or None
        Mean distance of the centres over the found ones.
    """

    true: int
    predicted: int
    found: int
    f1: float
    diameter_error: float | None
    centre_error_nm: float | None


def score_vesicles(
    predicted_centres_A: Float64,
    predicted_radii_A: Float64,
    true_centres_A: Float64,
    true_radii_A: Float64,
) -> VesicleScores:
    """Match vesicles one to one and score them.

    Parameters
    ----------
    predicted_centres_A, true_centres_A : (P, 3), (T, 3) float64
    predicted_radii_A, true_radii_A : (P,), (T,) float64
        To the middle of the membrane.

    Returns
    -------
    VesicleScores

    Notes
    -----
    A pair may match if the predicted centre lies inside the true vesicle. As many pairs as
    possible are made, with the smallest sum of centre distance and difference in radius, so that
    nested vesicles find the partner of their own size.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169.
    """
    apart = np.linalg.norm(predicted_centres_A[:, None] - true_centres_A[None], axis=2)
    inside = apart < true_radii_A[None]
    cost = apart + np.abs(predicted_radii_A[:, None] - true_radii_A[None])
    never = 1.0 + 1e3 * float(cost.max(initial=0.0))
    rows, columns = linear_sum_assignment(np.where(inside, cost, never))
    kept = inside[rows, columns]
    rows, columns = rows[kept], columns[kept]
    total = len(true_radii_A) + len(predicted_radii_A)
    pair = np.stack([predicted_radii_A[rows], true_radii_A[columns]])
    found = len(rows)
    return VesicleScores(
        true=len(true_radii_A),
        predicted=len(predicted_radii_A),
        found=found,
        f1=2.0 * found / total if total else 1.0,
        diameter_error=float((1 - pair.min(axis=0) / pair.max(axis=0)).mean()) if found else None,
        centre_error_nm=float(apart[rows, columns].mean()) / 10 if found else None,
    )
