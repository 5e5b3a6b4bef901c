"""Contrast transfer, damage and the image of a projected potential, against closed forms."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom import imaging
from membraneseg.phantom.imaging import Exposure, defocus_levels_um, form_image, local_defocus_um
from membraneseg.phantom.microscope import (
    Microscope,
    contrast_transfer,
    damage_filter,
    detector_transfer,
    interaction_constant,
    wavelength_A,
)

SHARP = Microscope(envelope_A2=0.0, transfer_at_nyquist=1.0)
NO_DAMAGE = 1e-6


def zero_frequency(defocus_um, order, microscope=SHARP):
    """Solve π λ Δf k² − (π/2) Cs λ³ k⁴ + asin(w) = order · π for k, a quadratic in k²."""
    length = 0.0196875
    a, b = -0.5 * microscope.spherical_aberration_mm * 1e7 * length**3, length * defocus_um * 1e4
    c = np.arcsin(microscope.amplitude_contrast) / np.pi - order
    return np.sqrt((-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a))


def exposure(angle_deg=0.0, defocus_um=5.0, shift_yx_A=(0.0, 0.0)):
    return Exposure(angle_deg, 0.0, NO_DAMAGE, defocus_um, shift_yx_A)


def ring_means(image, pixel_A, size):
    """Mean power of the spectrum in rings 1 / (size · pixel) wide."""
    power = np.abs(np.fft.fft2(image, s=(size, size))) ** 2
    frequency = np.fft.fftfreq(size)
    ring = np.rint(np.hypot(frequency[:, None], frequency) * size).astype(int)
    return np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())


def darkest_ring(image, pixel_A, size, near):
    rings = ring_means(image, pixel_A, size)
    window = slice(round(0.8 * near), round(1.2 * near))
    return np.argmin(rings[window]) + window.start


def test_electrons_have_the_tabulated_wavelength_and_interaction():
    assert wavelength_A(300.0) == pytest.approx(0.019687, rel=1e-3)
    assert wavelength_A(200.0) == pytest.approx(0.025079, rel=1e-3)
    assert interaction_constant(300.0) == pytest.approx(6.526e-4, rel=2e-3)


def test_contrast_transfer_follows_its_formula_and_vanishes_at_multiples_of_pi():
    size, pixel_A = 1024, 4.0
    transfer = contrast_transfer((4, size), pixel_A, SHARP, np.array([4.0, 2.5])).numpy()
    k = np.fft.rfftfreq(size, pixel_A)
    length = 0.0196875
    for row, defocus_um in zip(transfer, (4.0, 2.5), strict=True):
        chi = np.pi * length * defocus_um * 1e4 * k**2 - 0.5 * np.pi * 2.7e7 * length**3 * k**4
        assert row[0] == pytest.approx(np.sin(chi + np.arcsin(0.08)), abs=1e-3)
        for order in range(1, 6):
            ring = int(zero_frequency(defocus_um, order) * size * pixel_A)
            assert row[0, ring] * row[0, ring + 1] <= 0.0  # the zero lies between these two rings


def test_envelope_damps_by_its_factor():
    enveloped = Microscope(envelope_A2=300.0)
    args = ((64, 64), 5.0)
    ratio = (
        contrast_transfer(*args, enveloped, np.array([3.0]))[0, 0]
        / (contrast_transfer(*args, Microscope(envelope_A2=0.0), np.array([3.0]))[0, 0])
    )
    k = np.fft.rfftfreq(64, 5.0)
    assert ratio.numpy() == pytest.approx(np.exp(-300.0 * k**2 / 4), rel=1e-4)


@pytest.mark.parametrize("angle_deg", [0.0, 90.0, 30.0])
def test_astigmatism_turns_from_x_towards_y(angle_deg):
    astigmatic = Microscope(astigmatism_um=0.4, astigmatism_angle_deg=angle_deg, envelope_A2=0.0)
    ours = contrast_transfer((256, 256), 10.0, astigmatic, np.array([4.0]))[0].numpy()
    fy, fx = np.fft.fftfreq(256, 10.0)[:, None], np.fft.rfftfreq(256, 10.0)[None, :]
    for direction in (angle_deg, angle_deg + 90.0):
        local_um = 4.0 + 0.4 * np.cos(2 * np.deg2rad(direction - angle_deg))
        round_one = contrast_transfer((256, 256), 10.0, SHARP, np.array([local_um]))[0].numpy()
        turned = np.rad2deg(np.arctan2(fy, fx)) - direction
        along = np.abs((turned + 90.0) % 180.0 - 90.0) < 0.3
        assert along.sum() > 20
        assert ours[along] == pytest.approx(round_one[along], abs=0.01)


def test_damage_follows_the_critical_dose_curve():
    critical = 0.24499 * 0.1**-1.6649 + 2.8141
    thin = damage_filter(np.array([0.1]), critical, critical + 1e-4)[0]
    assert thin == pytest.approx(np.exp(-0.5), rel=1e-4)
    halves = [damage_filter(np.array([0.05]), *w)[0] for w in ((0, 30), (30, 60))]
    assert damage_filter(np.array([0.05]), 0, 60)[0] == pytest.approx(np.mean(halves), rel=1e-9)


def test_detector_transfers_its_share_at_nyquist():
    assert detector_transfer(np.array([0.0, 0.05]), 10.0, 0.6) == pytest.approx([1.0, 0.6])


def test_image_of_a_point_has_a_dark_ring_at_the_first_zero():
    pixel_A, size = 6.0, 256
    points = np.zeros((size, size), dtype=np.float32)
    points[size // 2, size // 2] = 1e4
    image = form_image(points, pixel_A, SHARP, exposure(defocus_um=6.0))
    zero = zero_frequency(6.0, 1) * size * pixel_A
    assert abs(darkest_ring(image, pixel_A, size, zero) - zero) <= 1.0


@pytest.mark.parametrize(("column", "angle_deg"), [(770, 55.0), (254, 55.0), (770, -55.0)])
def test_off_axis_columns_of_a_tilted_image_have_their_own_defocus(column, angle_deg):
    pixel_A, size = 8.0, 1024
    points = np.zeros((96, size), dtype=np.float32)
    points[48, column] = 1e4
    image = form_image(points, pixel_A, SHARP, exposure(angle_deg))
    u_A = (column - size // 2) * pixel_A
    local_um = 5.0 + u_A * np.tan(np.deg2rad(angle_deg)) * 1e-4
    zero = zero_frequency(local_um, 1) * size * pixel_A
    assert abs(zero - zero_frequency(5.0, 1) * size * pixel_A) > 6.0
    assert abs(darkest_ring(image, pixel_A, size, zero) - zero) <= 1.0


def test_more_levels_of_defocus_hardly_change_the_image(monkeypatch):
    rng = np.random.default_rng(0)
    potential = rng.normal(size=(64, 300)).astype(np.float32)
    seen = exposure(60.0)
    coarse = form_image(potential, 6.0, SHARP, seen)
    monkeypatch.setattr(imaging, "LARGEST_LEVEL_STEP_UM", 0.005)
    fine = form_image(potential, 6.0, SHARP, seen)
    assert np.abs(coarse - fine).std() < 0.02 * fine.std()


def test_levels_are_as_close_as_the_depth_of_field_asks():
    local = local_defocus_um(1000, 3.0, exposure(60.0))
    assert np.ptp(local) == pytest.approx(2 * 750 * np.tan(np.pi / 3) * 1e-4, rel=0.01)
    levels = defocus_levels_um(local, 3.0, SHARP)
    phase = np.pi * wavelength_A(300.0) * np.diff(levels) * 1e4 / 6.0**2
    assert phase.max() < 0.5 < phase.max() * len(levels) / (len(levels) - 2)
    assert len(defocus_levels_um(local_defocus_um(1000, 3.0, exposure()), 3.0, SHARP)) == 1


def test_denser_matter_is_darker_and_the_whole_contrast_is_the_amplitude_contrast():
    slab = np.zeros((320, 128), dtype=np.float32)
    slab[144:176, 48:80] = 1000.0
    image = form_image(slab, 10.0, Microscope(), exposure())
    expected = -2 * 6.526e-4 * 1000.0 * 0.08 * 32**2
    assert image.sum() == pytest.approx(expected, rel=0.02)
    assert image[158:162, 62:66].mean() < 0.0


def test_misalignment_moves_the_image_by_its_length():
    potential = np.zeros((64, 64), dtype=np.float32)
    potential[30:34, 30:34] = 500.0
    still = form_image(potential, 10.0, Microscope(), exposure())
    moved = form_image(potential, 10.0, Microscope(), exposure(shift_yx_A=(20.0, -30.0)))
    inner = np.roll(still, (2, -3), axis=(0, 1))[8:-8, 8:-8]
    assert moved[8:-8, 8:-8] == pytest.approx(inner, abs=1e-4 * float(np.abs(still).max()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"voltage_kV": 0.0},
        {"dose_e_per_A2": -1.0},
        {"mean_free_path_nm": 0.0},
        {"astigmatism_um": -0.1},
        {"tilt_error_deg": float("nan")},
        {"quantum_efficiency": 1.2},
        {"amplitude_contrast": 1.0},
        {"defocus_um": float("inf")},
    ],
)
def test_impossible_microscopes_are_refused_by_name(wrong):
    with pytest.raises(MembraneSegError, match=next(iter(wrong))):
        Microscope(**wrong)
