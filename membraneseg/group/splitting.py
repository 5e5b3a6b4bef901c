"""Regions that several ellipsoids explain much better than one are taken apart."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.evidence import Evidence
from membraneseg.group.joining import JoinRules, fit_members
from membraneseg.group.patches import Pieces
from membraneseg.group.quadric import Quadric, Tolerance, misfits
from membraneseg.types import Float64, Int64

_INLIER = 5.0  # squared misfit up to which an ellipsoid explains a piece
_WHOLE = 0.93  # a region explained to this share is not looked at
_GAIN = 0.06  # by which the explained share must grow
_LEAST_PIECES = 8  # of a part
_SEEDS = 12
_MOST_PARTS = 8
_PART_SUPPORT = 0.25  # of an ellipsoid's visible surface that its own part must show


def oriented_misfits(
    pieces: Pieces, members: Int64, quadric: Quadric, tolerance: Tolerance
) -> Float64:
    """Return squared misfits (M,), raised where a piece surely bends against the ellipsoid."""
    centre, normal = pieces.centre[members], pieces.normal[members]
    plain = misfits(quadric, centre, normal, tolerance)
    _, outward = quadric.offset_and_normal(centre)
    side = np.sign((outward * normal).sum(axis=1))
    against = np.clip(-side * pieces.outward_confidence()[members] - 1.0, 0.0, 3.0)
    return np.asarray(plain + against**2)


def split_regions(pieces: Pieces, labels: Int64, evidence: Evidence, rules: JoinRules) -> Int64:
    """Take apart the regions that are clearly several ellipsoids.

    Parameters
    ----------
    pieces : Pieces
        Short stretches of curve.
    labels : (N,) int64
        Region of each piece, 0 … R−1.
    evidence : Evidence
        Judges whether a part shows enough of its ellipsoid.
    rules : JoinRules
        Scatter about an ellipsoid.

    Returns
    -------
    (N,) int64
        New labels; pieces that no part explains become regions of their own.

    Notes
    -----
    Ellipsoids are grown from patches around evenly spread pieces of the region; the one that
    explains most is taken out, and so on. A sheet stays whole, because an ellipsoid through a
    patch of it would have to show elsewhere.
    """
    out = labels.copy()
    fresh = int(labels.max()) + 1 if len(labels) else 0
    for region in np.flatnonzero(np.bincount(labels) >= 2 * _LEAST_PIECES).tolist():
        members = np.flatnonzero(labels == region)
        for part in _parts(pieces, members, evidence, rules.tolerance):
            out[part] = fresh
            fresh += 1
    return out


def _parts(pieces: Pieces, members: Int64, evidence: Evidence, tolerance: Tolerance) -> list[Int64]:
    """Members of each part, empty where the region is to stay whole."""
    single = fit_members(pieces, members, tolerance)
    whole = 0.0
    if single is not None:
        whole = float((oriented_misfits(pieces, members, single, tolerance) < _INLIER).mean())
    if whole >= _WHOLE:
        return []
    models = _models(pieces, members, evidence, tolerance)
    if len(models) < 2:
        return []
    cost = np.stack([oriented_misfits(pieces, members, m, tolerance) for m in models])
    explained = cost.min(axis=0) < _INLIER
    if explained.mean() < whole + _GAIN:
        return []
    nearest = cost.argmin(axis=0)
    parts = [members[explained & (nearest == k)] for k in range(len(models))]
    leftover = [members[i : i + 1] for i in np.flatnonzero(~explained)]
    return [part for part in parts if len(part)] + leftover


def _models(
    pieces: Pieces, members: Int64, evidence: Evidence, tolerance: Tolerance
) -> list[Quadric]:
    """Ellipsoids that explain the region part by part, the largest part first."""
    models: list[Quadric] = []
    remaining = members
    least = max(_LEAST_PIECES, int(_GAIN * len(members)))
    while len(remaining) >= least and len(models) < _MOST_PARTS:
        best = _best_model(pieces, remaining, evidence, tolerance)
        if best is None or len(best[1]) < least:
            break
        models.append(best[0])
        remaining = np.setdiff1d(remaining, best[1])
    return models


def _best_model(
    pieces: Pieces, members: Int64, evidence: Evidence, tolerance: Tolerance
) -> tuple[Quadric, Int64] | None:
    """Ellipsoid, and the members it explains, that explains the most of them."""
    tree = cKDTree(pieces.centre[members])
    best: tuple[Quadric, Int64] | None = None
    for seed in _spread(pieces.centre[members]):
        for share in (0.08, 0.25):
            count = min(len(members), max(_LEAST_PIECES, int(share * len(members))))
            grown = _grow(
                pieces, members, tree.query(pieces.centre[members][seed], k=count)[1], tolerance
            )
            if grown is None or (best is not None and len(grown[1]) <= len(best[1])):
                continue
            slack = 1.5 * tolerance.offset(grown[0].radius)
            if evidence.support(grown[0], grown[1], slack)[0] >= _PART_SUPPORT:
                best = grown
    return best


def _grow(
    pieces: Pieces, members: Int64, start: Int64, tolerance: Tolerance
) -> tuple[Quadric, Int64] | None:
    """Fit, take in all members that the fit explains, fit again."""
    inside = members[np.atleast_1d(start)]
    quadric = None
    for _ in range(4):
        quadric = fit_members(pieces, inside, tolerance)
        if quadric is None:
            return None
        inside = members[oriented_misfits(pieces, members, quadric, tolerance) < _INLIER]
        if len(inside) < _LEAST_PIECES:
            return None
    return None if quadric is None else (quadric, inside)


def _spread(points: Float64) -> list[int]:
    """Return indices of evenly spread points (each the farthest from those before it)."""
    chosen = [int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmax())]
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(_SEEDS, len(points)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen
