"""The microscope's contrast transfer, and what it makes of a bilayer's profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

WAVELENGTH_A = 0.0197
"""Electron wavelength at 300 kV."""
SPHERICAL_ABERRATION_A = 2.7e7
PROFILE_REACH_A = 320.0
"""Distance from the membrane up to which its fringes are drawn."""


@dataclass(frozen=True)
class Optics:
    """How a slice was imaged: see SliceConfig for the meaning of each number."""

    pixel_size_A: float
    defocus_A: float
    amplitude_contrast: float
    low_frequency_gain: float
    resolution_A: float
    phase_flipped: bool


def contrast_transfer(frequency_per_A: Float64, optics: Optics) -> Float64:
    """Contrast transfer, sign such that protein comes out negative (dark).

    Parameters
    ----------
    frequency_per_A : array float64
        Spatial frequency in 1/Å.
    optics : Optics
        Defocus, envelope, and whether phases were flipped or low frequencies restored.

    Returns
    -------
    array float64
        −1 … 1 times the envelope exp(−(k·resolution)²) and the pixel's sinc.
    """
    k2 = frequency_per_A**2
    phase = np.pi * WAVELENGTH_A * k2 * (
        optics.defocus_A - 0.5 * SPHERICAL_ABERRATION_A * WAVELENGTH_A**2 * k2
    ) + np.arcsin(optics.amplitude_contrast)
    transfer = np.sin(phase)
    if optics.phase_flipped:
        transfer = np.abs(transfer)
    rising = phase < np.pi / 2  # before the first maximum
    transfer = np.where(rising, np.maximum(transfer, optics.low_frequency_gain), transfer)
    envelope = np.exp(-k2 * optics.resolution_A**2)
    damped = transfer * envelope * np.sinc(frequency_per_A * optics.pixel_size_A)
    return np.asarray(-damped, dtype=np.float64)


def bilayer_profile(
    leaflet_spacing_A: float, core_depth: float, optics: Optics, spacing_A: float = 1.0
) -> tuple[Float64, Float64]:
    """Imaged density of a flat bilayer against the distance from its middle.

    Two Gaussian leaflets with a bright core between, filtered by the contrast transfer along
    the normal; scaled so that the darkest point is −1.

    Parameters
    ----------
    leaflet_spacing_A : float
        Distance of the two leaflets.
    core_depth : float
        Brightness of the hydrocarbon core over the solvent, relative to a leaflet.
    optics : Optics
    spacing_A : float
        Sampling of the profile.

    Returns
    -------
    distance_A : (M,) float64
        From −PROFILE_REACH_A to PROFILE_REACH_A.
    density : (M,) float64
        Darkest value −1.
    """
    count = 2048
    position = (np.arange(count) - count // 2) * spacing_A
    leaflets = sum(
        np.exp(-0.5 * ((position - side * leaflet_spacing_A / 2) / 7.0) ** 2) for side in (-1, 1)
    )
    core = core_depth * np.exp(-0.5 * (position / (0.28 * leaflet_spacing_A)) ** 2)
    spectrum = np.fft.rfft(leaflets - core)
    frequency = np.fft.rfftfreq(count, spacing_A).astype(np.float64)
    density = np.fft.irfft(spectrum * contrast_transfer(frequency, optics), count)
    keep = np.abs(position) <= PROFILE_REACH_A
    return position[keep], density[keep] / -density[keep].min()
