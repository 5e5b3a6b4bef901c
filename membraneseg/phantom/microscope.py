"""The microscope as numbers: contrast transfer, radiation damage, detector, counted electrons."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch_ctf import calculate_ctf_2d, calculate_relativistic_electron_wavelength

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64

ELECTRON_REST_ENERGY_KEV = 510.999

POSITIVE = ("voltage_kV", "dose_e_per_A2", "mean_free_path_nm")
NOT_NEGATIVE = (
    "defocus_error_um",
    "astigmatism_um",
    "spherical_aberration_mm",
    "envelope_A2",
    "alignment_error_A",
    "tilt_error_deg",
)
SHARES = ("quantum_efficiency", "transfer_at_nyquist")


@dataclass(frozen=True)
class Microscope:
    """How images are formed and recorded."""

    voltage_kV: float = field(default=300.0, metadata={"help": "acceleration voltage"})
    defocus_um: float = field(default=5.0, metadata={"help": "underfocus, positive"})
    defocus_error_um: float = field(
        default=0.0, metadata={"help": "standard deviation of each tilt's defocus"}
    )
    astigmatism_um: float = field(
        default=0.0, metadata={"help": "half of the difference between largest and least defocus"}
    )
    astigmatism_angle_deg: float = field(
        default=0.0, metadata={"help": "direction of the largest defocus, from x towards y"}
    )
    spherical_aberration_mm: float = field(default=2.7, metadata={"help": "Cs"})
    amplitude_contrast: float = field(default=0.08, metadata={"help": "share, 0 to below 1"})
    envelope_A2: float = field(
        default=400.0, metadata={"help": "B-factor of the envelope exp(−B k²/4)"}
    )
    dose_e_per_A2: float = field(default=120.0, metadata={"help": "dose of the whole series"})
    mean_free_path_nm: float = field(
        default=310.0, metadata={"help": "path in ice after which 1/e of the electrons are left"}
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
    tilt_error_deg: float = field(
        default=0.0, metadata={"help": "standard deviation of each tilt's true angle"}
    )

    def __post_init__(self) -> None:
        for name in POSITIVE:
            _check(self, name, getattr(self, name) > 0.0, "a positive number")
        for name in NOT_NEGATIVE:
            _check(self, name, getattr(self, name) >= 0.0, "0 or more")
        for name in SHARES:
            _check(self, name, 0.0 < getattr(self, name) <= 1.0, "above 0 and at most 1")
        in_range = 0.0 <= self.amplitude_contrast < 1.0
        _check(self, "amplitude_contrast", in_range, "0 to below 1")
        for name in ("defocus_um", "astigmatism_angle_deg"):
            _check(self, name, True, "a number")


def _check(microscope: Microscope, name: str, holds: bool, expected: str) -> None:
    if not holds or not math.isfinite(getattr(microscope, name)):
        raise MembraneSegError(
            f"the microscope's {name} is {getattr(microscope, name)}, expected {expected}; "
            f"correct {name}"
        )


def wavelength_A(voltage_kV: float) -> float:
    """Relativistic wavelength of an electron in Å; 0.0197 at 300 kV."""
    return float(calculate_relativistic_electron_wavelength(voltage_kV * 1e3)) * 1e10


def interaction_constant(voltage_kV: float) -> float:
    """Phase in rad that one volt over one Å adds; 6.5e-4 at 300 kV."""
    rest = ELECTRON_REST_ENERGY_KEV
    relativistic = (rest + voltage_kV) / (2 * rest + voltage_kV)
    return 2 * np.pi / (wavelength_A(voltage_kV) * voltage_kV * 1e3) * relativistic


def frequencies_per_A(
    shape_yx: tuple[int, int], pixel_size_A: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequencies (Y, 1) and (1, X//2 + 1) in 1/Å of a real image's half spectrum."""
    fy = torch.fft.fftfreq(shape_yx[0], pixel_size_A, dtype=torch.float64)[:, None]
    fx = torch.fft.rfftfreq(shape_yx[1], pixel_size_A, dtype=torch.float64)[None, :]
    return fy, fx


def contrast_transfer(
    shape_yx: tuple[int, int],
    pixel_size_A: float,
    microscope: Microscope,
    defocus_um: Float64,
    device: torch.device | None = None,
) -> torch.Tensor:
    """Contrast transfer function times its envelope at some defoci.

    Parameters
    ----------
    shape_yx : tuple of int
        Of the image.
    pixel_size_A : float
    microscope : Microscope
        Its own defocus is not used.
    defocus_um : (L,) float64
        Mean underfocus, positive.
    device : torch.device, optional

    Returns
    -------
    (L, Y, X//2 + 1) float32 tensor
        sin(χ + arcsin w) exp(−B k²/4) with χ = π λ Δf k² − (π/2) Cs λ³ k⁴ and
        Δf = defocus + astigmatism · cos 2(φ − φ0), φ from x towards y; positive at low frequency.
    """
    transfer = calculate_ctf_2d(
        defocus=torch.as_tensor(defocus_um, dtype=torch.float32, device=device),
        astigmatism=microscope.astigmatism_um,
        astigmatism_angle=microscope.astigmatism_angle_deg,
        voltage=microscope.voltage_kV,
        spherical_aberration=microscope.spherical_aberration_mm,
        amplitude_contrast=microscope.amplitude_contrast,
        phase_shift=0.0,
        pixel_size=pixel_size_A,
        image_shape=shape_yx,
        rfft=True,
        fftshift=False,
    )
    fy, fx = frequencies_per_A(shape_yx, pixel_size_A)
    envelope = torch.exp(-microscope.envelope_A2 * (fy**2 + fx**2) / 4.0)
    return transfer * envelope.to(transfer)


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


def detector_transfer(frequency_per_A: Float64, pixel_size_A: float, at_nyquist: float) -> Float64:
    """Modulation transfer of the detector: a Gaussian that is `at_nyquist` at 1/(2 pixels)."""
    return np.asarray(at_nyquist ** ((2.0 * pixel_size_A * frequency_per_A) ** 2))


def expected_counts(
    microscope: Microscope, pixel_size_A: float, dose_e_per_A2: float, path_A: Float64
) -> Float64:
    """Electrons that pixels count behind plain ice.

    Parameters
    ----------
    microscope : Microscope
    pixel_size_A : float
    dose_e_per_A2 : float
        Of this exposure.
    path_A : array of float64
        Way of the beam through the ice, see `ice.path_length_A`.

    Returns
    -------
    array of float64
        dose · pixel² · exp(−path / mean free path) · quantum efficiency.
    """
    electrons = dose_e_per_A2 * pixel_size_A**2 * microscope.quantum_efficiency
    survive = np.exp(-np.asarray(path_A) / (10.0 * microscope.mean_free_path_nm))
    return np.asarray(electrons * survive, dtype=np.float64)
