"""The tilt range and the direction of the tilt axis, read off volumes with a known wedge."""

import numpy as np
import pytest

from membraneseg.segment.tilt_range import is_tilted_about_x, measure_tilt_range


def wedge_volume(theta, shape=(64, 96, 96), seed=0):
    """White noise from which everything outside a ±theta wedge about y was removed."""
    noise = np.random.default_rng(seed).normal(size=shape)
    kz = np.abs(np.fft.fftfreq(shape[0]))[:, None, None]
    kx = np.abs(np.fft.fftfreq(shape[2]))[None, None, :]
    spectrum = np.fft.fftn(noise) * (kz <= kx * np.tan(np.deg2rad(theta)))
    return np.fft.ifftn(spectrum).real


@pytest.mark.parametrize("theta", [40.0, 50.0, 60.0, 66.0])
def test_the_range_comes_back_within_three_degrees(theta):
    assert measure_tilt_range(wedge_volume(theta)) == pytest.approx(theta, abs=3.0)


def test_contrast_and_offset_do_not_matter():
    volume = wedge_volume(55.0)
    assert measure_tilt_range(-30.0 * volume + 7.0) == measure_tilt_range(volume)


def test_a_full_spectrum_has_no_range():
    assert measure_tilt_range(np.random.default_rng(1).normal(size=(64, 80, 80))) is None


def test_the_direction_of_the_tilt_axis_is_told():
    volume = wedge_volume(60.0)
    assert not is_tilted_about_x(volume)
    assert is_tilted_about_x(volume.transpose(0, 2, 1))
    assert not is_tilted_about_x(np.random.default_rng(1).normal(size=(64, 80, 80)))
