"""The image that an infinite dose would show of a projected potential, defocus gradient included.

The beam travels towards −z. At tilt θ the point of the middle plane that falls on detector column
u = x cos θ lies −u tan θ further up the beam. What lies higher is closer to the plane in focus of
an underfocused lens, so the underfocus there is Δf + u tan θ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len

from membraneseg.phantom.microscope import (
    Microscope,
    contrast_transfer,
    damage_filter,
    detector_transfer,
    frequencies_per_A,
    interaction_constant,
    wavelength_A,
)
from membraneseg.phantom.projection import checked_device
from membraneseg.types import Float32, Float64

LARGEST_LEVEL_STEP_UM = 0.15
LARGEST_PHASE_STEP = 0.5
"""Phase in rad at Nyquist between two levels of defocus; mixing them errs by 1/8 of its square."""


@dataclass(frozen=True)
class Exposure:
    """The circumstances of one image.

    Parameters
    ----------
    angle_deg : float
        Tilt about y.
    dose_before, dose_after : float
        Accumulated dose in e/Å² when the exposure starts and ends.
    defocus_um : float
        Underfocus at the tilt axis, positive.
    shift_yx_A : tuple of float
        Misalignment of the image.
    """

    angle_deg: float
    dose_before: float
    dose_after: float
    defocus_um: float
    shift_yx_A: tuple[float, float] = (0.0, 0.0)


def form_image(
    projected_VA: Float32,
    pixel_size_A: float,
    microscope: Microscope,
    exposure: Exposure,
    device: str = "cpu",
) -> Float32:
    """Relative intensity − 1 that an infinite dose would show.

    Parameters
    ----------
    projected_VA : (Y, U) float32
        Potential above the ice integrated along the beam, in V·Å; tilt axis at column U // 2.
    pixel_size_A : float
    microscope : Microscope
    exposure : Exposure
    device : str
        "cpu" or "cuda".

    Returns
    -------
    (Y, U) float32
        −2 σ V convolved with contrast transfer, damage and detector transfer: denser matter is
        darker.

    Notes
    -----
    Each column is split between the two levels of `defocus_levels_um` next to its own defocus
    before it is imaged. Cost: one FFT per level and one back.
    """
    rows, columns = projected_VA.shape
    local_um = local_defocus_um(columns, pixel_size_A, exposure)
    levels_um = defocus_levels_um(local_um, pixel_size_A, microscope)
    pad = _reach_px(float(np.abs(local_um).max()), pixel_size_A, microscope)
    shape = (next_fast_len(rows + pad, real=True), next_fast_len(columns + pad, real=True))
    where = checked_device(device)
    image = torch.from_numpy(np.array(projected_VA, dtype=np.float32)).to(where)
    shares = torch.from_numpy(_level_shares(local_um, levels_um)).to(image)
    waves = torch.fft.rfft2(image * shares[:, None, :], s=shape)  # (L, Y', K)
    transfer = contrast_transfer(shape, pixel_size_A, microscope, levels_um, where)
    common = _common_factors(shape, pixel_size_A, microscope, exposure).to(where)
    formed = torch.fft.irfft2((waves * transfer).sum(dim=0) * common, s=shape)
    return np.ascontiguousarray(formed[:rows, :columns].cpu().numpy())


def local_defocus_um(columns: int, pixel_size_A: float, exposure: Exposure) -> Float64:
    """Underfocus in µm along a tilted image.

    Parameters
    ----------
    columns : int
        U, with the tilt axis at column U // 2.
    pixel_size_A : float
    exposure : Exposure

    Returns
    -------
    (U,) float64
        Δf + u tan θ as far as a box as wide as the detector reaches (|u| = U/2 · cos θ), constant
        beyond, where there is nothing but ice.
    """
    tilt = math.radians(exposure.angle_deg)
    reach = columns / 2 * math.cos(tilt)
    u = np.clip(np.arange(columns) - columns // 2, -reach, reach)
    return np.asarray(exposure.defocus_um + u * pixel_size_A * math.tan(tilt) * 1e-4)


def defocus_levels_um(local_um: Float64, pixel_size_A: float, microscope: Microscope) -> Float64:
    """Evenly spaced defoci that cover those of an image.

    Parameters
    ----------
    local_um : (U,) float64
        From `local_defocus_um`.
    pixel_size_A : float
    microscope : Microscope

    Returns
    -------
    (L,) float64
        At most 0.15 µm apart, and less where the pixels are so small that this would change the
        phase at Nyquist, π λ Δf k², by more than half a radian.
    """
    low, high = float(local_um.min()), float(local_um.max())
    phase_per_um = np.pi * wavelength_A(microscope.voltage_kV) * 1e4 / (2 * pixel_size_A) ** 2
    step = min(LARGEST_LEVEL_STEP_UM, LARGEST_PHASE_STEP / phase_per_um)
    steps = math.ceil((high - low) / step - 1e-9)
    return np.linspace(low, high, steps + 1)


def _level_shares(local_um: Float64, levels_um: Float64) -> Float64:
    """Share (L, U) of each column that belongs to each level: linear between neighbours."""
    if len(levels_um) == 1:
        return np.ones((1, len(local_um)))
    step = levels_um[1] - levels_um[0]
    return np.asarray(np.maximum(1.0 - np.abs(local_um - levels_um[:, None]) / step, 0.0))


def _reach_px(defocus_um: float, pixel_size_A: float, microscope: Microscope) -> int:
    """Pixels over which the transfer function spreads a point at Nyquist, λ Δf k, and some more."""
    spread_A = wavelength_A(microscope.voltage_kV) * defocus_um * 1e4 / (2 * pixel_size_A)
    return math.ceil(spread_A / pixel_size_A) + 16


def _common_factors(
    shape_yx: tuple[int, int], pixel_size_A: float, microscope: Microscope, exposure: Exposure
) -> torch.Tensor:
    """What acts on all columns alike: strength, damage, detector and misalignment (Y', K)."""
    fy, fx = frequencies_per_A(shape_yx, pixel_size_A)
    frequency = torch.sqrt(fy**2 + fx**2).numpy()
    real = damage_filter(frequency, exposure.dose_before, exposure.dose_after)
    real *= detector_transfer(frequency, pixel_size_A, microscope.transfer_at_nyquist)
    real *= -2.0 * interaction_constant(microscope.voltage_kV)
    turns = fy * exposure.shift_yx_A[0] + fx * exposure.shift_yx_A[1]
    factors = torch.from_numpy(real) * torch.exp(-2j * math.pi * turns)
    return factors.to(torch.complex64)
