"""Rotations as (N, 3, 3) matrices that act on zyx vectors."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from membraneseg.types import Float64


def random_rotations(count: int, rng: np.random.Generator) -> Float64:
    """Draw (N, 3, 3) rotations uniformly: a normal 4-vector points anywhere alike."""
    quaternions = rng.normal(size=(count, 4))
    return np.asarray(Rotation.from_quat(quaternions).as_matrix().reshape(-1, 3, 3))


def spins(angles_rad: Float64) -> Float64:
    """Turns (N, 3, 3) about z, right-handed when seen in xyz: x towards y."""
    angles = np.asarray(angles_rad, dtype=np.float64)
    turned = np.zeros((len(angles), 3, 3))
    turned[:, 0, 0] = 1.0
    turned[:, 1, 1] = turned[:, 2, 2] = np.cos(angles)
    turned[:, 1, 2] = np.sin(angles)
    turned[:, 2, 1] = -np.sin(angles)
    return turned


def frames_along(directions_zyx: Float64) -> Float64:
    """Rotations that carry +z onto directions.

    Parameters
    ----------
    directions_zyx : (N, 3) float64
        Of any length but 0.

    Returns
    -------
    (N, 3, 3) float64
        Which of the rotations that do so is settled by the direction alone.
    """
    along = directions_zyx / np.linalg.norm(directions_zyx, axis=1, keepdims=True)
    helper = np.eye(3)[np.abs(along).argmin(axis=1)]
    across = helper - (helper * along).sum(axis=1, keepdims=True) * along
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.stack([along, across, np.cross(along, across)], axis=-1)
