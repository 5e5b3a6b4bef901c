"""Does a group of patches enclose a volume? What the seen part says of an ellipsoid."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.quadric import Quadric
from membraneseg.types import Bool, Float64
from synth2d.wedge import wedge_depth_deg

_SAMPLES = 300
_PARALLEL = 0.75
_SECTORS = 36


def sphere_directions(count: int) -> Float64:
    """(count, 3) unit vectors spread evenly (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    height = 1.0 - 2.0 * index / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * index
    flat = np.sqrt(1.0 - height**2)
    return np.column_stack([height, flat * np.sin(turn), flat * np.cos(turn)])


def surface_in_volume(quadric: Quadric, shape: tuple[int, ...]) -> tuple[Float64, Float64, Bool]:
    """Points (D, 3) spread over an ellipsoid, their normals, and which lie in the volume (D,)."""
    points, normals = quadric.surface(sphere_directions(_SAMPLES))
    inside: Bool = np.all((points > -0.5) & (points < np.array(shape) - 0.5), axis=1)
    return points, normals, inside


def support(
    quadric: Quadric,
    patches: tuple[Float64, Float64],
    slack_px: float,
    shape: tuple[int, ...],
    tilt_range_deg: float,
) -> float:
    """Share of an ellipsoid's visible surface that has a patch on it.

    Parameters
    ----------
    quadric : Quadric
        The ellipsoid.
    patches : ((M, 3), (M, 3)) float64
        Centres and normals of the patches.
    slack_px : float
        Distance across the surface up to which a patch supports it.
    shape : (int, int, int)
        Of the volume.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.

    Returns
    -------
    float
    """
    points, normals, inside = surface_in_volume(quadric, shape)
    seen = inside & (wedge_depth_deg(normals, tilt_range_deg) < 0.0)
    centre, own = patches
    if not seen.any() or len(centre) == 0:
        return 0.0
    spacing = quadric.radius * np.sqrt(4 * np.pi / _SAMPLES)
    reach = float(np.hypot(max(5.0, 0.8 * spacing), slack_px))
    distance, nearest = cKDTree(centre).query(points[seen], k=min(3, len(centre)))
    distance = distance.reshape(int(seen.sum()), -1)
    normal = own[nearest.reshape(distance.shape)]
    parallel = np.abs((normal * normals[seen][:, None]).sum(axis=2)) > _PARALLEL
    return float(((distance < reach) & parallel).any(axis=1).mean())


def encircled(quadric: Quadric, patches: tuple[Float64, Float64]) -> float:
    """Share of directions in the slice plane, seen from the centre, with patches that face it.

    Parameters
    ----------
    quadric : Quadric
        The ellipsoid.
    patches : ((M, 3), (M, 3)) float64
        Centres and normals of the patches.

    Returns
    -------
    float
        0 to 1, in steps of 1/36.
    """
    apart = patches[0][:, 1:] - quadric.centre[1:]
    distance = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
    facing = np.abs((apart * patches[1][:, 1:]).sum(axis=1)) > 0.5 * distance
    angle = np.arctan2(apart[facing, 0], apart[facing, 1])
    sector = np.floor((angle + np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS
    return len(np.unique(sector)) / _SECTORS
