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
from membraneseg.surface.mesh import membrane_mesh
from membraneseg.surface.neighbours import crossing_pairs, separate
from membraneseg.types import Float64

logger = logging.getLogger(__name__)

NEAR_VOXELS = 1.5
"""Largest distance of a point from a surface that explains it."""
EXPLAINED = 0.95
"""Share of the points of either part that the common surface must explain."""


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
    membrane that no rim joined, if one surface explains the points of both, or one is wrong.
    """
    now = {one.label: one for one in fitted}
    joined: dict[int, int] = {}
    for pair in _inseparable(fitted, frame, config):
        first, second = (now.get(joined.get(label, label)) for label in pair)
        if first is None or second is None or first is second:
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


def _common(
    first: FittedMembrane, second: FittedMembrane, frame: VolumeFrame, config: SurfaceConfig
) -> FittedMembrane | None:
    """One surface through the points of both; None if there is none that explains them."""
    parts = (first.points_zyx_A, second.points_zyx_A)
    try:
        common = fit_membrane(first.label, np.concatenate(parts), frame, config)
    except GeometryError:
        return None
    tree = cKDTree(common.surface.vertices_zyx)
    explained = [_share_near(tree, points, frame) for points in parts]
    return common if min(explained) >= EXPLAINED else None


def _share_near(tree: cKDTree, points_zyx_A: Float64, frame: VolumeFrame) -> float:
    """Share of the points that lie near a vertex."""
    points = angstrom_to_index(points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
    return float((tree.query(points)[0] <= NEAR_VOXELS).mean())
