"""Electrons, ice and binning of a recorded series, against statistics and closed forms."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import chi2, poisson

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.ice import Ice, IceConfig, draw_ice, path_length_A
from membraneseg.phantom.imaging import Exposure
from membraneseg.phantom.microscope import Microscope, expected_counts
from membraneseg.phantom.projection import project
from membraneseg.phantom.reconstruction import ReconstructionConfig, reconstruct_series
from membraneseg.phantom.tilt_scheme import TiltScheme
from membraneseg.phantom.tilt_series import (
    Acquisition,
    TiltSeries,
    bin_series,
    record_series,
    relative_intensity,
)

SHAPE, VOXEL_A = (20, 120, 200), 10.0
SCHEME = TiltScheme(step_deg=15.0)


def even_ice(shape=SHAPE, thickness_A=200.0):
    return Ice(np.full(shape[1:], thickness_A), VOXEL_A)


def empty_series(microscope=None, ice=None, seed=0):
    acquisition = Acquisition(SCHEME, microscope or Microscope(), ice or even_ice())
    potential = np.zeros(SHAPE, dtype=np.float32)
    return record_series(potential, VOXEL_A, acquisition, np.random.default_rng(seed))


def expected_in(series, dose, ice_A=200.0):
    """Electrons per pixel of each tilt behind even ice."""
    path_A = ice_A / np.cos(np.deg2rad(series.angles_deg))
    return dose / 9 * 0.5 * VOXEL_A**2 * np.exp(-path_A / 3100.0)


def test_counts_are_whole_and_poisson_at_every_level():
    series = empty_series()
    assert np.array_equal(series.counts, np.rint(series.counts))
    for counts, level in zip(series.counts, expected_in(series, 120.0), strict=True):
        n = counts.size
        assert counts.mean() == pytest.approx(level, abs=4 * np.sqrt(level / n))
        dispersion = ((counts.astype(float) - level) ** 2).sum() / level
        assert abs(dispersion - n) < 4 * np.sqrt(2 * n)


def test_histogram_of_few_electrons_is_that_of_poisson():
    series = empty_series(Microscope(dose_e_per_A2=0.9))
    index = int(np.flatnonzero(series.angles_deg == 0.0)[0])
    counts = series.counts[index].astype(int)
    bins = np.arange(1, 10)
    seen = np.array([(counts <= 0).sum(), *[(counts == b).sum() for b in bins]])
    shares = poisson.pmf(np.arange(10), expected_in(series, 0.9)[index])
    seen, wanted = np.append(seen, counts.size - seen.sum()), np.append(shares, 1 - shares.sum())
    wanted = wanted * counts.size
    assert ((seen - wanted) ** 2 / wanted).sum() < chi2.isf(1e-4, len(seen) - 1)


def test_noise_variance_is_one_over_the_dose():
    for dose in (30.0, 60.0, 120.0, 240.0):
        series = empty_series(Microscope(dose_e_per_A2=dose))
        variances = relative_intensity(series).var(axis=(1, 2))
        assert variances * expected_in(series, dose) == pytest.approx(1.0, abs=0.05)
        assert (variances * expected_in(series, dose)).mean() == pytest.approx(1.0, abs=0.015)


def test_ice_of_one_mean_free_path_lets_one_in_e_electrons_through():
    microscope = Microscope(mean_free_path_nm=200.0)
    through = expected_counts(microscope, 10.0, 3.0, np.array([0.0, 2000.0]))
    assert through == pytest.approx(150.0 * np.exp([0.0, -1.0]))


def test_thin_ice_is_brighter_and_high_tilts_are_darker_by_the_exponential():
    thickness = np.full(SHAPE[1:], 1500.0)
    thickness[:60] = 700.0
    series = empty_series(Microscope(dose_e_per_A2=2000.0), Ice(thickness, VOXEL_A))
    thin, thick = series.counts[:, :60].mean(axis=(1, 2)), series.counts[:, 60:].mean(axis=(1, 2))
    cosine = np.cos(np.deg2rad(series.angles_deg))
    assert thin / thick == pytest.approx(np.exp(800.0 / 3100.0 / cosine), rel=0.01)
    assert thick / thick[4] == pytest.approx(np.exp(1500.0 / 3100.0 * (1 - 1 / cosine)), rel=0.01)


def test_path_at_a_tilt_is_that_of_the_column_under_the_pixel():
    slope = np.tile(100.0 + np.arange(201.0), (3, 1))
    path = path_length_A(Ice(slope, VOXEL_A), 60.0, 240)
    u = np.arange(240) - 120
    assert path[1] == pytest.approx(2 * (100.0 + np.clip(100.0 + 2 * u, 0.0, 200.0)), abs=1e-9)


def test_drawn_ice_covers_the_box_or_keeps_its_mean_and_is_smooth():
    rng = np.random.default_rng(4)
    covering = draw_ice(SHAPE, VOXEL_A, IceConfig(variation=0.3), rng)
    assert covering.thickness_A.min() == pytest.approx(200.0)
    assert np.array_equal(covering.top_A - covering.bottom_A, covering.thickness_A)
    for _ in range(10):
        ice = draw_ice((20, 200, 200), VOXEL_A, IceConfig(50.0, 0.2, 60.0), rng)
        assert np.abs(ice.thickness_A / 500.0 - 1.0).max() <= 0.2
        steepest = 500.0 * 0.2 * 2 * np.pi / 60.0
        assert np.abs(np.diff(ice.thickness_A, axis=1)).max() <= steepest
    assert np.ptp(draw_ice(SHAPE, VOXEL_A, IceConfig(80.0), rng).thickness_A) == 0.0


@pytest.mark.parametrize(
    "wrong", [{"thickness_nm": -1.0}, {"variation": 1.0}, {"wavelength_nm": 0.0}]
)
def test_impossible_ice_is_refused_by_name(wrong):
    with pytest.raises(MembraneSegError, match=next(iter(wrong))):
        IceConfig(**wrong)


def test_the_seed_fixes_the_series_and_nothing_is_modified():
    potential = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    potential.flags.writeable = False
    acquisition = Acquisition(SCHEME, Microscope(tilt_error_deg=0.2), even_ice())
    first, again, other = (
        record_series(potential, VOXEL_A, acquisition, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    assert np.array_equal(first.counts, again.counts)
    assert first.exposures == again.exposures
    assert first.exposures[0].angle_deg != other.exposures[0].angle_deg
    assert not np.array_equal(first.counts, other.counts)


def test_errors_of_angle_shift_and_defocus_have_their_standard_deviations():
    errors = {"tilt_error_deg": 0.3, "alignment_error_A": 7.0, "defocus_error_um": 0.2}
    acquisition = Acquisition(TiltScheme(step_deg=0.2), Microscope(**errors), even_ice((2, 4, 4)))
    potential = np.zeros((2, 4, 4), dtype=np.float32)
    series = record_series(potential, VOXEL_A, acquisition, np.random.default_rng(2))
    seen = series.exposures
    true_angles = np.array([exposure.angle_deg for exposure in seen])
    assert np.std(true_angles - series.angles_deg) == pytest.approx(0.3, rel=0.1)
    shifts = np.array([exposure.shift_yx_A for exposure in seen])
    assert np.std(shifts, axis=0) == pytest.approx([7.0, 7.0], rel=0.1)
    defoci = np.array([exposure.defocus_um for exposure in seen])
    assert np.std(defoci) == pytest.approx(0.2, rel=0.1)
    assert np.mean(defoci) == pytest.approx(5.0, abs=0.03)
    assert max(exposure.dose_after for exposure in seen) == pytest.approx(120.0)


def test_the_mean_of_the_potential_does_not_show():
    acquisition = Acquisition(SCHEME, Microscope(), even_ice())
    potential = np.full(SHAPE, 3.0, dtype=np.float32)
    series = record_series(potential, VOXEL_A, acquisition, np.random.default_rng(0))
    assert np.array_equal(series.counts, empty_series().counts)


def test_ice_of_another_box_is_refused():
    with pytest.raises(MembraneSegError, match=r"\(120, 199\).*\(120, 200\)"):
        empty_series(ice=even_ice((20, 120, 199)))


def test_a_tilt_without_electrons_is_named():
    with pytest.raises(MembraneSegError, match=r"0 electrons.*raise the dose"):
        relative_intensity(empty_series(Microscope(dose_e_per_A2=1e-9)))


def series_of(images, angles):
    exposures = tuple(Exposure(float(angle), 0.0, 1.0, 5.0) for angle in angles)
    return TiltSeries(images, VOXEL_A, angles, exposures)


@pytest.mark.parametrize("factor", [2, 3])
def test_binning_adds_electrons_up_and_keeps_long_waves_exactly(factor):
    y, u = np.arange(120.0)[:, None], np.arange(208.0) - 104
    wave = 9.0 + np.cos(2 * np.pi * (3 * y / 120 + 4 * u / 208) + 0.4)
    series = bin_series(series_of(wave[None].astype(np.float32), np.zeros(1)), factor)
    assert series.pixel_size_A == VOXEL_A * factor
    rows, columns = series.counts.shape[1:]
    y = factor * np.arange(rows)[:, None] + (factor - 1) / 2
    u = factor * (np.arange(columns) - columns // 2)
    expected = 9.0 + np.cos(2 * np.pi * (3 * y / 120 + 4 * u / 208) + 0.4)
    inner = slice(8, -8)  # an axis in the middle may need columns beyond the edge
    error = np.abs(series.counts[0] / factor**2 - expected)
    assert error[:, inner].max() < (1e-5 if factor == 2 else 0.02)


def test_a_binned_series_gives_the_tomogram_in_the_same_place():
    shape, factor = (24, 30, 60), 3
    axes = [np.arange(n, dtype=np.float64) for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    blob = np.exp(-0.5 * ((z - 14) ** 2 + (y - 10) ** 2 + (x - 41) ** 2) / 4.0**2)
    angles = np.arange(-75.0, 76.0, 3.0)
    images = 100.0 * (1.0 - 0.002 * project(blob.astype(np.float32), angles))
    small = reconstruct_series(
        series_of(images, angles), shape, ReconstructionConfig(low_pass=0.5, binning=factor)
    )
    assert small.shape == (8, 10, 20)
    weight = np.clip(-small - 0.3 * np.max(-small), 0.0, None)
    grids = np.meshgrid(
        *[np.arange(n) * factor + (factor - 1) / 2 for n in small.shape], indexing="ij"
    )
    place = [float((weight * g).sum() / weight.sum()) for g in grids]
    assert place == pytest.approx([14.0, 10.0, 41.0], abs=0.5)


def test_no_binning_is_no_change_and_too_much_is_refused():
    series = empty_series()
    assert bin_series(series, 1) is series
    with pytest.raises(MembraneSegError, match="binning is 121"):
        bin_series(dataclasses.replace(series), 121)
