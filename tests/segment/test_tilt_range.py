"""The tilt range and the direction of the tilt axis, read off volumes with a known wedge."""

import numpy as np
import pytest

from membraneseg.segment.tilt_range import beam_and_tilt_axis, measure_tilt_range


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


@pytest.mark.parametrize(
    ("axes", "order"),
    [("zy", (0, 1, 2)), ("zx", (0, 2, 1)), ("yz", (1, 0, 2)), ("yx", (2, 0, 1))],
)
def test_the_axes_of_beam_and_tilts_are_told(axes, order):
    turned = wedge_volume(60.0, (48, 96, 80)).transpose(order)
    assert turned.shape["zyx".index(axes[0])] == 48  # the beam's axis is the short one here
    assert beam_and_tilt_axis(turned) == axes


def test_without_a_wedge_the_expected_axes_stand():
    assert beam_and_tilt_axis(np.random.default_rng(1).normal(size=(64, 80, 80))) == "zy"
