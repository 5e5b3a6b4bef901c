"""The physics of the tilt series against closed forms."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from membraneseg.phantom.density import render_vesicles
from membraneseg.phantom.microscope import (
    Microscope,
    contrast_transfer,
    damage_filter,
    expected_counts,
    ideal_image,
    interaction_constant,
    record,
    wavelength_A,
)
from membraneseg.phantom.projection import (
    detector_width,
    dose_symmetric_order,
    project,
    tilt_angles_deg,
)
from membraneseg.phantom.reconstruction import angular_spans_rad, reconstruct
from membraneseg.phantom.scene import Scene
from membraneseg.phantom.vesicle import Vesicle
from synth2d.wedge import contrast_kept, wedge_depth_deg


def smooth_sphere(shape, radius):
    axes = [np.arange(n) - (n - 1) / 2 for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    depth = radius - np.sqrt(z**2 + y**2 + x**2)
    return np.clip(depth + 0.5, 0.0, 1.0).astype(np.float32)


def point_reconstruction(angles, shape=(96, 8, 96)):
    z, x = np.meshgrid(*[np.arange(n) - n // 2 for n in shape[::2]], indexing="ij")
    volume = np.zeros(shape, dtype=np.float32)
    volume[:, shape[1] // 2] = np.exp(-0.5 * (z**2 + x**2) / 1.2**2)
    series = np.stack([project(volume, float(a)) for a in angles])
    return volume, reconstruct(series, angles, shape, low_pass=0.5)


def polar_frequencies(depth, width):
    kz = np.fft.fftfreq(depth)[:, None]
    kx = np.fft.fftfreq(width)[None, :]
    elevation = np.rad2deg(np.arctan2(np.abs(kz), np.abs(kx)))
    return np.hypot(kz, kx), elevation


@pytest.mark.parametrize("angle_deg", [0.0, 33.0, -60.0])
def test_projection_of_a_uniform_sphere_is_its_chord(angle_deg):
    radius, shape = 18.0, (48, 9, 48)
    image = project(smooth_sphere(shape, radius), angle_deg)
    u = np.arange(image.shape[1]) - image.shape[1] // 2
    y = 4 - (shape[1] - 1) / 2
    chord = 2 * np.sqrt(np.maximum(radius**2 - u**2 - y**2, 0.0))
    inner = np.abs(u) < radius - 2
    assert np.abs(image[4] - chord)[inner].max() < 0.35
    assert image[4].sum() == pytest.approx(np.pi * radius**2, rel=0.004)


def test_a_point_falls_where_its_rotated_x_says():
    shape, angle = (41, 3, 61), np.deg2rad(25.0)
    volume = np.zeros(shape, dtype=np.float32)
    volume[20 + 9, 1, 30 - 12] = 1.0
    image = project(volume, 25.0)
    u = np.arange(detector_width(shape)) - detector_width(shape) // 2
    centre = (image[1] * u).sum() / image[1].sum()
    assert centre == pytest.approx(-12 * np.cos(angle) + 9 * np.sin(angle), abs=0.35)


def test_power_outside_the_wedge_is_below_one_percent_of_that_inside():
    _, volume = point_reconstruction(tilt_angles_deg(60.0, 3.0))
    power = (np.abs(np.fft.fft2(volume, axes=(0, 2))) ** 2).mean(axis=1)
    radius, elevation = polar_frequencies(96, 96)
    band = (radius > 0.05) & (radius < 0.35)
    inside, outside = band & (elevation < 58.0), band & (elevation > 63.0)
    assert power[outside].mean() < 0.01 * power[inside].mean()
    assert power[outside].sum() < 0.01 * power[inside].sum()


def test_back_projection_returns_the_amplitudes_inside_the_wedge():
    original, volume = point_reconstruction(tilt_angles_deg(60.0, 3.0))
    spectra = [np.fft.fft2(v[:, 4], axes=(0, 1)) for v in (original, volume)]
    radius, elevation = polar_frequencies(96, 96)
    inside = (radius > 0.04) & (radius < 0.12) & (elevation < 50.0)
    gain = (spectra[1] / spectra[0])[inside]
    assert np.mean(gain.real) == pytest.approx(1.0, abs=0.08)
    assert np.abs(np.mean(gain.imag)) < 0.02


def test_even_tilts_stand_for_one_step_each_and_uneven_ones_for_their_gaps():
    assert np.rad2deg(angular_spans_rad(np.array([-6.0, -3, 0, 3, 6]))) == pytest.approx(3.0)
    spans = np.rad2deg(angular_spans_rad(np.array([4.0, 0.0, 2.0, 10.0])))
    assert spans == pytest.approx([4.0, 2.0, 2.0, 6.0])


def test_dose_symmetric_series_starts_at_zero_and_grows_outward():
    angles = np.array([-9.0, -6, -3, 0, 3, 6, 9])
    order = angles[np.argsort(dose_symmetric_order(angles))]
    assert order.tolist() == [0, 3, -3, -6, 6, 9, -9]


def test_electrons_at_300_kV_have_the_tabulated_wavelength_and_interaction():
    assert wavelength_A(300.0) == pytest.approx(0.019687, rel=1e-3)
    assert wavelength_A(200.0) == pytest.approx(0.025079, rel=1e-3)
    assert interaction_constant(300.0) == pytest.approx(6.526e-4, rel=2e-3)


def test_contrast_transfer_vanishes_where_the_phase_is_a_multiple_of_pi():
    microscope = Microscope(defocus_um=4.0, envelope_A2=0.0)
    length, cs = 0.019687, 2.7e7
    for n in range(1, 6):
        # π λ Δf k² − (π/2) Cs λ³ k⁴ + asin(w) = n π, a quadratic in k²
        a, b = -0.5 * cs * length**3, length * 4e4
        c = np.arcsin(microscope.amplitude_contrast) / np.pi - n
        k = np.sqrt((-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a))
        below, above = contrast_transfer(k * np.array([0.995, 1.005]), microscope)
        assert abs(contrast_transfer(np.array([k]), microscope)[0]) < 2e-3
        assert below * above < 0


def test_image_of_a_point_has_a_dark_ring_in_its_spectrum_at_the_first_zero():
    microscope = Microscope(defocus_um=6.0, envelope_A2=0.0)
    pixel_A, size = 6.0, 256
    points = np.zeros((size, size), dtype=np.float32)
    points[size // 2, size // 2] = 1e4
    image = ideal_image(points, pixel_A, microscope, (0.0, 1e-6))
    power = np.abs(np.fft.fft2(image)) ** 2
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size, pixel_A)] * 2))
    zero = np.sqrt((1 - np.arcsin(0.08) / np.pi) / (wavelength_A(300.0) * 6e4))
    ring = np.rint(k * size * pixel_A).astype(int)
    rings = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    window = slice(round(0.8 * zero * size * pixel_A), round(1.2 * zero * size * pixel_A))
    darkest = np.argmin(rings[window]) + window.start
    assert abs(darkest - zero * size * pixel_A) <= 1.0


def test_denser_matter_is_darker_and_the_whole_contrast_is_the_amplitude_contrast():
    slab = np.zeros((320, 128), dtype=np.float32)
    slab[144:176, 48:80] = 1000.0
    microscope = Microscope()
    image = ideal_image(slab, 10.0, microscope, (0.0, 1e-6))
    expected = -2 * 6.526e-4 * 1000.0 * microscope.amplitude_contrast * 32**2
    assert image.sum() == pytest.approx(expected, rel=0.02)


def test_damage_follows_the_critical_dose_curve():
    critical = 0.24499 * 0.1**-1.6649 + 2.8141
    thin = damage_filter(np.array([0.1]), critical, critical + 1e-4)[0]
    assert thin == pytest.approx(np.exp(-0.5), rel=1e-4)
    halves = [damage_filter(np.array([0.05]), *w)[0] for w in ((0, 30), (30, 60))]
    assert damage_filter(np.array([0.05]), 0, 60)[0] == pytest.approx(np.mean(halves), rel=1e-9)


def test_noise_variance_is_one_over_the_counted_electrons():
    rng = np.random.default_rng(5)
    empty = np.zeros((400, 400), dtype=np.float32)
    for dose in (30.0, 60.0, 120.0):
        microscope = Microscope(dose_e_per_A2=dose)
        counts = expected_counts(microscope, 13.5, 0.0, 41)
        assert counts == pytest.approx(dose / 41 * 13.5**2 * microscope.quantum_efficiency)
        assert record(empty, counts, microscope, rng).var() == pytest.approx(1 / counts, rel=0.015)


def test_ice_of_one_mean_free_path_lets_one_in_e_electrons_through():
    microscope = Microscope()
    through = expected_counts(microscope, 10.0, microscope.mean_free_path_nm, 41)
    assert through / expected_counts(microscope, 10.0, 0.0, 41) == pytest.approx(np.exp(-1))


@pytest.fixture(scope="module")
def kept_contrast():
    """Return wedge depths and the share of the bilayer's profile that the tomogram keeps there."""
    voxel_A, radius_A, shape = 13.5, 430.0, (96, 100, 100)
    centre = (np.asarray(shape) - 1) / 2 * voxel_A
    modes = (np.array([2]), np.array([[1.0, 0, 0]]), np.zeros(1))
    vesicle = Vesicle(1, centre, radius_A, *modes, thickness_A=38.0)
    potential = render_vesicles(Scene(shape, voxel_A, np.zeros(3), (vesicle,))).potential_V
    angles = tilt_angles_deg(60.0, 3.0)
    images = [project(potential, float(a)) for a in angles]
    series = np.stack([ideal_image(p, voxel_A, Microscope(), (0.0, 1e-6)) for p in images])
    volume = reconstruct(series, angles, shape)
    normals = np.random.default_rng(0).normal(size=(20000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = np.arange(-70.0, 71.0, 5.0)
    points = (centre + (radius_A + offsets[:, None, None]) * normals) / voxel_A
    profiles = map_coordinates(volume, points.reshape(-1, 3).T, order=3).reshape(len(offsets), -1)
    profiles -= profiles.mean(axis=0)
    depth = wedge_depth_deg(normals, 60.0)
    reference = profiles[:, depth < -30].mean(axis=1)
    return depth, reference @ profiles / (reference @ reference), normals


def test_outline_fades_with_wedge_depth_as_the_formula_says(kept_contrast):
    depth, kept, _ = kept_contrast
    for low, high in [(-2, 2), (2, 5), (5, 9), (10, 14), (14, 20), (20, 30)]:
        chosen = (depth >= low) & (depth < high)
        assert kept[chosen].mean() == pytest.approx(contrast_kept((low + high) / 2), abs=0.15)
    centres = np.arange(-12.0, 13.0, 2.0)
    means = [kept[np.abs(depth - c) < 1.0].mean() for c in centres]
    half = np.interp(-0.485, -np.array(means), centres)
    assert abs(half) < 5.0


def test_flanks_are_seen_and_caps_and_y_flanks_off_the_equator_are_lost(kept_contrast):
    depth, kept, normals = kept_contrast
    x_flank = np.abs(normals[:, 2]) > 0.9
    cap = np.abs(normals[:, 0]) > 0.95
    y_flank = (np.abs(normals[:, 1]) > 0.8) & (depth > 12.0)
    assert kept[x_flank].mean() == pytest.approx(1.0, abs=0.1)
    assert abs(kept[cap].mean()) < 0.1
    assert kept[y_flank].mean() < 0.15
