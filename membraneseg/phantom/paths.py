"""Smooth paths that wander in the plane of the ice, as tubes and mitochondria do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from membraneseg.types import Bool, Float64


@dataclass(frozen=True)
class PathStyle:
    """How a path wanders.

    Parameters
    ----------
    spacing_A : float
        Between neighbouring points, in the plane.
    persistence_A : float
        Directions s apart agree as exp(−s / 2P) on average, as of a worm-like chain in 2-D.
    bend_radius_A : float
        Radius of the tightest bend.
    wave_height_A : float
        Largest departure along z from the path's own plane.
    """

    spacing_A: float
    persistence_A: float
    bend_radius_A: float
    wave_height_A: float


def wandering_path(
    heading_rad: float, length_A: float, style: PathStyle, rng: np.random.Generator
) -> Float64:
    """Draw a path that starts at y = x = 0 and strays from z = 0 by no more than the wave height.

    Parameters
    ----------
    heading_rad : float
        First direction, from x towards y.
    length_A : float
        Measured in the plane.
    style : PathStyle
    rng : numpy.random.Generator

    Returns
    -------
    (N, 3) float64
        Points in order, zyx.
    """
    count = max(4, int(np.ceil(length_A / style.spacing_A)) + 1)
    spacing_A = length_A / (count - 1)
    bends = rng.normal(size=count) / np.sqrt(style.persistence_A * spacing_A)
    bends = gaussian_filter1d(bends, style.bend_radius_A / spacing_A, mode="reflect")
    sharpest = 1.0 / style.bend_radius_A
    bends = sharpest * np.tanh(bends / sharpest)
    angle = heading_rad + np.cumsum(bends) * spacing_A
    middle = (angle[1:] + angle[:-1]) / 2
    steps = spacing_A * np.column_stack([np.sin(middle), np.cos(middle)])
    flat = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    waves = _waves(np.linspace(0.0, length_A, count), style, rng)
    return np.column_stack([waves, flat])


def path_within(points_zyx_A: Float64, inside: Bool, start: int) -> Float64:
    """The unbroken run of points around `points[start]` that are all inside."""
    outside = np.flatnonzero(~inside)
    first = outside[outside < start].max(initial=-1) + 1
    last = outside[outside > start].min(initial=len(points_zyx_A))
    return points_zyx_A[first:last]


def _waves(along_A: Float64, style: PathStyle, rng: np.random.Generator) -> Float64:
    """Heights of two long waves, no steeper and no more bent than the path may be."""
    longest_A = 2 * np.pi * np.array([1.0, 2.0]) * max(style.bend_radius_A, 1000.0)
    numbers = 2 * np.pi / rng.uniform(0.6 * longest_A, longest_A)
    phases = rng.uniform(0.0, 2 * np.pi, 2)
    heights = style.wave_height_A * np.array([0.3, 0.7])
    return np.asarray(np.cos(along_A[:, None] * numbers + phases) @ heights)
