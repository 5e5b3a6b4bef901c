"""Noise of a back-projected slice (streaks along the tilt axis), and uneven ice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.special import expit

from synth2d.config import SliceConfig

Float32 = npt.NDArray[np.float32]


def wedge_noise(rng: np.random.Generator, shape: tuple[int, int, int], theta_deg: float) -> Float32:
    """Gaussian noise with the power spectrum that weighted back-projection leaves.

    Shot noise of a tilt series has equal power at every measured frequency; back-projection
    with a ramp of exponent a leaves power ∝ |kx|^a inside |kz| ≤ |kx| tan θ and none outside.
    The exponent (0: SIRT-like, 1 and more: sharply weighted), a floor, and an isotropic
    low-pass are drawn at random.

    Parameters
    ----------
    rng : Generator
    shape : (C, H, W)
        Context slices, rows (tilt axis y), columns (x).
    theta_deg : float
        Half the tilt range.

    Returns
    -------
    (C, H, W) float32
        Mean 0, standard deviation 1.
    """
    depth = max(8, shape[0])
    white = rng.standard_normal((depth, *shape[1:]), dtype=np.float32)
    kz = np.abs(fft.fftfreq(depth)).astype(np.float32)[:, None]
    ky = fft.fftfreq(shape[1]).astype(np.float32)[:, None]
    kx = fft.rfftfreq(shape[2]).astype(np.float32)
    edge = 0.5 / depth  # kz is sampled coarsely: soften the wedge by half a sample
    measured = expit((kx * np.tan(np.deg2rad(theta_deg)) - kz) / (0.5 * edge))
    power = (kx / 0.5 + 0.01) ** rng.uniform(0.2, 1.6) * measured + rng.choice([0.0, 0.05, 0.3])
    cutoff = np.exp(rng.uniform(np.log(0.12), np.log(0.9)))
    amplitude = np.sqrt(power * np.exp(-((kx**2 + kz**2) / cutoff**2))).astype(np.float32)
    along_y = np.exp(-0.5 * (ky / cutoff) ** 2).astype(np.float32)
    spectrum = fft.fft(fft.rfft2(white) * along_y, axis=0) * amplitude[:, None, :]
    field = fft.irfft2(fft.ifft(spectrum, axis=0)[: shape[0]], s=shape[1:])
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def slow_background(rng: np.random.Generator, shape: tuple[int, int, int]) -> Float32:
    """A smooth background of unit amplitude: uneven ice, a few long waves across the slice."""
    y = np.linspace(0, 1, shape[1], dtype=np.float32)[:, None]
    x = np.linspace(0, 1, shape[2], dtype=np.float32)[None, :]
    total = np.zeros(shape[1:], dtype=np.float32)
    for _ in range(3):
        ky, kx = rng.normal(0, 4.0, 2).astype(np.float32)
        total += rng.uniform(0.2, 0.6) * np.sin(ky * y + kx * x + rng.uniform(0, 6.3))
    return np.broadcast_to(total.astype(np.float32), shape)


def ice_gradient(rng: np.random.Generator, config: SliceConfig, image: Float32) -> Float32:
    """Ice that grows thicker across the slice: darker, and with less of everything that varies.

    Parameters
    ----------
    rng : Generator
    config : SliceConfig
        `ice_gradient` is the relative change of thickness from edge to edge.
    image : (C, H, W) float32

    Returns
    -------
    (C, H, W) float32
        Electrons that come through ∝ exp(−thickness), so grey values fall and contrast and noise
        with them.
    """
    change, angle = rng.uniform(*config.ice_gradient), rng.uniform(0, 2 * np.pi)
    if change == 0.0:
        return image
    y = np.linspace(-0.5, 0.5, image.shape[1], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, image.shape[2], dtype=np.float32)[None, :]
    uphill = np.float32(np.sin(angle)) * y + np.float32(np.cos(angle)) * x
    passed = np.exp(np.float32(-change) * uphill)
    return np.asarray(image * passed + 3.0 * (passed - 1.0), dtype=np.float32)
