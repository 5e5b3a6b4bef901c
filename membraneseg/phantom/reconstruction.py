"""Weighted back-projection of a single-axis tilt series."""

from __future__ import annotations

import math

import numpy as np
import torch

from membraneseg.types import Float32, Float64

OVERSAMPLING = 2


def reconstruct(
    series: Float32, angles_deg: Float64, shape_zyx: tuple[int, int, int], low_pass: float = 0.28
) -> Float32:
    """Back-project a tilt series with the weighting that fits its angles.

    Parameters
    ----------
    series : (T, Y, U) float32
        Projections, centred in u at U // 2.
    angles_deg : (T,) float64
        Tilts about y.
    shape_zyx : tuple of int
        Of the volume; Y must be that of the series.
    low_pass : float
        Cycles per voxel from which the weighting falls off to zero at 0.5.

    Returns
    -------
    (Z, Y, X) float32
        Density per voxel: inside the measured wedge the back-projection of `project`'s
        integrals gives the volume back.

    Notes
    -----
    Each projection is weighted with |k| times the angle in radians that it stands for, is
    sampled twice as finely and then linearly interpolated. Cost: T·Z·Y·X.
    """
    depth, rows, width = shape_zyx
    total = torch.zeros(depth * width, rows)
    for image, angle, span in zip(series, angles_deg, angular_spans_rad(angles_deg), strict=True):
        weighted = float(span) * _weight(torch.from_numpy(image), low_pass)
        indices, weights = _voxel_samples(depth, width, weighted.shape[1], float(angle))
        total += torch.nn.functional.embedding_bag(
            indices, weighted.T.contiguous(), mode="sum", per_sample_weights=weights
        )
    volume = total.reshape(depth, width, rows).permute(0, 2, 1)
    return np.ascontiguousarray(volume.numpy())


def angular_spans_rad(angles_deg: Float64) -> Float64:
    """Angle in radians that each tilt stands for: half of the gaps to both neighbours.

    The outermost tilts count a whole gap, as if the next one had been recorded.
    """
    angles = np.deg2rad(np.asarray(angles_deg, dtype=np.float64))
    order = np.argsort(angles)
    gaps = np.diff(angles[order])
    spans = np.empty_like(angles)
    spans[order] = 0.5 * (np.append(gaps[:1], gaps) + np.append(gaps, gaps[-1:]))
    return spans


def _weight(image: torch.Tensor, low_pass: float) -> torch.Tensor:
    """Ramp and low-pass each row of (Y, U), and sample it OVERSAMPLING times as finely."""
    columns = image.shape[1]
    padded = 2 ** math.ceil(math.log2(2 * columns))
    offset = torch.fft.fftfreq(padded, 1.0 / padded)
    odd = offset.long() % 2 != 0
    kernel = torch.where(odd, -1.0 / (math.pi * offset.abs().clamp(min=1)) ** 2, 0.0)
    kernel[0] = 0.25  # the band-limited ramp in real space keeps the mean right
    ramp = torch.fft.rfft(kernel).real
    frequency = torch.fft.rfftfreq(padded)
    fall = ((frequency - low_pass) / max(0.5 - low_pass, 1e-6)).clamp(0.0, 1.0)
    weight = ramp * 0.5 * (1.0 + torch.cos(math.pi * fall))
    spectrum = torch.fft.rfft(image, n=padded, dim=1) * weight
    fine: torch.Tensor = torch.fft.irfft(spectrum, n=OVERSAMPLING * padded, dim=1) * OVERSAMPLING
    return fine[:, : OVERSAMPLING * columns]


def _voxel_samples(
    depth: int, width: int, fine_columns: int, angle_deg: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """For each voxel of an xz plane, the two detector samples around its shadow and weights."""
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    z = torch.arange(depth, dtype=torch.float64)[:, None] - (depth - 1) / 2
    x = torch.arange(width, dtype=torch.float64)[None, :] - (width - 1) / 2
    centre = (fine_columns // OVERSAMPLING) // 2
    u = (OVERSAMPLING * (x * cosine + z * sine + centre)).reshape(-1, 1)
    lower = torch.floor(u)
    share = u - lower
    pair = torch.cat([lower, lower + 1], dim=1)
    inside = (pair >= 0) & (pair < fine_columns)
    weights = torch.cat([1.0 - share, share], dim=1) * inside
    return pair.clamp(0, fine_columns - 1).long(), weights.float()
