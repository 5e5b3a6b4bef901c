"""Surfaces with closed forms, standing in for fitted ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import trimesh


@dataclass(frozen=True)
class Ellipsoid:
    """f = (|y| - 1) |y| / |∇|y|²/2|-like distance; vertices on the exact ellipsoid."""

    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    subdivisions: int = 4
    sd: float = 0.1
    closed: bool = True
    explained: float = 1.0
    coverage: float = 1.0
    method: str = "star"
    warnings: tuple[str, ...] = ()
    _sphere: object = field(default=None, repr=False)

    def _unit(self):
        sphere = trimesh.creation.icosphere(subdivisions=self.subdivisions)
        return np.asarray(sphere.vertices)[:, ::-1], np.asarray(sphere.faces, dtype=np.int64)

    @property
    def vertices_zyx(self):
        return self._unit()[0] * self.semi_axes + self.centre

    @property
    def faces(self):
        return self._unit()[1]

    @property
    def vertex_sd(self):
        return np.full(len(self._unit()[0]), self.sd)

    def value(self, points):
        scaled = (points - np.asarray(self.centre)) / self.semi_axes
        return np.linalg.norm(scaled, axis=1) - 1.0

    def gradient(self, points):
        scaled = (points - np.asarray(self.centre)) / self.semi_axes
        return scaled / np.linalg.norm(scaled, axis=1, keepdims=True) / self.semi_axes


@dataclass(frozen=True)
class Torus:
    """Axis along z, tube radius `tube` about a circle of radius `ring`; f is the distance."""

    centre: tuple[float, float, float]
    ring: float
    tube: float
    steps: tuple[int, int] = (160, 80)
    closed: bool = True
    explained: float = 1.0
    coverage: float = 1.0
    method: str = "hermite"
    warnings: tuple[str, ...] = ()

    @property
    def vertices_zyx(self):
        phi, psi = np.meshgrid(
            *[np.linspace(0, 2 * np.pi, n, endpoint=False) for n in self.steps], indexing="ij"
        )
        radius = self.ring + self.tube * np.cos(psi)
        places = [self.tube * np.sin(psi), radius * np.sin(phi), radius * np.cos(phi)]
        return np.stack(places, axis=-1).reshape(-1, 3) + self.centre

    @property
    def faces(self):
        rows, columns = self.steps
        i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
        a, b = i * columns + j, (i + 1) % rows * columns + j
        c, d = (i + 1) % rows * columns + (j + 1) % columns, i * columns + (j + 1) % columns
        quads = [np.stack([a, b, c], axis=-1), np.stack([a, c, d], axis=-1)]
        return np.concatenate([q.reshape(-1, 3) for q in quads]).astype(np.int64)

    @property
    def vertex_sd(self):
        return np.full(len(self.vertices_zyx), 0.1)

    def value(self, points):
        z, y, x = (points - np.asarray(self.centre)).T
        return np.hypot(np.hypot(y, x) - self.ring, z) - self.tube

    def gradient(self, points):
        z, y, x = (points - np.asarray(self.centre)).T
        rho = np.hypot(y, x)
        across = np.hypot(rho - self.ring, z)
        share = (rho - self.ring) / (across * rho)
        return np.stack([z / across, y * share, x * share], axis=1)


@pytest.fixture
def ellipsoid():
    return Ellipsoid


@pytest.fixture
def torus():
    return Torus
