"""Noise of a back-projected slice (streaks along the tilt axis), and uneven ice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.special import expit

from synth2d.config import SliceConfig

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Complex64 = npt.NDArray[np.complex64]

KZ_SAMPLES = 33
"""Frequencies from 0 to Nyquist along the beam at which the noise's power is looked up."""
WEDGE_EDGE = 0.03
"""Softness of the wedge's edge, cycles per slice: a few slices do not resolve it sharper."""


def wedge_noise(rng: np.random.Generator, shape: tuple[int, int, int], theta_deg: float) -> Float32:
    """Gaussian noise with the power spectrum that weighted back-projection leaves.

    Shot noise of a tilt series has equal power at every measured frequency; back-projection
    with a ramp of exponent a leaves power ∝ |kx|^a inside |kz| ≤ |kx| tan θ and none outside.
    The exponent (0: SIRT-like, 1 and more: sharply weighted), a floor, and a low-pass are drawn at
    random; the low-pass is isotropic in half of the cases, else drawn for y alone as well: filters
    of the back-projection act across the tilt axis only, and leave the noise along it white.

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
    planes, height, width = shape
    kz, kx = np.linspace(0.0, 0.5, KZ_SAMPLES), fft.rfftfreq(width)
    measured = expit((kx[:, None] * np.tan(np.deg2rad(theta_deg)) - kz) / WEDGE_EDGE)
    power = (kx[:, None] / 0.5 + 0.01) ** rng.uniform(0.2, 1.6) * measured
    power += rng.choice([0.0, 0.05, 0.3])
    cutoff = np.exp(rng.uniform(np.log(0.12), np.log(0.9)))
    power *= np.exp(-(kx[:, None] ** 2 + kz**2) / cutoff**2)
    cutoff_y = cutoff if rng.random() < 0.5 else np.exp(rng.uniform(np.log(0.12), np.log(3.0)))
    along_y = np.exp(-0.5 * (fft.fftfreq(height)[:, None] / cutoff_y) ** 2).astype(np.float32)
    covariance = power @ np.cos(2 * np.pi * np.outer(kz, np.arange(planes)))  # (kx, lag)
    roots = slice_roots(covariance.T[:, None], planes)[:, :, 0].astype(np.float32)
    spectrum = across_slices(roots[:, :, None], white_spectrum(rng, shape))
    spectrum *= along_y
    return standardised(fft.irfft2(spectrum, s=(height, width), overwrite_x=True))


def standardised(field: Float32) -> Float32:
    """The field with mean 0 and standard deviation 1."""
    centred = field - field.mean()
    centred /= centred.std()
    return np.asarray(centred, dtype=np.float32)


def across_slices(roots: Float32, white: Complex64) -> Complex64:
    """Spectra (C, H, K) of correlated slices: Σ_j roots[c, j] white[j].

    Parameters
    ----------
    roots : (C, C, H or 1, K) float32
        Of `slice_roots`.
    white : (C, H, K) complex64
    """
    spectrum = np.zeros_like(white)
    for mixed, weights in zip(spectrum, roots, strict=True):
        for weight, one in zip(weights, white, strict=True):
            mixed += weight * one
    return spectrum


def white_spectrum(rng: np.random.Generator, shape: tuple[int, int, int]) -> Complex64:
    """Draw what `rfft2` of white noise (C, H, W) looks like, (C, H, W // 2 + 1), up to a factor.

    `irfft2` takes the real half alone of the first column, and of the last one where W is even;
    these are drawn twice as strong.
    """
    columns = shape[2] // 2 + 1
    drawn = rng.standard_normal((*shape[:2], columns, 2), dtype=np.float32)
    spectrum = drawn.view(np.complex64)[..., 0]
    spectrum[..., 0] *= np.float32(np.sqrt(2))
    if shape[2] % 2 == 0:
        spectrum[..., -1] *= np.float32(np.sqrt(2))
    return spectrum


def slice_roots(covariance: Float64, planes: int) -> Float64:
    """Square roots (C, C, Ky, Kx) of the covariance of C adjacent slices, at every frequency.

    Parameters
    ----------
    covariance : (L, Ky, Kx) float64
        Of the Fourier coefficients of two slices 0, 1, … L−1 apart; none further apart.
    planes : int
        C.

    Returns
    -------
    (C, C, Ky, Kx) float64
        Symmetric in the slices.
    """
    lags = np.abs(np.subtract.outer(np.arange(planes), np.arange(planes)))
    padded = np.concatenate([covariance, np.zeros((planes, *covariance.shape[1:]))])
    between = np.moveaxis(padded[lags], (0, 1), (2, 3))  # (Ky, Kx, C, C)
    values, vectors = np.linalg.eigh(between)
    roots = (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ np.swapaxes(vectors, 2, 3)
    return np.asarray(np.moveaxis(roots, (2, 3), (0, 1)))


def radial_filter(rng: np.random.Generator, config: SliceConfig, image: Float32) -> Float32:
    """Low-pass across the tilt axis alone, as back-projection's radial filter leaves a slice.

    Parameters
    ----------
    rng : Generator
    config : SliceConfig
        `radial_filter_share` of the slices are filtered, from a frequency in `radial_cutoff` on.
    image : (C, H, W) float32

    Returns
    -------
    (C, H, W) float32
        Amplitudes fall as a Gaussian beyond the cutoff, along x.
    """
    if rng.random() >= config.radial_filter_share:
        return image
    cutoff, width = rng.uniform(*config.radial_cutoff), rng.uniform(0.03, 0.12)
    kx = fft.rfftfreq(image.shape[2])
    gain = np.exp(-0.5 * (np.maximum(kx - cutoff, 0.0) / width) ** 2).astype(np.float32)
    return np.asarray(fft.irfft(fft.rfft(image) * gain, n=image.shape[2]), dtype=np.float32)


def slow_background(rng: np.random.Generator, shape: tuple[int, int, int]) -> Float32:
    """A smooth background of unit amplitude: uneven ice, a few long waves across the slice."""
    y, x = np.linspace(0, 1, shape[1]), np.linspace(0, 1, shape[2])
    along_y, along_x = [], []  # sin(a + b) = sin a cos b + cos a sin b
    for _ in range(3):
        ky, kx = rng.normal(0, 4.0, 2)
        strength, wave = rng.uniform(0.2, 0.6), kx * x + rng.uniform(0, 6.3)
        along_y += [strength * np.sin(ky * y), strength * np.cos(ky * y)]
        along_x += [np.cos(wave), np.sin(wave)]
    total = np.array(along_y, dtype=np.float32).T @ np.array(along_x, dtype=np.float32)
    return np.broadcast_to(total, shape)


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
