"""What crowds a slice beside its membranes: soluble proteins and filaments."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from synth2d.bodies import Grid, lengths
from synth2d.config import SliceConfig
from synth2d.layout import log_uniform
from synth2d.lookup import evenly_spaced
from synth2d.optics import Optics, contrast_transfer
from synth2d.wedge import contrast_of_normals

Float32 = npt.NDArray[np.float32]

GLOBULE_RADII_A = (18.0, 28.0, 42.0, 75.0)
"""Radii of gyration of the globular proteins; the last is a ribosome's."""

FILAMENT_REACH_A = 200.0
"""Distance from a filament's axis beyond which it adds less than 1e-4."""

TRANSFER_SAMPLES = 2048
"""Frequencies at which the contrast transfer is computed; in between it is interpolated."""


def _impulses(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    count: int,
    pixel_size_A: float,
    rg: float,
) -> Float32:
    """Proteins as small clumps of points, weighted by their distance from each slice."""
    field = np.zeros((shape[0], shape[1] * shape[2]), dtype=np.float32)
    lumps = 4
    position = rng.uniform(0, 1, (count, 1, 2)) * shape[1:]
    position = position + rng.normal(0, 0.6 * rg / pixel_size_A, (count, lumps, 2))
    depth_A = rng.uniform(-1.5, 1.5, (count, 1)) * rg + rng.normal(0, 0.6 * rg, (count, lumps))
    rows, columns = np.floor(position).astype(int).reshape(-1, 2).T % np.array(shape[1:])[:, None]
    pixels = rows * shape[2] + columns
    for c, plane in enumerate(field):
        far = (depth_A.ravel() - (c - shape[0] // 2) * pixel_size_A) / (0.7 * rg)
        np.add.at(plane, pixels, (np.exp(-0.5 * far**2) / lumps).astype(np.float32))
    return field.reshape(shape)


def globules(
    rng: np.random.Generator, config: SliceConfig, shape: tuple[int, int, int], pixel_size_A: float
) -> Float32:
    """Density (C, H, W) of soluble proteins; a single one peaks near 1."""
    area_um2 = shape[1] * shape[2] * pixel_size_A**2 * 1e-8
    total = min(log_uniform(rng, config.globules_per_um2) * area_um2, 4000.0)
    density = np.zeros(shape, dtype=np.float32)
    share = rng.dirichlet(np.array([2.0, 2.0, 1.0, 0.4]))
    for radius, part in zip(GLOBULE_RADII_A, share, strict=True):
        width = 0.7 * radius / pixel_size_A
        count = int(total * part * min(1.0, (28.0 / radius) ** 2))
        if count == 0:
            continue
        field = _impulses(rng, shape, count, pixel_size_A, radius)
        field *= np.float32((1 + 2 * np.pi * width**2) * 1.2)
        for plane, points in zip(density, field, strict=True):
            plane += cv2.GaussianBlur(points, (0, 0), width)
    return density


def filaments(
    rng: np.random.Generator, config: SliceConfig, grid: Grid, theta_deg: float
) -> Float32:
    """Density of actin-like rods and microtubules that run near the slice; peak near 1."""
    density = np.zeros(np.prod(grid.shape), dtype=np.float32)
    extent = float(grid.x_A[-1] - grid.x_A[0])
    for _ in range(int(rng.integers(config.filament_count[0], config.filament_count[1] + 1))):
        angle, tilt = rng.uniform(0, np.pi), rng.normal(0, 0.15)
        if rng.random() < 0.15:
            tilt = rng.uniform(0.5, 1.5)
        axis = np.array([np.sin(tilt), np.cos(tilt) * np.sin(angle), np.cos(tilt) * np.cos(angle)])
        start = np.array([rng.uniform(-100, 100), *rng.uniform(-0.5, 0.5, 2) * extent])
        sideways = np.linalg.svd(axis[None])[2][1:]  # two directions at right angles to it
        across = grid.along(sideways, start).reshape(2, -1)
        radius = lengths(across)
        pixels = np.flatnonzero(radius < FILAMENT_REACH_A)
        radius, across = radius[pixels] + np.float32(1e-3), across[:, pixels]
        if rng.random() < 0.5:  # microtubule: a wall that the wedge takes away like a membrane
            nz, _, nx = sideways.T.astype(np.float32) @ (across / radius)
            wall = np.exp(-0.5 * ((radius - 112.0) / 18.0) ** 2)
            density[pixels] += 0.9 * contrast_of_normals(nz, nx, theta_deg) * wall
        else:
            peak, width = rng.uniform(0.4, 1.0), rng.uniform(22, 45)
            density[pixels] += peak * np.exp(-0.5 * (radius / width) ** 2)
    return density.reshape(grid.shape)


def image_structure(density: Float32, optics: Optics, theta_deg: float) -> Float32:
    """What the tomogram shows of a compact density: contrast transfer and lost frequencies.

    A slice is the sum over the kz that were measured, |kz| ≤ |kx| tan θ; of an object about
    80 Å tall only a share |kx| tan θ / (|kx| tan θ + 1/160 Å) is left, hence the smear along y.
    """
    ky = fft.fftfreq(density.shape[1], optics.pixel_size_A)[:, None]
    kx = fft.rfftfreq(density.shape[2], optics.pixel_size_A)[None, :]
    reach = (kx * np.tan(np.deg2rad(theta_deg))).astype(np.float32)
    frequency = np.hypot(ky.astype(np.float32), kx.astype(np.float32))
    step = float(frequency.max()) / TRANSFER_SAMPLES
    samples = np.linspace(0.0, step * TRANSFER_SAMPLES, TRANSFER_SAMPLES + 1, dtype=np.float64)
    table = contrast_transfer(samples, optics)
    transfer = evenly_spaced(table, 0.0, step, frequency) * (reach / (reach + np.float32(1 / 160)))
    image = fft.irfft2(fft.rfft2(density) * transfer, s=density.shape[1:])
    return np.asarray(image, dtype=np.float32)
