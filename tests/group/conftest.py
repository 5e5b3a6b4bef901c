"""Analytic scenes: shells of deformed ellipsoids as a network would mark them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import ndimage

from synth2d.wedge import contrast_kept, wedge_depth_deg


@dataclass(frozen=True)
class Body:
    """An ellipsoid with bumps: rho(direction) = 1 + sum amplitude * (axis . direction)^degree."""

    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    bumps: tuple[tuple[float, np.ndarray, int], ...] = ()

    def distance(self, points: np.ndarray) -> np.ndarray:
        """First-order signed distance in voxels of (..., 3) points."""
        step = 0.05
        value = self._level(points)
        gradient = [
            (self._level(points + e) - self._level(points - e)) / (2 * step)
            for e in np.eye(3) * step
        ]
        return value / np.maximum(np.sqrt(sum(g**2 for g in gradient)), 1e-6)

    def normals(self, points: np.ndarray) -> np.ndarray:
        step = 0.05
        gradient = np.stack(
            [self._level(points + e) - self._level(points - e) for e in np.eye(3) * step], -1
        )
        return gradient / np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-9)

    def _level(self, points: np.ndarray) -> np.ndarray:
        local = ((points - np.array(self.centre)) @ self.rotation) / np.array(self.semi_axes)
        rho = np.linalg.norm(local, axis=-1)
        direction = local / np.maximum(rho, 1e-9)[..., None]
        limit = np.ones_like(rho)
        for amplitude, axis, degree in self.bumps:
            limit = limit + amplitude * (direction @ axis) ** degree
        return rho - limit


@dataclass
class Scene:
    probability: np.ndarray
    bodies: list[Body]

    def truth(self, points_px: np.ndarray, near_px: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
        """Index of the nearest body (-1: none within `near_px`), and whether that is unique."""
        distance = np.abs(np.stack([b.distance(points_px) for b in self.bodies]))
        order = np.sort(distance, axis=0)
        label = np.where(order[0] <= near_px, distance.argmin(axis=0), -1)
        unique = (order[1] - order[0] > 1.5) if len(self.bodies) > 1 else np.ones(len(label), bool)
        return label, unique


def random_body(rng, centre, radius, elongation=0.2, deformation=0.05) -> Body:
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    axes = radius * np.exp(rng.uniform(-elongation, elongation, 3) * 0.7)
    bumps = []
    for degree in (3, 4, 3):
        axis = rng.normal(size=3)
        bumps.append((rng.normal() * deformation, axis / np.linalg.norm(axis), degree))
    return Body(tuple(centre), tuple(axes), rotation, tuple(bumps))


def paint(shape, bodies, rng, tilt_deg=60.0, noise=0.06, recall=0.85, clutter=True) -> Scene:
    probability = np.zeros(shape, dtype=np.float32)
    for body in bodies:
        reach = max(body.semi_axes) * 1.35 + 6
        low = np.maximum(np.floor(np.array(body.centre) - reach), 0).astype(int)
        high = np.minimum(np.ceil(np.array(body.centre) + reach), shape).astype(int)
        if (high <= low).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        points = np.stack(
            np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"),
            -1,
        ).astype(float)
        rough = np.abs(body._level(points)) * max(body.semi_axes) < 8
        near = points[rough]
        distance = body.distance(near)
        kept = contrast_kept(wedge_depth_deg(body.normals(near), tilt_deg))
        seen = np.clip((kept - 0.15) / 0.4, 0, 1)
        value = np.zeros(points.shape[:-1], np.float32)
        value[rough] = np.exp(-(np.abs(distance / 1.5) ** 3)) * seen
        probability[box] = np.maximum(probability[box], value)
    if recall < 1:
        patches = ndimage.gaussian_filter(rng.normal(size=shape).astype(np.float32), 4.0)
        probability *= np.where(patches < np.quantile(patches, 1 - recall), 0.1, 0.95)
    if clutter:
        _blobs_and_streaks(probability, rng)
    if noise > 0:
        field_ = ndimage.gaussian_filter(rng.normal(size=shape).astype(np.float32), (0.7, 1.5, 1))
        probability = probability + noise * field_ / field_.std()
    return Scene(np.clip(probability, 0, 1).astype(np.float32), list(bodies))


def _blobs_and_streaks(probability, rng) -> None:
    shape = np.array(probability.shape)
    count = int(probability.size / 60000)
    for _ in range(count):
        centre = rng.uniform([2, 10, 10], shape - [2, 10, 10])
        if rng.random() < 0.5:
            size, strength = rng.uniform(1.5, 3.5, 3), rng.uniform(0.5, 0.9)
        else:
            size, strength = np.array([1.2, rng.uniform(6, 18), 1.2]), rng.uniform(0.4, 0.7)
        reach = np.ceil(size * 2.5).astype(int)
        low = np.maximum(centre.astype(int) - reach, 0)
        high = np.minimum(centre.astype(int) + reach + 1, shape)
        grid = np.meshgrid(
            *[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"
        )
        square = sum(((g - c) / s) ** 2 for g, c, s in zip(grid, centre, size, strict=True))
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        probability[box] = np.maximum(probability[box], strength * np.exp(-(square**1.5)))


@pytest.fixture(scope="session")
def scenes():
    """The builders above, for tests."""
    return {"body": Body, "random_body": random_body, "paint": paint}
