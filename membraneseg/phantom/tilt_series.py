"""A tilt series recorded from a potential: every tilt an image of counted electrons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.ice import Ice, path_length_A
from membraneseg.phantom.imaging import Exposure, form_image
from membraneseg.phantom.microscope import Microscope, expected_counts
from membraneseg.phantom.projection import project
from membraneseg.phantom.tilt_scheme import TiltScheme, dose_windows_e_per_A2
from membraneseg.types import Float32, Float64

Progress = Callable[[str, float], None]
"""Called with the name of the step and the share (0–1) of it that is done."""

SHARE_OF_PROJECTION = 0.5


@dataclass(frozen=True)
class Acquisition:
    """How a series is recorded: tilts, microscope and the ice that the beam passes."""

    scheme: TiltScheme
    microscope: Microscope
    ice: Ice


@dataclass(frozen=True)
class TiltSeries:
    """Counted electrons of each tilt, and what is true of it.

    Parameters
    ----------
    counts : (T, Y, U) float32
        Electrons per pixel; the tilt axis lies at column U // 2.
    pixel_size_A : float
    angles_deg : (T,) float64
        Nominal tilts, ascending: what the microscope says.
    exposures : tuple of Exposure
        What was true of each tilt: its angle with the error of the stage, the dose before and
        after, the defocus, the misalignment.
    """

    counts: Float32
    pixel_size_A: float
    angles_deg: Float64
    exposures: tuple[Exposure, ...]


def record_series(
    potential_V: Float32,
    voxel_size_A: float,
    acquisition: Acquisition,
    rng: np.random.Generator,
    progress: Progress | None = None,
    device: str = "cpu",
) -> TiltSeries:
    """Record a tilt series of a scene in ice.

    Parameters
    ----------
    potential_V : (Z, Y, X) float32
        Mean inner potential above that of the ice.
    voxel_size_A : float
        Also the size of the pixels.
    acquisition : Acquisition
        Its ice must have the box's Y and X.
    rng : numpy.random.Generator
        Draws each tilt's true angle, defocus and shift, then its electrons.
    progress : callable, optional
        Told about the step "tilt series".
    device : str
        "cpu" or "cuda".

    Returns
    -------
    TiltSeries

    Raises
    ------
    MembraneSegError
        If the ice was drawn for another box.

    Notes
    -----
    The mean of the potential is taken off: the sample goes on beyond the box as it is inside on
    average, so that the box itself casts no shadow.
    """
    if acquisition.ice.thickness_A.shape != potential_V.shape[1:]:
        raise MembraneSegError(
            f"the ice has {acquisition.ice.thickness_A.shape} columns and the box "
            f"{potential_V.shape[1:]}, expected the same; draw the ice for this box"
        )
    report = progress or _silent
    exposures = _draw_exposures(acquisition, rng)
    above_mean = potential_V - np.float32(potential_V.mean(dtype=np.float64))
    images = project(
        above_mean,
        np.array([exposure.angle_deg for exposure in exposures]),
        device,
        lambda done: report("tilt series", SHARE_OF_PROJECTION * done),
    )
    for index, exposure in enumerate(exposures):
        projected_VA = images[index] * np.float32(voxel_size_A)
        contrast = form_image(projected_VA, voxel_size_A, acquisition.microscope, exposure, device)
        path_A = path_length_A(acquisition.ice, exposure.angle_deg, contrast.shape[1])
        dose = exposure.dose_after - exposure.dose_before
        background = expected_counts(acquisition.microscope, voxel_size_A, dose, path_A)
        images[index] = _count(contrast, background, rng)
        done = (index + 1) / len(exposures)
        report("tilt series", SHARE_OF_PROJECTION + (1 - SHARE_OF_PROJECTION) * done)
    return TiltSeries(images, voxel_size_A, acquisition.scheme.angles_deg, exposures)


def relative_intensity(series: TiltSeries) -> Float32:
    """Return each tilt divided by its mean, minus 1.

    Parameters
    ----------
    series : TiltSeries

    Returns
    -------
    (T, Y, U) float32
        Mean 0 in every tilt, however much the ice absorbs there.

    Raises
    ------
    MembraneSegError
        If a tilt holds no electrons.
    """
    means = series.counts.mean(axis=(1, 2), dtype=np.float64)
    if means.min() <= 0.0:
        empty = float(series.angles_deg[int(means.argmin())])
        raise MembraneSegError(
            f"the tilt at {empty:g}° counted 0 electrons, expected some; raise the dose or thin "
            "the ice"
        )
    return np.asarray(series.counts / means[:, None, None] - 1.0, dtype=np.float32)


def bin_series(series: TiltSeries, factor: int) -> TiltSeries:
    """Merge pixels by cropping each image's spectrum.

    Parameters
    ----------
    series : TiltSeries
    factor : int
        Old pixels along the edge of a new one.

    Returns
    -------
    TiltSeries
        Y // factor rows, each centred on `factor` old ones, and an even number of columns with
        the tilt axis in their middle; counts add up. Frequencies above the new Nyquist are gone.
    """
    if factor == 1:
        return series
    rows, columns = series.counts.shape[1] // factor, series.counts.shape[2]
    if factor < 1 or rows < 1:
        raise MembraneSegError(
            f"the binning is {factor}, expected 1 to {series.counts.shape[1]} (the rows of the "
            "series); give a smaller binning"
        )
    wide = 2 * -(-columns // (2 * factor)) * factor
    left = wide // 2 - columns // 2
    beside = ((0, 0), (left, wide - columns - left))
    shape = (rows, wide // factor)
    binned = np.empty((len(series.counts), *shape), dtype=np.float32)
    for index, image in enumerate(series.counts):
        padded = np.pad(image[: rows * factor], beside, mode="edge")
        binned[index] = _fourier_crop(padded, shape, factor)
    return replace(series, counts=binned, pixel_size_A=series.pixel_size_A * factor)


def _draw_exposures(acquisition: Acquisition, rng: np.random.Generator) -> tuple[Exposure, ...]:
    """Draw the errors of every tilt and note the dose that it starts and ends with."""
    microscope, angles = acquisition.microscope, acquisition.scheme.angles_deg
    count = len(angles)
    true_angles = angles + rng.normal(0.0, microscope.tilt_error_deg, count)
    defoci = microscope.defocus_um + rng.normal(0.0, microscope.defocus_error_um, count)
    shifts = rng.normal(0.0, microscope.alignment_error_A, (count, 2))
    windows = dose_windows_e_per_A2(acquisition.scheme, microscope.dose_e_per_A2)
    return tuple(
        Exposure(float(angle), float(before), float(after), float(defocus), (float(y), float(x)))
        for angle, (before, after), defocus, (y, x) in zip(
            true_angles, windows, defoci, shifts, strict=True
        )
    )


def _count(contrast: Float32, background: Float64, rng: np.random.Generator) -> Float32:
    """Draw whole electrons from Poisson distributions of the expected numbers."""
    expected = np.maximum(background * (1.0 + contrast.astype(np.float64)), 0.0)
    return rng.poisson(expected).astype(np.float32)


def _fourier_crop(image: Float32, shape_yx: tuple[int, int], factor: int) -> Float32:
    """Keep the spectrum that fits `shape_yx`, a factor smaller; electrons add up."""
    rows, columns = shape_yx
    spectrum = torch.fft.rfft2(torch.from_numpy(np.array(image)))
    keep = columns // 2 + 1
    low, high = (rows + 1) // 2, rows // 2
    kept = torch.cat([spectrum[:low, :keep], spectrum[spectrum.shape[0] - high :, :keep]])
    fy = torch.fft.fftfreq(rows, factor, dtype=torch.float64)[:, None]
    to_middle = torch.exp(2j * torch.pi * fy * (factor - 1) / 2)  # of the rows that merge
    cropped = torch.fft.irfft2(kept * to_middle.to(kept), s=shape_yx)
    return np.asarray(cropped.numpy(), dtype=np.float32)


def _silent(step: str, share: float) -> None:
    pass
