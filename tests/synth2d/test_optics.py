"""Contrast transfer and bilayer profile against their formulas."""

import numpy as np
import pytest

from synth2d.optics import WAVELENGTH_A, Optics, bilayer_profile, contrast_transfer


def optics(**changes):
    values = {
        "pixel_size_A": 1.0,
        "defocus_A": 40000.0,
        "amplitude_contrast": 0.0,
        "low_frequency_gain": 0.0,
        "resolution_A": 0.1,
        "phase_flipped": False,
    }
    return Optics(**(values | changes))


def test_first_zero_stands_at_one_over_root_wavelength_times_defocus():
    frequency = np.linspace(1e-4, 0.05, 20000)
    transfer = contrast_transfer(frequency, optics())
    first = frequency[np.flatnonzero(np.diff(np.sign(transfer)) != 0)[0]]
    assert first == pytest.approx(1 / np.sqrt(WAVELENGTH_A * 40000.0), rel=2e-3)


def test_amplitude_contrast_is_what_is_left_at_zero_frequency():
    assert contrast_transfer(np.zeros(1), optics(amplitude_contrast=0.1))[0] == pytest.approx(-0.1)


def test_phase_flipping_leaves_no_positive_transfer():
    frequency = np.linspace(0, 0.1, 500)
    assert contrast_transfer(frequency, optics(phase_flipped=True)).max() <= 0
    assert contrast_transfer(frequency, optics()).max() > 0.5


@pytest.mark.parametrize("spacing", [34.0, 38.0, 42.0])
def test_leaflets_stand_at_half_their_spacing_when_the_microscope_resolves_them(spacing):
    fine = optics(low_frequency_gain=1.0, defocus_A=5000.0, resolution_A=4.0, phase_flipped=True)
    position, density = bilayer_profile(spacing, 0.3, fine)
    right = position > 5
    darkest = position[right][np.argmin(density[right])]
    assert darkest == pytest.approx(spacing / 2, abs=2.5)
    assert density.min() == pytest.approx(-1.0)


def test_profile_is_symmetric_and_has_a_bright_fringe():
    position, density = bilayer_profile(38.0, 0.3, optics(resolution_A=25.0))
    np.testing.assert_allclose(density, density[::-1], atol=1e-9)
    assert density[np.abs(position) > 30].max() > 0.1
