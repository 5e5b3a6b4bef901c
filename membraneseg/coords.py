"""The one place where indices become Å, and zyx becomes xyz.

The rule is ChimeraX's: Å = origin + index · step, with no half voxel; an index points at
the centre of its voxel.
"""

from __future__ import annotations

import numpy as np

from membraneseg.types import Float64


def index_to_angstrom(index_zyx: Float64, voxel_size_A: float, origin_zyx_A: Float64) -> Float64:
    """Positions in Å of (N, 3) voxel indices (sub-voxel allowed)."""
    return np.asarray(index_zyx, dtype=np.float64) * voxel_size_A + origin_zyx_A


def angstrom_to_index(points_zyx_A: Float64, voxel_size_A: float, origin_zyx_A: Float64) -> Float64:
    """Voxel indices (sub-voxel) of (N, 3) positions in Å."""
    return (np.asarray(points_zyx_A, dtype=np.float64) - origin_zyx_A) / voxel_size_A


def zyx_to_xyz(points_zyx: Float64) -> Float64:
    """Reverse the order of the last axis of an (N, 3) or (3,) array; also its own inverse."""
    return np.ascontiguousarray(np.asarray(points_zyx)[..., ::-1])
