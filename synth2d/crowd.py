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
from synth2d.wedge import wedge_depth_and_contrast

Float32 = npt.NDArray[np.float32]

GLOBULE_RADII_A = (18.0, 28.0, 42.0, 75.0)
"""Radii of gyration of the globular proteins; the last is a ribosome's."""

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
    field = np.zeros(shape, dtype=np.float32)
    lumps = 4
    position = rng.uniform(0, 1, (count, 1, 2)) * shape[1:]
    position = position + rng.normal(0, 0.6 * rg / pixel_size_A, (count, lumps, 2))
    depth_A = rng.uniform(-1.5, 1.5, (count, 1)) * rg + rng.normal(0, 0.6 * rg, (count, lumps))
    rows, columns = np.floor(position).astype(int).reshape(-1, 2).T % np.array(shape[1:])[:, None]
    for c in range(shape[0]):
        dz = depth_A.ravel() - (c - shape[0] // 2) * pixel_size_A
        np.add.at(field[c], (rows, columns), np.exp(-0.5 * (dz / (0.7 * rg)) ** 2) / lumps)
    return field


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
        gain = np.float32((1 + 2 * np.pi * width**2) * 1.2)
        for plane, points in zip(density, field, strict=True):
            plane += gain * cv2.GaussianBlur(points, (0, 0), width)
    return density


def filaments(
    rng: np.random.Generator, config: SliceConfig, grid: Grid, theta_deg: float
) -> Float32:
    """Density of actin-like rods and microtubules that run near the slice; peak near 1."""
    density = np.zeros(grid.shape, dtype=np.float32)
    extent = float(grid.x_A[-1] - grid.x_A[0])
    for _ in range(int(rng.integers(config.filament_count[0], config.filament_count[1] + 1))):
        angle, tilt = rng.uniform(0, np.pi), rng.normal(0, 0.15)
        if rng.random() < 0.15:
            tilt = rng.uniform(0.5, 1.5)
        axis = np.array([np.sin(tilt), np.cos(tilt) * np.sin(angle), np.cos(tilt) * np.cos(angle)])
        start = np.array([rng.uniform(-100, 100), *rng.uniform(-0.5, 0.5, 2) * extent])
        across = np.stack([grid.along(row, start) for row in np.eye(3) - np.outer(axis, axis)])
        radius = lengths(list(across)) + np.float32(1e-3)
        if rng.random() < 0.5:  # microtubule: a wall that the wedge takes away like a membrane
            _, kept = wedge_depth_and_contrast(across[0] / radius, across[2] / radius, theta_deg)
            density += 0.9 * kept * np.exp(-0.5 * ((radius - 112.0) / 18.0) ** 2)
        else:
            density += rng.uniform(0.4, 1.0) * np.exp(-0.5 * (radius / rng.uniform(22, 45)) ** 2)
    return density


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
