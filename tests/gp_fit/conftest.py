"""Synthetic vesicles with a known surface, seen through the missing wedge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from gp_fit.harmonics import degrees_of, harmonic_gradients, harmonics
from gp_fit.sphere import icosphere, spiral_directions

Float64 = npt.NDArray[np.float64]


def wedge_depth_deg(normals: Float64, tilt_range_deg: float = 60.0) -> Float64:
    theta = np.deg2rad(tilt_range_deg)
    sine = np.abs(normals[:, 0]) * np.cos(theta) - np.abs(normals[:, 2]) * np.sin(theta)
    return np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0)))


def detection(normals: Float64, tilt_range_deg: float = 60.0) -> Float64:
    return 0.92 / (1.0 + np.exp(wedge_depth_deg(normals, tilt_range_deg) / 5.76))


@dataclass(frozen=True)
class Vesicle:
    """A star-shaped body about `centre` with smooth random deformations."""

    radius: float
    coefficients: Float64
    centre: Float64
    degree: int = 8

    def surface(self, directions: Float64) -> tuple[Float64, Float64]:
        height = 1.0 + harmonics(directions, self.degree) @ self.coefficients
        slopes = harmonic_gradients(directions, self.degree) @ self.coefficients
        normals = height[:, None] * directions - slopes
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return self.centre + self.radius * height[:, None] * directions, normals

    def cloud(
        self,
        rng: np.random.Generator,
        noise: float = 0.7,
        tilt_range_deg: float = 60.0,
        density: float = 1.0,
        outliers: float = 0.03,
    ) -> Float64:
        """Points about evenly spread over the area that the wedge leaves visible."""
        count = int(3.0 * density * 4.0 * np.pi * self.radius**2)
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        points, normals = self.surface(directions)
        offsets = points - self.centre
        stretch = np.sum(offsets**2, axis=1) / np.abs(np.sum(normals * directions, axis=1))
        chance = stretch / (3.0 * self.radius**2) * detection(normals, tilt_range_deg)
        seen = points[rng.random(count) < chance]
        seen = seen + noise * rng.normal(size=seen.shape)
        box = 1.3 * self.radius
        stray = rng.uniform(-box, box, size=(int(outliers * len(seen)), 3))
        return np.concatenate([seen, stray + self.centre])

    def errors(self, surface: object, tilt_range_deg: float = 60.0) -> dict[str, float]:
        """Distance of the true surface from a fitted one, whole and on the unseen part."""
        directions, _ = icosphere(24)
        points, normals = self.surface(directions)
        slope = np.linalg.norm(surface.gradient(points), axis=1)
        gap = np.abs(surface.value(points)) / slope
        cap = wedge_depth_deg(normals, tilt_range_deg) > 0.0
        covered = gap < 2.0 * surface.sd(points)
        return {
            "mean": float(gap.mean()),
            "seen": float(gap[~cap].mean()),
            "cap": float(gap[cap].mean()),
            "covered": float(covered[cap].mean()),
        }


@pytest.fixture(scope="session")
def make_vesicle() -> Callable[..., Vesicle]:
    def make(radius: float, deformation: float, seed: int, centre: float = 0.0) -> Vesicle:
        degrees = degrees_of(8)
        safe = np.maximum(degrees, 2)
        spectrum = np.where(degrees < 2, 0.0, 4.0 / ((safe - 1.0) * (safe + 2.0)))
        draw = np.random.default_rng(seed).normal(size=len(degrees)) * spectrum
        spread = (harmonics(spiral_directions(2000), 8) @ draw).std()
        return Vesicle(radius, draw * deformation / spread, np.full(3, centre))

    return make


@pytest.fixture(scope="session")
def detection_probability() -> Callable[[Float64], Float64]:
    return detection
