"""What this package needs of a fitted surface, whoever fitted it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from membraneseg.types import Float64, Int64


class Surface(Protocol):
    """What this package needs of a fitted surface; lengths in voxels, f < 0 inside."""

    @property
    def method(self) -> str:
        """Name of the fit."""

    @property
    def closed(self) -> bool:
        """Whether the surface encloses a volume."""

    @property
    def vertices_zyx(self) -> Float64:
        """(V, 3) vertices."""

    @property
    def faces(self) -> Int64:
        """(F, 3) faces, counter-clockwise from outside when the vertices are read as xyz."""

    @property
    def vertex_sd(self) -> Float64:
        """(V,) standard deviation of the position along the normal."""

    @property
    def explained(self) -> float:
        """Share of all input points near the surface."""

    @property
    def coverage(self) -> float:
        """Share of the area near which there are points."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know."""

    def value(self, points_zyx: Float64) -> Float64:
        """Return (N,) signed values, about the distance, negative inside, of (N, 3) points."""

    def gradient(self, points_zyx: Float64) -> Float64:
        """Return (N, 3) gradients, pointing outward."""

    def distance(self, points_zyx: Float64) -> Float64:
        """Return (N,) signed distances of (N, 3) points to first order: f / |∇f|."""


def unit_gradient(surface: Surface, points_px: Float64) -> Float64:
    """Outward unit normals (N, 3) of the level sets through (N, 3) points."""
    gradient = surface.gradient(points_px)
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    return np.asarray(gradient / np.maximum(length, 1e-12))
