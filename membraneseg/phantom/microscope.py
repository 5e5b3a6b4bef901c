"""From projected potential to recorded images: CTF, radiation damage, dose, detector."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float32, Float64

ELECTRON_REST_ENERGY_KEV = 510.999


@dataclass(frozen=True)
class Microscope:
    """How images are formed and recorded."""

    voltage_kV: float = field(default=300.0, metadata={"help": "acceleration voltage"})
    defocus_um: float = field(default=5.0, metadata={"help": "underfocus, positive"})
    spherical_aberration_mm: float = field(default=2.7, metadata={"help": "Cs"})
    amplitude_contrast: float = field(default=0.08, metadata={"help": "share, 0–1"})
    envelope_A2: float = field(
        default=400.0, metadata={"help": "B-factor of the envelope exp(−B k²/4)"}
    )
    dose_e_per_A2: float = field(default=120.0, metadata={"help": "dose of the whole series"})
    mean_free_path_nm: float = field(
        default=310.0, metadata={"help": "path in ice after which 1/e of the electrons are elastic"}
    )
    quantum_efficiency: float = field(
        default=0.5, metadata={"help": "share of the electrons that the detector counts"}
    )
    transfer_at_nyquist: float = field(
        default=0.85, metadata={"help": "detector modulation transfer at Nyquist"}
    )
    alignment_error_A: float = field(
        default=4.0, metadata={"help": "standard deviation of each tilt's shift, per axis"}
    )

    def __post_init__(self) -> None:
        if self.dose_e_per_A2 <= 0 or self.voltage_kV <= 0:
            raise MembraneSegError(
                f"dose_e_per_A2 is {self.dose_e_per_A2} and voltage_kV {self.voltage_kV}, expected "
                "positive numbers; correct them in the phantom's configuration"
            )
        for name in ("quantum_efficiency", "transfer_at_nyquist"):
            value = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise MembraneSegError(
                    f"{name} is {value}, expected above 0 and at most 1; correct it in the "
                    "phantom's configuration"
                )


def wavelength_A(voltage_kV: float) -> float:
    """Relativistic wavelength of an electron in Å; 0.0197 at 300 kV."""
    return 12.2643 / float(np.sqrt(voltage_kV * 1e3 * (1.0 + voltage_kV * 0.978466e-3)))


def interaction_constant(voltage_kV: float) -> float:
    """Phase in rad that one volt over one Å adds; 6.5e-4 at 300 kV."""
    rest = ELECTRON_REST_ENERGY_KEV
    relativistic = (rest + voltage_kV) / (2 * rest + voltage_kV)
    return 2 * np.pi / (wavelength_A(voltage_kV) * voltage_kV * 1e3) * relativistic


def contrast_transfer(frequency_per_A: Float64, microscope: Microscope) -> Float64:
    """Contrast transfer function times its envelope, positive at low frequency.

    Parameters
    ----------
    frequency_per_A : array of float64
    microscope : Microscope

    Returns
    -------
    array of float64
        sin(χ + arcsin w) exp(−B k²/4) with χ = π λ Δf k² − (π/2) Cs λ³ k⁴.
    """
    length = wavelength_A(microscope.voltage_kV)
    k2 = np.asarray(frequency_per_A, dtype=np.float64) ** 2
    phase = np.pi * length * microscope.defocus_um * 1e4 * k2
    phase -= 0.5 * np.pi * microscope.spherical_aberration_mm * 1e7 * length**3 * k2**2
    envelope = np.exp(-microscope.envelope_A2 * k2 / 4.0)
    return np.asarray(np.sin(phase + np.arcsin(microscope.amplitude_contrast)) * envelope)


def damage_filter(frequency_per_A: Float64, dose_before: float, dose_after: float) -> Float64:
    """Share of the amplitude that radiation leaves, averaged over one exposure.

    Parameters
    ----------
    frequency_per_A : array of float64
    dose_before, dose_after : float
        Electrons per Å² when the exposure starts and ends.

    Returns
    -------
    array of float64
        Mean of exp(−N / 2 N_c(k)) with the critical dose N_c = 0.245 k^−1.665 + 2.81.

    References
    ----------
    Grant & Grigorieff 2015, doi:10.7554/eLife.06980, equation 3.
    """
    k = np.maximum(np.asarray(frequency_per_A, dtype=np.float64), 1e-6)
    rate = 0.5 / (0.24499 * k**-1.6649 + 2.8141)
    during = rate * (dose_after - dose_before)
    return np.asarray(np.exp(-rate * dose_before) * -np.expm1(-during) / during)


def ideal_image(
    projected_V: Float32,
    pixel_size_A: float,
    microscope: Microscope,
    dose_window: tuple[float, float],
    shift_yx_A: tuple[float, float] = (0.0, 0.0),
) -> Float32:
    """Relative intensity − 1 that an infinite dose would show, before the detector.

    Parameters
    ----------
    projected_V : (Y, U) float32
        Potential above the ice integrated along the beam, in V·Å.
    pixel_size_A : float
    microscope : Microscope
    dose_window : (before, after)
        Accumulated dose in e/Å² around this exposure.
    shift_yx_A : tuple of float
        Misalignment of the image.

    Returns
    -------
    (Y, U) float32
        −2 σ V convolved with CTF and damage: denser matter is darker.
    """
    pad = 32
    rows, columns = projected_V.shape
    padded = np.pad(projected_V, ((pad, pad), (0, 0)))
    fy = np.fft.fftfreq(rows + 2 * pad, pixel_size_A)[:, None]
    fx = np.fft.rfftfreq(columns, pixel_size_A)[None, :]
    frequency = np.sqrt(fy**2 + fx**2)
    transfer = contrast_transfer(frequency, microscope) * damage_filter(frequency, *dose_window)
    turns = fy * shift_yx_A[0] + fx * shift_yx_A[1]
    strength = -2.0 * interaction_constant(microscope.voltage_kV)
    kernel = torch.from_numpy(strength * transfer * np.exp(-2j * np.pi * turns)).to(torch.complex64)
    image = torch.fft.irfft2(torch.fft.rfft2(torch.from_numpy(padded)) * kernel, s=padded.shape)
    return np.ascontiguousarray(image[pad : pad + rows].numpy())


def expected_counts(
    microscope: Microscope, pixel_size_A: float, path_nm: float, exposures: int
) -> float:
    """Electrons that one pixel counts behind plain ice of a given path length."""
    electrons = microscope.dose_e_per_A2 / exposures * pixel_size_A**2
    survive = np.exp(-path_nm / microscope.mean_free_path_nm)
    return float(electrons * survive * microscope.quantum_efficiency)


def record(
    image: Float32, counts: float, microscope: Microscope, rng: np.random.Generator
) -> Float32:
    """Shoot electrons at a detector and return the counted relative intensity − 1.

    Parameters
    ----------
    image : (Y, U) float32
        From `ideal_image`.
    counts : float
        Electrons per pixel where the image is 0, see `expected_counts`.
    microscope : Microscope
    rng : numpy.random.Generator

    Returns
    -------
    (Y, U) float32
        Shot noise has variance 1/counts; detector blur acts on signal before counting.
    """
    tensor = torch.from_numpy(image)
    fy = torch.fft.fftfreq(image.shape[0])[:, None]
    fx = torch.fft.rfftfreq(image.shape[1])[None, :]
    blur = microscope.transfer_at_nyquist ** ((fy**2 + fx**2) / 0.25)
    blurred = torch.fft.irfft2(torch.fft.rfft2(tensor) * blur, s=tensor.shape).numpy()
    electrons = rng.poisson(np.maximum(counts * (1.0 + blurred.astype(np.float64)), 0.0))
    return np.asarray(electrons / counts - 1.0, dtype=np.float32)
