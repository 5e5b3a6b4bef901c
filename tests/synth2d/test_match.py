"""What is measured in a volume of known parts comes back, and slices drawn with it have it."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from synth2d.appearance import Appearance, around, matched_noise
from synth2d.config import SliceConfig
from synth2d.match import LAGS, SPOTS, like_profile, measure_appearance, noise_covariance
from synth2d.optics import Optics, bilayer_profile
from synth2d.slices import MEMBRANE, make_slice

PIXEL_A, CONTRAST = 12.0, 2.5
WIDTHS = np.array([0.6, 1.1, 0.5])  # of the noise's Gaussian filter along z, y, x in voxels
OPTICS = Optics(PIXEL_A, 5e4, 0.08, 0.3, 40.0, True)
PROFILE = bilayer_profile(38.0, 0.35, OPTICS)
MIDDLES = (40.0, 60.5, 211.3)  # of membranes whose normal is x


def filtered_noise(rng, shape):
    """Gaussian noise whose power falls as exp(-(2π k width)²) along every axis, deviation 1."""
    spectrum = np.fft.rfftn(rng.standard_normal(shape))
    for axis, width in enumerate(WIDTHS):
        k = np.fft.rfftfreq(shape[2]) if axis == 2 else np.fft.fftfreq(shape[axis])
        falloff = np.exp(-0.5 * (2 * np.pi * k * width) ** 2)
        spectrum *= falloff.reshape([-1 if a == axis else 1 for a in range(3)])
    noise = np.fft.irfftn(spectrum, s=shape, axes=(0, 1, 2))
    return noise / noise.std()


@pytest.fixture(scope="module")
def world():
    """Voxels with three membranes, the probability of a good network, and what was measured."""
    shape = (20, 144, 256)
    x = np.arange(shape[2])
    voxels = filtered_noise(np.random.default_rng(0), shape)
    probability = np.zeros(shape, dtype=np.float32)
    for middle in MIDDLES:
        voxels += CONTRAST * np.interp((x - middle) * PIXEL_A, *PROFILE)
        probability[:, :, np.abs(x - middle) < 2.2] = 0.95
    voxels = 7.0 * voxels + 90.0
    return voxels, probability, measure_appearance(voxels, probability, PIXEL_A, 60.0)


def decibel(measured, true):
    """Largest of the differences over frequencies that hold at least a hundredth of the power."""
    measured, true = (uniform_filter(power, 3) for power in (measured, true))
    used = true > 1e-2 * true.max()
    used[:3, :3] = False  # taken out with the slow background
    return np.abs(10 * np.log10(measured[used] / true[used])).max()


def true_power():
    k = np.linspace(0, 0.5, SPOTS)
    y, x = (np.exp(-((2 * np.pi * k * width) ** 2)) for width in WIDTHS[1:])
    return y[:, None] * x[None, :]


def scaled(power):
    """Bring a quarter of a spectrum to a deviation of 1, as `noise_covariance` does."""
    weight = np.full(SPOTS, 2.0)
    weight[[0, -1]] = 1.0
    weight = np.outer(weight, weight)
    return power * weight.sum() / (power * weight).sum()


def test_the_membranes_profile_comes_back(world):
    _, _, found = world
    true = np.interp(found.distance_A, *PROFILE)
    near = np.abs(found.distance_A) < 100
    assert np.corrcoef(found.profile[near], true[near])[0, 1] > 0.97
    assert found.profile.min() == pytest.approx(-1.0)


def test_contrast_over_noise_comes_back_within_fifteen_per_cent(world):
    assert world[2].contrast_to_noise == pytest.approx(CONTRAST, rel=0.15)


def test_the_noise_spectrum_comes_back_within_two_decibel(world):
    assert decibel(world[2].noise_covariance[0], scaled(true_power())) < 2.0


def test_the_correlation_of_neighbouring_slices_comes_back(world):
    covariance = world[2].noise_covariance
    weight = scaled(np.ones((SPOTS, SPOTS)))
    total = (covariance * weight).sum(axis=(1, 2))
    expected = np.exp(-(np.arange(LAGS) ** 2) / (4 * WIDTHS[0] ** 2))
    np.testing.assert_allclose(total / total[0], expected, atol=0.08)


def test_grey_values_units_do_not_matter(world):
    voxels, probability, found = world
    again = measure_appearance(0.01 * voxels - 5.0, probability, PIXEL_A, 60.0)
    assert again.contrast_to_noise == pytest.approx(found.contrast_to_noise, rel=1e-3)
    np.testing.assert_allclose(again.profile, found.profile, atol=1e-3)


def test_matched_noise_has_the_measured_spectrum_and_unit_deviation(world):
    rng = np.random.default_rng(4)
    drawn = np.stack([matched_noise(world[2], (3, 128, 128), rng) for _ in range(40)])
    assert drawn.std() == pytest.approx(1.0, abs=1e-3)
    along = np.mean(drawn[:, :, 2:] * drawn[:, :, :-2])
    across = np.mean(drawn[..., 2:] * drawn[..., :-2])
    between = np.mean(drawn[:, 1] * drawn[:, 0])
    for found, expected in ((along, 2 / WIDTHS[1]), (across, 2 / WIDTHS[2])):
        assert found == pytest.approx(np.exp(-(expected**2) / 4), abs=0.06)
    assert between == pytest.approx(np.exp(-1 / (4 * WIDTHS[0] ** 2)), abs=0.08)


@pytest.mark.parametrize("resolution", [20.0, 35.0, 60.0])
def test_the_apparent_resolution_comes_back_within_twenty_per_cent(resolution):
    distance, profile = bilayer_profile(38.0, 0.35, Optics(12.0, 5e4, 0.08, 0.3, resolution, True))
    assert like_profile(distance, profile, 12.0).resolution_A == pytest.approx(resolution, rel=0.2)


def test_drawn_slices_have_the_contrast_that_was_measured(world):
    found = world[2]
    config = SliceConfig(size_px=128, body_count=(1, 1), globules_per_um2=(1.0, 2.0))
    narrow = around(config, found)
    assert narrow.pixel_size_A[0] < PIXEL_A < narrow.pixel_size_A[1]
    assert narrow.contrast_to_noise[0] < found.contrast_to_noise < narrow.contrast_to_noise[1]
    signals = []
    for seed in range(30):
        drawn = make_slice(config, np.random.default_rng(seed), found)
        membrane = drawn.labels == MEMBRANE
        if membrane.sum() > 200:
            image = drawn.image[1]
            signals.append(image[drawn.labels == 0].mean() - np.quantile(image[membrane], 0.2))
    assert len(signals) > 5
    assert 0.5 * CONTRAST < np.median(signals) < 1.5 * CONTRAST  # the wedge and the noise move it


def test_too_little_membrane_is_refused(world):
    voxels, probability, _ = world
    with pytest.raises(ValueError, match="surely a membrane"):
        measure_appearance(voxels, 0.1 * probability, PIXEL_A, 60.0)
    with pytest.raises(ValueError, match="is not dark"):
        measure_appearance(-voxels, probability, PIXEL_A, 60.0)


def test_an_appearance_without_contrast_is_refused():
    noise = noise_covariance(
        np.ones((6, 64, 64), np.float32) * np.eye(64, dtype=np.float32), np.ones((6, 64, 64), bool)
    )
    with pytest.raises(ValueError, match="must be positive"):
        Appearance(12.0, 60.0, OPTICS, *PROFILE, 0.0, noise)
