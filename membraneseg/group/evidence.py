"""What the volume says about an ellipsoid: where it should be seen, and whether it is."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.patches import Pieces
from membraneseg.group.quadric import Quadric
from membraneseg.types import Bool, Float64, Int64
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


class Evidence:
    """Looks up which part of an ellipsoid's visible surface has pieces on it.

    Parameters
    ----------
    pieces : Pieces
        All pieces of the volume.
    shape : (int, int, int)
        Of the volume.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    """

    def __init__(self, pieces: Pieces, shape: tuple[int, ...], tilt_range_deg: float) -> None:
        self._pieces = pieces
        self._shape = np.array(shape)
        self._tilt = tilt_range_deg
        self._directions = sphere_directions(_SAMPLES)

    def visible(self, quadric: Quadric) -> tuple[Float64, Float64, Bool, Bool]:
        """Surface points (D, 3), normals (D, 3), inside the volume (D,), and visible (D,)."""
        points, normals = quadric.surface(self._directions)
        inside: Bool = np.all((points > -0.5) & (points < self._shape - 0.5), axis=1)
        seen = inside & (wedge_depth_deg(normals, self._tilt) < 0.0)
        return points, normals, inside, seen

    def support(self, quadric: Quadric, members: Int64, slack_px: float) -> tuple[float, float]:
        """Share of the visible surface with a member piece on it, and share inside the volume.

        Parameters
        ----------
        quadric : Quadric
            The ellipsoid.
        members : (M,) int64
            Pieces that may lend support.
        slack_px : float
            Distance across the surface up to which a piece supports it.

        Returns
        -------
        (float, float)
            Supported share of the visible part; share of the whole surface in the volume.
        """
        points, normals, inside, seen = self.visible(quadric)
        if not seen.any() or len(members) == 0:
            return 0.0, float(inside.mean())
        spacing = quadric.radius * np.sqrt(4 * np.pi / _SAMPLES)
        tree = cKDTree(self._pieces.centre[members])
        reach = float(np.hypot(max(5.0, 0.8 * spacing), slack_px))
        distance, nearest = tree.query(points[seen], k=min(3, len(members)))
        distance = distance.reshape(int(seen.sum()), -1)
        normal = self._pieces.normal[members[nearest.reshape(distance.shape)]]
        parallel = np.abs((normal * normals[seen][:, None]).sum(axis=2)) > _PARALLEL
        return float(((distance < reach) & parallel).any(axis=1).mean()), float(inside.mean())

    def encircled(self, quadric: Quadric, members: Int64) -> float:
        """Return the share of directions in the slice plane, seen from the centre, with pieces.

        Parameters
        ----------
        quadric : Quadric
            The ellipsoid.
        members : (M,) int64
            Pieces that count; they must face the centre.

        Returns
        -------
        float
            0 to 1, in steps of 1/36.
        """
        apart = self._pieces.centre[members, 1:] - quadric.centre[1:]
        distance = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
        facing = np.abs((apart * self._pieces.normal[members, 1:]).sum(axis=1)) > 0.5 * distance
        angle = np.arctan2(apart[facing, 0], apart[facing, 1])
        sector = np.floor((angle + np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS
        return len(np.unique(sector)) / _SECTORS
