"""Each piece to the membrane that explains it best."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.patches import Pieces
from membraneseg.group.quadric import Quadric, Tolerance, misfits
from membraneseg.types import Bool, Float64, Int64

_NEIGHBOURS = 6
_NO = 50.0


def best_membrane(
    pieces: Pieces,
    labels: Int64,
    quadrics: list[Quadric | None],
    tolerance: Tolerance,
    reach_px: float,
) -> Int64:
    """Move pieces to the membrane that explains them clearly better; −1 where none does.

    Parameters
    ----------
    pieces : Pieces
        Short stretches of curve.
    labels : (N,) int64
        Membrane of each piece, −1 for none.
    quadrics : list of Quadric or None
        Ellipsoid of each membrane; None where no ellipsoid explains it (a sheet).
    tolerance : Tolerance
        Scatter about the ellipsoids.
    reach_px : float
        How far from other pieces of a membrane a piece may be counted to it by neighbourhood.

    Returns
    -------
    (N,) int64

    Notes
    -----
    The disagreement of a piece with a membrane is the smaller of two: with its ellipsoid, and
    with the planes of its nearest pieces there (membranes are smooth, not ellipsoidal). A piece
    leaves its membrane only if that explains it badly and another one well.
    """
    cost = np.full((len(pieces), len(quadrics)), _NO)
    for label, quadric in enumerate(quadrics):
        members = np.flatnonzero(labels == label)
        if len(members) == 0:
            continue
        local = _disagreement_with_neighbours(pieces, members, reach_px)
        cost[:, label] = local
        if quadric is not None:
            whole = misfits(quadric, pieces.centre, pieces.normal, tolerance)
            far = ~np.isfinite(local)
            cost[:, label] = np.where(far, whole + 1.0, np.minimum(0.5 * (local + whole), local))
    cost = np.minimum(cost, _NO)
    own = np.where(labels >= 0, cost[np.arange(len(pieces)), np.maximum(labels, 0)], _NO)
    best, least = cost.argmin(axis=1), cost.min(axis=1)
    moved = np.where((least < 2.5) & (own > least + 3.0), best, labels)
    return np.asarray(np.where((own > 16.0) & (least > 6.0), -1, moved), dtype=np.int64)


def _disagreement_with_neighbours(pieces: Pieces, members: Int64, reach_px: float) -> Float64:
    """Squared misfit (N,) with the nearest member pieces' planes; inf where none is near."""
    count = min(_NEIGHBOURS + 1, len(members))
    tree = cKDTree(pieces.centre[members])
    distance, index = tree.query(pieces.centre, k=count, distance_upper_bound=reach_px)
    distance, index = distance.reshape(-1, count), index.reshape(-1, count)
    known = np.isfinite(distance) & (distance > 1e-9)  # a piece is no neighbour of itself
    neighbour = members[np.where(known, index, 0)]
    apart = pieces.centre[:, None] - pieces.centre[neighbour]
    normal = pieces.normal[neighbour]
    height = (apart * normal).sum(axis=2)
    along2 = np.maximum((apart**2).sum(axis=2) - height**2, 0.0)
    height = height + 0.5 * np.clip(pieces.curvature[neighbour], -0.2, 0.2) * along2
    angle2 = 1.0 - (normal * pieces.normal[:, None]).sum(axis=2) ** 2
    misfit = np.where(known, height**2 + angle2 / 0.15, np.nan)
    return _median_of_rows(misfit, known)


def _median_of_rows(values: Float64, known: Bool) -> Float64:
    """Median of the known entries of each row; inf where fewer than two are known."""
    enough = known.sum(axis=1) >= 2
    out = np.full(len(values), np.inf)
    if enough.any():
        out[enough] = np.nanmedian(values[enough], axis=1)
    return out
