"""What hides membranes: gold beads and the carbon film."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from synth2d.canvas import IGNORE

Float32 = npt.NDArray[np.float32]


def add_gold(
    rng: np.random.Generator,
    image: Float32,
    labels: npt.NDArray[np.uint8],
    pixel_size_A: float,
) -> Float32:
    """Draw a few gold beads with the streaks across the tilt axis that they leave.

    Parameters
    ----------
    rng : Generator
    image : (C, H, W) float32
    labels : (H, W) uint8
        Under a bead that lies in the slice nothing can be known: made IGNORE (in place).
    pixel_size_A : float

    Returns
    -------
    (C, H, W) float32
    """
    result = image.copy()
    _, height, width = image.shape
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    for _ in range(int(rng.integers(1, 5))):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        radius = rng.uniform(25, 80) / pixel_size_A
        off_plane = rng.random() < 0.4
        r = np.hypot(y - cy, x - cx) / radius
        bead = np.exp(-(r**4)) - 0.35 * np.exp(-(((r - 1.6) / 0.5) ** 2))
        streak = np.exp(-(((y - cy) / radius) ** 2)) * np.cos((x - cx) / radius * 2.0)
        streak = streak * np.exp(-np.abs(x - cx) / (6 * radius))
        strength = rng.uniform(3, 10)
        shape = (0.15 * bead if off_plane else bead) + 0.12 * streak
        result -= (strength * shape).astype(np.float32)
        if not off_plane:
            labels[r < 1.0] = IGNORE
    return result


def add_carbon(rng: np.random.Generator, image: Float32) -> Float32:
    """A carbon film over part of the slice: darker, grainier, with a fringe at its edge."""
    _, height, width = image.shape
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    radius = rng.uniform(0.8, 4.0) * width
    angle = rng.uniform(0, 2 * np.pi)
    offset = radius + rng.uniform(-0.45, 0.3) * width
    cy, cx = height / 2 + offset * np.sin(angle), width / 2 + offset * np.cos(angle)
    inside = radius - np.hypot(y - cy, x - cx)  # in pixels, positive on the film
    film = expit(inside / 1.5)
    fringe = np.exp(-((inside / 2.0) ** 2))
    grain = rng.standard_normal(image.shape).astype(np.float32)
    dark = rng.uniform(0.2, 1.5) * film + rng.uniform(0, 1.5) * fringe
    return np.asarray(image - dark + 0.8 * film * grain, dtype=np.float32)
