"""Parts of one membrane that grouping left apart: their open surfaces run into each other."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from gp_fit.errors import GeometryError
from membraneseg.coords import angstrom_to_index
from membraneseg.surface.fit import FittedMembrane, SurfaceConfig, fit_membrane
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import Surface, unit_gradient
from membraneseg.surface.mesh import membrane_mesh
from membraneseg.surface.neighbours import crossing_pairs, separate
from membraneseg.types import Float64, Int64

logger = logging.getLogger(__name__)

NEAR_VOXELS = 1.5
"""Largest distance of a point from a surface that explains it."""
MESH_VOXELS = 3.0
"""A vertex must be as near as this, so that the surface was not trimmed away there."""
EXPLAINED = 0.95
"""Share of the points of either part that the common surface must explain."""
FACING = 0.3
"""Share of the points of one part from which the other is the first thing across."""
ACROSS_VOXELS = (4.0, 60.0, 1.5)
"""How far across is looked, from, to and in steps of."""
BESIDE_VOXELS = 8.0
"""Parts so near each other may be one without facing each other."""
_LOOKED_FROM = 300


def join_crossing(
    fitted: Sequence[FittedMembrane], frame: VolumeFrame, config: SurfaceConfig
) -> tuple[list[FittedMembrane], dict[int, int]]:
    """Make one membrane of two open ones that pass through each other for good.

    Parameters
    ----------
    fitted : sequence of FittedMembrane
    frame : VolumeFrame
    config : SurfaceConfig

    Returns
    -------
    membranes : list of FittedMembrane
        In the same order; the larger of two parts, fitted anew, stands for both.
    joined : dict of int to int
        Label that is gone, to the label that stands for it.

    Notes
    -----
    Membranes do not pass through each other. Where two open surfaces do, and cannot be moved
    apart (`separate`), one of them was continued through the other: they are walls of one
    membrane that no rim joined, if they face each other with nothing between, or lie side by
    side, and one surface explains the points of both; else one is wrong. A joined surface may run
    into further parts, so this is repeated until nothing is joined.
    """
    membranes, joined = list(fitted), dict[int, int]()
    while True:
        membranes, more = _joined_once(membranes, frame, config)
        if not more:
            return membranes, joined
        joined = {gone: more.get(stays, stays) for gone, stays in joined.items()} | more


def _joined_once(
    fitted: Sequence[FittedMembrane], frame: VolumeFrame, config: SurfaceConfig
) -> tuple[list[FittedMembrane], dict[int, int]]:
    """Join those that pass through each other now."""
    now = {one.label: one for one in fitted}
    joined: dict[int, int] = {}
    for pair in _inseparable(fitted, frame, config):
        first, second = (now.get(joined.get(label, label)) for label in pair)
        if first is None or second is None or first is second:
            continue
        if not belong_together(first, second, list(now.values()), frame):
            continue
        if len(second.points_zyx_A) > len(first.points_zyx_A):
            first, second = second, first
        common = _common(first, second, frame, config)
        if common is not None:
            now[first.label] = common
            del now[second.label]
            joined = {k: first.label if v == second.label else v for k, v in joined.items()}
            joined[second.label] = first.label
            logger.info("membranes %d and %d are one", first.label, second.label)
    return [now[one.label] for one in fitted if one.label in now], joined


def _inseparable(
    fitted: Sequence[FittedMembrane], frame: VolumeFrame, config: SurfaceConfig
) -> list[tuple[int, int]]:
    """Labels of the open surfaces that pass through each other and cannot be moved apart."""
    meshes = {
        one.label: membrane_mesh(one, frame, config) for one in fitted if not one.surface.closed
    }
    touching = {label for pair in crossing_pairs(meshes) for label in pair}
    if not touching:
        return []
    apart = separate([(label, meshes[label]) for label in sorted(touching)], frame.voxel_size_A)
    return crossing_pairs(dict(apart.meshes))


def belong_together(
    first: FittedMembrane, second: FittedMembrane, all_of: list[FittedMembrane], frame: VolumeFrame
) -> bool:
    """Whether two parts lie side by side, or one is what is first met across the other.

    Parameters
    ----------
    first, second : FittedMembrane
    all_of : list of FittedMembrane
        All that may stand between, the two among them.
    frame : VolumeFrame

    Returns
    -------
    bool
    """
    places = {one.label: _in_voxels(one, frame) for one in all_of}
    distance = cKDTree(places[first.label]).query(places[second.label])[0]
    if distance.min() <= BESIDE_VOXELS:
        return True
    label = np.concatenate([np.full(len(p), key) for key, p in places.items()])
    tree = cKDTree(np.concatenate(list(places.values())))
    for one, other in ((first, second), (second, first)):
        step = -(-len(places[one.label]) // _LOOKED_FROM)
        place = places[one.label][::step]
        outward = unit_gradient(one.surface, place)
        met = [_first_met(tree, label, place, sign * outward) for sign in (1.0, -1.0)]
        if (np.stack(met) == other.label).any(axis=0).mean() >= FACING:
            return True
    return False


def _first_met(tree: cKDTree, label: Int64, place: Float64, direction: Float64) -> Int64:
    """Label (N,) of what a look from places (N, 3) along directions meets first; 0 for nothing."""
    way = np.arange(*ACROSS_VOXELS)
    looked = place[:, None] + way[:, None] * direction[:, None]
    near = tree.query(looked, distance_upper_bound=ACROSS_VOXELS[2])[1]
    met = np.append(label, 0)[near]  # index N: nothing is near
    return np.asarray(met[np.arange(len(met)), (met > 0).argmax(axis=1)])


def _common(
    first: FittedMembrane, second: FittedMembrane, frame: VolumeFrame, config: SurfaceConfig
) -> FittedMembrane | None:
    """One stiff surface through the points of both; None if there is none that explains them."""
    points = np.concatenate([first.points_zyx_A, second.points_zyx_A])
    try:
        common = fit_membrane(first.label, points, frame, config)
    except GeometryError:
        return None
    if common.surface.method == "lattice":
        return None  # it would explain any two membranes, such as both of a mitochondrion
    explained = (_explained(common.surface, _in_voxels(part, frame)) for part in (first, second))
    return common if min(explained) >= EXPLAINED else None


def _explained(surface: Surface, points: Float64) -> float:
    """Share of points (P, 3) that lie on a surface."""
    near = np.isfinite(
        cKDTree(surface.vertices_zyx).query(points, distance_upper_bound=MESH_VOXELS)[0]
    )
    return float(np.mean(near & (np.abs(surface.distance(points)) <= NEAR_VOXELS)))


def _in_voxels(one: FittedMembrane, frame: VolumeFrame) -> Float64:
    """Points (P, 3) of a membrane in voxels."""
    return angstrom_to_index(one.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
