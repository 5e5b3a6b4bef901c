"""Do two tomograms look alike in numbers? Histograms and power spectra of any, side by side.

Prints, per tomogram, what survives any choice of grey scale: skewness and excess kurtosis of the
voxels at a common sampling, the slope of the radial power spectrum in XY, and how much power lies
along x (across the tilt axis) compared with y. `--save` draws the curves.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter, zoom
from scipy.stats import kurtosis, skew

from membraneseg.io.mrc import read_tomogram

matplotlib.use("Agg")

BAND_PER_A = (1 / 400, 1 / 60)
"""Frequencies compared: from 40 nm to 6 nm, which every tomogram of 25 Å voxels still holds."""
LONGEST_A = 1500.0


@dataclass(frozen=True)
class Look:
    """Numbers and curves of one tomogram.

    Parameters
    ----------
    name : str
    skewness, excess_kurtosis : float
        Of the voxels, at the common voxel size, slow background removed.
    slope : float
        d log power / d log frequency of the radial spectrum in `BAND_PER_A`.
    x_over_y : float
        Power within 20 degrees of the x axis over that within 20 degrees of y.
    bins, density : (B,) float64
        Histogram in standard deviations.
    frequency_per_A, power : (F,) float64
        Radial spectrum, mean 1 in the band.
    """

    name: str
    skewness: float
    excess_kurtosis: float
    slope: float
    x_over_y: float
    bins: np.ndarray
    density: np.ndarray
    frequency_per_A: np.ndarray
    power: np.ndarray


def look_at(path: Path, voxel_size_A: float) -> Look:
    """Measure a tomogram after bringing it to a voxel size; the middle half in z is used."""
    tomogram, _ = read_tomogram(path)
    voxels = np.asarray(tomogram.voxels, dtype=np.float32)
    depth = len(voxels)
    factor = tomogram.voxel_size_A / voxel_size_A
    if factor < 1.0:
        voxels = gaussian_filter(voxels, 0.4 / factor)
    voxels = zoom(voxels[depth // 4 : depth - depth // 4], factor, order=1)
    flat = voxels - gaussian_filter(voxels, (0, *[LONGEST_A / voxel_size_A / 6] * 2))
    scaled = (flat - flat.mean()) / flat.std()
    density, edges = np.histogram(scaled, bins=np.linspace(-6, 6, 121), density=True)
    frequency, power, x_over_y = spectrum(scaled, voxel_size_A)
    band = (frequency > BAND_PER_A[0]) & (frequency < BAND_PER_A[1])
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0]
    return Look(
        path.stem if path.stem != "tomogram" else path.parent.name,
        float(skew(scaled, axis=None)),
        float(kurtosis(scaled, axis=None)),
        float(slope),
        x_over_y,
        (edges[1:] + edges[:-1]) / 2,
        density,
        frequency,
        power / power[band].mean(),
    )


def spectrum(voxels: np.ndarray, voxel_size_A: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean radial power spectrum of the XY slices, and the power along x over that along y."""
    rows, columns = voxels.shape[1:]
    window = np.hanning(rows)[:, None] * np.hanning(columns)
    power = (np.abs(np.fft.fft2(voxels * window)) ** 2).mean(axis=0)
    fy = np.fft.fftfreq(rows, voxel_size_A)[:, None]
    fx = np.fft.fftfreq(columns, voxel_size_A)[None, :]
    radius = np.hypot(fy, fx)
    step = 1.0 / (min(rows, columns) * voxel_size_A)
    ring = np.rint(radius / step).astype(int)
    count = np.bincount(ring.ravel())
    radial = np.bincount(ring.ravel(), power.ravel()) / np.maximum(count, 1)
    kept = np.arange(1, min(rows, columns) // 2)
    band = (radius > BAND_PER_A[0]) & (radius < BAND_PER_A[1])
    angle = np.rad2deg(np.arctan2(np.abs(fy), np.abs(fx)))
    x_over_y = power[band & (angle < 20)].mean() / power[band & (angle > 70)].mean()
    return kept * step, radial[kept], float(x_over_y)


def draw(looks: list[Look]) -> Figure:
    """Histograms and spectra, one line per tomogram."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for look in looks:
        left.semilogy(look.bins, np.maximum(look.density, 1e-6), label=look.name)
        right.loglog(look.frequency_per_A * 10, look.power, label=look.name)
    left.set(xlabel="density, standard deviations", ylabel="share of voxels", ylim=(1e-5, 1))
    right.set(xlabel="frequency, 1/nm", ylabel="radial power in XY, band mean 1")
    right.axvspan(*(10 * np.array(BAND_PER_A)), color="0.93", zorder=0)
    right.legend(fontsize=8)
    return figure


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tomograms", nargs="+", type=Path)
    parser.add_argument("--voxel-size", type=float, default=24.6, help="common sampling in Å")
    parser.add_argument("--save", type=Path, help="PNG of the curves")
    options = parser.parse_args()
    looks = [look_at(path, options.voxel_size) for path in options.tomograms]
    print(f"{'tomogram':<28}{'skewness':>10}{'kurtosis':>10}{'slope':>8}{'x over y':>10}")
    for look in looks:
        numbers = f"{look.skewness:>10.2f}{look.excess_kurtosis:>10.2f}{look.slope:>8.2f}"
        print(f"{look.name:<28}{numbers}{look.x_over_y:>10.2f}")
    if options.save:
        draw(looks).savefig(options.save, dpi=110)


if __name__ == "__main__":
    main()
