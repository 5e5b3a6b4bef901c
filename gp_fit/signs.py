"""Which side is out? Settled for each piece of a cloud on its own, then between the pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64
from gp_fit.hermite_system import HermiteData, observed_covariance, observed_trend
from gp_fit.points import mirrored_cosine

_NEIGHBOURS = 10
_FARTHEST_SPACINGS = 2.5
_LEAST_COSINE = 0.95
_SWEEPS = 10


def pieces_of(points: Float64, normals: Float64, spacing_px: float) -> Int64:
    """Name (M,) of the piece of each point: within one, neighbours leave no doubt of the sides.

    Parameters
    ----------
    points, normals : (M, 3) float64
        Superpoints and their unit normals, of either sign.
    spacing_px : float
        Of the superpoints.
    """
    count = min(_NEIGHBOURS + 1, len(points))
    distance, near = cKDTree(points).query(points, k=count)
    rows = np.repeat(np.arange(len(points)), count - 1)
    columns = near[:, 1:].reshape(-1)
    cosine = mirrored_cosine(points, normals, rows, columns)
    sure = np.abs(cosine) > _LEAST_COSINE
    sure &= distance[:, 1:].reshape(-1) < _FARTHEST_SPACINGS * spacing_px
    edges = (np.ones(int(sure.sum())), (rows[sure], columns[sure]))
    graph = coo_matrix(edges, shape=(len(points), len(points)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def settled_signs(
    data: HermiteData, pieces: Int64, squares: Float64, starts: Sequence[Float64] = ()
) -> Float64:
    """Sign (M,) of each superpoint's normal with which the process is most likely.

    Parameters
    ----------
    data : HermiteData
        Without further slopes.
    pieces : (M,) int64
        Pieces that keep or change their sides as a whole.
    squares : (3,) float64
        Squares of amplitude, noise and slope noise.
    starts : sequence of (M,) float64
        Further guesses of the signs, 1 or −1, beside all 1.

    Returns
    -------
    (M,) float64
        1 or −1.

    Notes
    -----
    The observed slopes are y = Σ s_k y_k over the pieces, so minus twice the log likelihood is
    Σ s_k s_l (y_kᵀ P y_l) with P the inverse covariance less the trend: one system for all signs.
    From each guess, and from nothing, the pieces are decided from the largest to the smallest,
    then again until none changes; the likeliest outcome counts.
    """
    names = np.unique(pieces, return_inverse=True)[1].reshape(-1)
    member = np.eye(int(names.max()) + 1)[names]
    energy, sizes = _energy(data, squares), np.bincount(names)
    best, least = np.ones(len(names)), np.inf
    for start in (np.ones(len(names)), *starts):
        turned = member * start[:, None]
        of_pieces = turned.T @ energy @ turned
        for first in (np.zeros(len(sizes)), np.ones(len(sizes))):
            signs = _least(of_pieces, sizes, first)
            cost = float(signs @ of_pieces @ signs)
            if cost < least:
                best, least = turned @ signs, cost
    return np.asarray(best)


def _energy(data: HermiteData, squares: Float64) -> Float64:
    """Matrix (M, M) whose quadratic form is minus twice the log likelihood of signs."""
    count = len(data.positions)
    system = squares[0] * observed_covariance(data)
    system.flat[:: len(system) + 1] += data.nugget(squares[1], squares[2])
    lower = cholesky(system, lower=True, overwrite_a=True, check_finite=False)
    slopes = np.eye(2 * count)[:, count:]
    both = solve_triangular(lower, np.hstack([observed_trend(data), slopes]), lower=True)
    trend, whitened = both[:, :10], both[:, 10:]
    along = np.linalg.qr(trend)[0].T @ whitened
    return np.asarray(whitened.T @ whitened - along.T @ along)


def _least(energy: Float64, sizes: Int64, signs: Float64) -> Float64:
    """Signs (K,) of small Σ s_k s_l E_kl, from a first guess (K,)."""
    signs = signs.copy()
    coupling = energy - np.diag(np.diag(energy))
    for _ in range(_SWEEPS):
        before = signs.copy()
        for piece in np.argsort(-sizes, kind="stable"):
            signs[piece] = -1.0 if coupling[piece] @ signs > 0.0 else 1.0
        if np.array_equal(before, signs):
            break
    return signs
