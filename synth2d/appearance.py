"""How membranes and noise look in one tomogram, as values that slices can be drawn with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import fft

from synth2d.config import Range, SliceConfig
from synth2d.noise import across_slices, slice_roots, standardised, white_spectrum
from synth2d.optics import Optics

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

PIXEL_SPREAD, RESOLUTION_SPREAD, DEFOCUS_SPREAD = 1.1, 1.25, 1.3
"""Factors by which a slice's values are at most larger or smaller than the measured ones."""
CONTRAST_SPREAD: Range = (1 / 1.8, 1.6)
"""Factors of the measured contrast: fainter membranes than the sure ones matter too."""
TILT_SPREAD_DEG = 4.0
STRETCH: Range = (0.9, 1.12)
"""Factors by which the measured profile is stretched."""
GAIN_DEVIATION = 0.3
"""Deviation of the logarithm of the noise's power at Nyquist against that at frequency 0."""


@dataclass(frozen=True)
class Appearance:
    """What `synth2d.match.measure_appearance` found in a tomogram.

    Parameters
    ----------
    pixel_size_A, tilt_range_deg : float
    optics : Optics
        Contrast transfer whose bilayer is most like the measured profile; its `resolution_A` is
        the apparent resolution.
    distance_A : (M,) float64
        Distances from the middle of a membrane, evenly spaced.
    profile : (M,) float64
        Mean density there; darkest −1.
    contrast_to_noise : float
        Depth of the profile over the deviation of what is not membrane.
    noise_covariance : (L, K, K) float64
        Of the Fourier coefficients of two slices 0, 1, … L−1 apart, at K frequencies from 0 to
        1/2 per pixel along y and along x; a deviation of 1 on the whole.
    """

    pixel_size_A: float
    tilt_range_deg: float
    optics: Optics
    distance_A: Float64
    profile: Float64
    contrast_to_noise: float
    noise_covariance: Float64

    def __post_init__(self) -> None:
        if self.distance_A.shape != self.profile.shape or len(self.profile) < 3:
            raise ValueError(
                f"the profile has {self.profile.shape} values for {self.distance_A.shape} "
                "distances: give one per distance, at least 3"
            )
        if not self.contrast_to_noise > 0:
            raise ValueError(f"contrast_to_noise is {self.contrast_to_noise}: must be positive")


def around(config: SliceConfig, appearance: Appearance) -> SliceConfig:
    """Ranges about what was measured, so that a network does not learn single values by heart.

    Parameters
    ----------
    config : SliceConfig
        Keeps its shapes, crowd, size and context.
    appearance : Appearance

    Returns
    -------
    SliceConfig
    """
    optics, theta = appearance.optics, appearance.tilt_range_deg
    low, high = CONTRAST_SPREAD
    return replace(
        config,
        pixel_size_A=_about(appearance.pixel_size_A, PIXEL_SPREAD),
        tilt_range_deg=(max(theta - TILT_SPREAD_DEG, 5.0), min(theta + TILT_SPREAD_DEG, 85.0)),
        contrast_to_noise=(low * appearance.contrast_to_noise, high * appearance.contrast_to_noise),
        resolution_A=_about(optics.resolution_A, RESOLUTION_SPREAD),
        defocus_um=_about(optics.defocus_A / 1e4, DEFOCUS_SPREAD),
    )


def _about(value: float, factor: float) -> Range:
    return value / factor, value * factor


def drawn_profile(appearance: Appearance, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Distances in Å and densities (M,) of the measured profile, stretched at random."""
    return appearance.distance_A * rng.uniform(*STRETCH), appearance.profile


def matched_noise(
    appearance: Appearance, shape: tuple[int, int, int], rng: np.random.Generator
) -> Float32:
    """Gaussian noise with the measured power spectrum and correlation across slices.

    Parameters
    ----------
    appearance : Appearance
    shape : (C, H, W)
    rng : Generator
        Also draws how far the spectrum tilts towards coarse or fine.

    Returns
    -------
    (C, H, W) float32
        Mean 0, standard deviation 1.
    """
    planes, height, width = shape
    ky, kx = np.abs(fft.fftfreq(height)), fft.rfftfreq(width)
    tilt = rng.normal(0, GAIN_DEVIATION)
    gain = np.exp(tilt * np.hypot(ky[:, None], kx)).astype(np.float32)  # of the amplitude
    roots = slice_roots(appearance.noise_covariance, planes)
    spots = roots.shape[-1]
    along_y, along_x = _linear(ky, spots), _linear(kx, spots)
    mixing = np.einsum("yk,cjkl,xl->cjyx", along_y, roots, along_x, optimize=True)
    spectrum = across_slices(mixing.astype(np.float32), white_spectrum(rng, shape))
    return standardised(fft.irfft2(spectrum * gain, s=(height, width)))


def _linear(frequency: Float64, spots: int) -> Float64:
    """Weights (N, K) of linear interpolation between K frequencies from 0 to 1/2."""
    place = np.clip(frequency * 2 * (spots - 1), 0, spots - 1)
    return np.asarray(np.maximum(1.0 - np.abs(place[:, None] - np.arange(spots)), 0.0))
