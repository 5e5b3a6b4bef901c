"""Weighted back-projection of a single-axis tilt series.

What plain back-projection does: tilt j, smeared over a slab of D voxels, fills in Fourier space a
sheet around its own plane. A point object thereby gets on the plane of tilt i, at k cycles per
pixel, from tilt j the amplitude

    s_ij(k) = D / cos θ_j · sinc(D k sin(θ_i − θ_j) / cos θ_j),   sinc(x) = sin(πx) / (πx).

The exact weights w_j(k) bring the sum to 1 on every plane that was measured: Σ_j s_ij w_j = 1.
Where tilts are evenly spaced and far from the ends of the range, their solution is the ramp k Δθ.
Where sheets overlap almost wholly the equations hardly fix the single weights; these then stay
near the ramp. Classical formulas take 1 / Σ_j s_ij instead, which supposes that all w_j are alike.

References
----------
Harauz & van Heel 1986, Optik 73:146; Radermacher 2006, doi:10.1007/978-0-387-69008-7_9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.fft import next_fast_len

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.projection import back_project
from membraneseg.phantom.tilt_series import TiltSeries, bin_series, relative_intensity
from membraneseg.types import Float32, Float64

EXACT, RAMP = "exact", "ramp"
WEIGHTINGS = (EXACT, RAMP)
STAY_NEAR_RAMP = 0.1
"""Penalty on the squared departure from the ramp, against squared errors of the amplitude 1."""


@dataclass(frozen=True)
class ReconstructionConfig:
    """How the tomogram is made from the tilt series."""

    weighting: str = field(
        default=EXACT,
        metadata={"help": "exact: a point's amplitude 1 on all planes; ramp: |k| × spacing"},
    )
    low_pass: float = field(
        default=0.28, metadata={"help": "cycles per voxel where the weighting falls off, to 0.5"}
    )
    sirt_iterations: int = field(
        default=0, metadata={"help": "damp as so many iterations of SIRT would; 0: off"}
    )
    binning: int = field(default=1, metadata={"help": "pixels of the series per voxel's edge"})

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise MembraneSegError(
                f"the reconstruction's weighting is '{self.weighting}', expected one of "
                f"{', '.join(WEIGHTINGS)}; correct weighting"
            )
        if not 0.0 < self.low_pass <= 0.5:
            raise MembraneSegError(
                f"the reconstruction's low_pass is {self.low_pass}, expected above 0 and at most "
                "0.5 cycles per voxel; correct low_pass"
            )
        if self.sirt_iterations < 0:
            raise MembraneSegError(
                f"sirt_iterations is {self.sirt_iterations}, expected 0 (off) or more; correct "
                "sirt_iterations"
            )
        if self.binning < 1:
            raise MembraneSegError(
                f"the reconstruction's binning is {self.binning}, expected 1 or more; correct "
                "binning"
            )


def reconstruct_series(
    series: TiltSeries,
    shape_zyx: tuple[int, int, int],
    config: ReconstructionConfig | None = None,
    device: str = "cpu",
    report: Callable[[float], None] | None = None,
) -> Float32:
    """Make a tomogram from counted electrons.

    Parameters
    ----------
    series : TiltSeries
    shape_zyx : tuple of int
        Of the box, in pixels of the series as recorded.
    config : ReconstructionConfig, optional
    device : str
        "cpu" or "cuda".
    report : callable, optional
        Called with the share (0–1) that is done.

    Returns
    -------
    (Z // n, Y // n, X // n) float32
        Relative intensity per voxel of n × n × n with n the binning; denser matter is darker.
    """
    config = config or ReconstructionConfig()
    small = bin_series(series, config.binning)
    depth, rows, width = (max(1, size // config.binning) for size in shape_zyx)
    images = relative_intensity(small)
    return reconstruct(images, series.angles_deg, (depth, rows, width), config, device, report)


def reconstruct(
    images: Float32,
    angles_deg: Float64,
    shape_zyx: tuple[int, int, int],
    config: ReconstructionConfig | None = None,
    device: str = "cpu",
    report: Callable[[float], None] | None = None,
) -> Float32:
    """Weight the projections and back-project them.

    Parameters
    ----------
    images : (T, Y, U) float32
        Projections whose surroundings are 0, tilt axis at column U // 2.
    angles_deg : (T,) float64
        Tilts about y.
    shape_zyx : tuple of int
        Of the volume; Y must be that of the images.
    config : ReconstructionConfig, optional
        Its binning is not used: see `reconstruct_series`.
    device : str
        "cpu" or "cuda".
    report : callable, optional
        Called with the share (0–1) that is done.

    Returns
    -------
    (Z, Y, X) float32
        Density per voxel: inside the measured wedge the reconstruction from `project`'s integrals
        gives the volume back, times the low-pass.
    """
    config = config or ReconstructionConfig()
    columns = images.shape[2]
    padded = next_fast_len(2 * columns, real=True)  # so that the weights' tails do not wrap round
    frequency = np.fft.rfftfreq(padded).astype(np.float64)
    weights = tilt_weights(frequency, angles_deg, shape_zyx[0], config)
    weighted = np.empty(images.shape, dtype=np.float32)
    for index, image in enumerate(images):
        spectrum = torch.fft.rfft(torch.from_numpy(np.array(image)), n=padded, dim=1)
        spectrum *= torch.from_numpy(weights[index]).to(spectrum)
        weighted[index] = torch.fft.irfft(spectrum, n=padded, dim=1)[:, :columns].numpy()
    return back_project(weighted, angles_deg, shape_zyx, device, report)


def tilt_weights(
    frequency: Float64, angles_deg: Float64, depth: int, config: ReconstructionConfig
) -> Float64:
    """Weight of each tilt at each frequency.

    Parameters
    ----------
    frequency : (K,) float64
        Cycles per pixel, 0 to 0.5, evenly spaced from 0.
    angles_deg : (T,) float64
        Tilts about y.
    depth : int
        Voxels of the slab along z.
    config : ReconstructionConfig

    Returns
    -------
    (T, K) float64

    Notes
    -----
    n iterations of SIRT from an empty volume (Landweber steps V ← V + Aᵀ(p − A V) / S(0), with
    A the projection) leave 1 − (1 − b)^n of each frequency. Here b = S(k) / S(0) ≤ 1 is what
    projection and plain back-projection keep of it, S(0) = Σ_j D / cos θ_j and S(k) = 1 / w. As n
    grows the factor tends to 1, slowest where b is small: at high frequencies.
    """
    if config.weighting == EXACT:
        weights = _exact_weights(frequency, angles_deg, depth)
    else:
        weights = _ramp_weights(frequency, angles_deg)
    if config.sirt_iterations > 0:
        largest = float((depth / np.cos(np.deg2rad(angles_deg))).sum())
        kept = np.minimum(1.0 / (weights * largest), 1.0)
        weights = weights * (1.0 - (1.0 - kept) ** config.sirt_iterations)
    fall = np.clip((frequency - config.low_pass) / max(0.5 - config.low_pass, 1e-6), 0.0, 1.0)
    return np.asarray(weights * 0.5 * (1.0 + np.cos(np.pi * fall)))


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


def _ramp_weights(frequency: Float64, angles_deg: Float64) -> Float64:
    """|k| times the angle that each tilt stands for; at 0 the mean of |k| over that bin."""
    ramp = frequency.copy()
    ramp[0] = frequency[1] / 4.0
    return ramp * angular_spans_rad(angles_deg)[:, None]


def _exact_weights(frequency: Float64, angles_deg: Float64, depth: int) -> Float64:
    """Weights (T, K) that give a point the amplitude 1 on every measured plane.

    Beyond Crowther's limit the sheets of neighbouring tilts part, and objects as deep as the slab
    cannot be known between them. There D is the depth of the largest object that can, so that
    smaller objects keep their amplitudes.
    """
    angles = np.deg2rad(np.asarray(angles_deg, dtype=np.float64))
    paths = 1.0 / np.cos(angles)  # through a slab of depth 1
    spans = angular_spans_rad(angles_deg)
    order = np.argsort(angles)
    gaps = np.diff(angles[order]) * np.maximum(paths[order][1:], paths[order][:-1])
    flat_below = 1.0 / (depth * float((spans * paths).sum()))  # the ramp that is right at k = 0
    sines = np.sin(angles[:, None] - angles)
    weights = np.empty((len(angles), len(frequency)))
    for index, k in enumerate(frequency):
        deep = min(float(depth), 1.0 / max(float(k * gaps.max()), 1e-9))
        ramp = max(float(k), flat_below) * spans
        filled = deep * paths * np.sinc(deep * k * sines * paths) * ramp  # (T, T): s_ij · ramp_j
        weights[:, index] = ramp * _factors_near_one(filled)
    return weights


def _factors_near_one(matrix: Float64) -> Float64:
    """Solve matrix @ f = 1 for f (T,) by least squares that also keep f near 1, and positive."""
    held = STAY_NEAR_RAMP * np.eye(len(matrix))
    factors = np.linalg.solve(matrix.T @ matrix + held, matrix.sum(axis=0) + STAY_NEAR_RAMP)
    return np.asarray(np.maximum(factors, 0.1))
