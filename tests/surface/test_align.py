"""Patches drawn with known shifts and known noise."""

import numpy as np
import pytest

from membraneseg.surface.align import align, reliability

OFFSETS = np.arange(-12.0, 12.01, 0.5)


def patches(shifts, noise, rng):
    at = OFFSETS[None, :] - shifts[:, None]
    clean = -np.exp(-0.5 * ((at - 1.4) / 0.8) ** 2) - np.exp(-0.5 * ((at + 1.4) / 0.8) ** 2)
    return clean + noise * rng.normal(size=clean.shape)


def test_shifts_come_back_to_a_tenth_of_a_voxel_and_the_centre_is_their_mean():
    rng = np.random.default_rng(1)
    true = rng.uniform(-1.2, 1.2, 60) + 0.4
    found, trust, centre = align(patches(true, 0.05, rng), OFFSETS, 1.35, 2.0)
    np.testing.assert_allclose(found + centre, true, atol=0.12)
    assert trust.min() > 0.9


def test_shifts_that_noise_alone_explains_are_hardly_relied_upon():
    rng = np.random.default_rng(2)
    noisy = patches(np.zeros(400), 0.3, rng)
    found, _, _ = align(noisy, OFFSETS, 1.35, 2.0)
    assert found.std() > 0.05
    assert reliability(noisy, OFFSETS, found) < 0.25


@pytest.mark.parametrize("spread", [0.4, 0.8])
def test_the_reliability_is_the_share_of_true_scatter(spread):
    rng = np.random.default_rng(3)
    true = spread * rng.uniform(-1, 1, 400)
    noisy = patches(true, 0.3, rng)
    found, _, _ = align(noisy, OFFSETS, 1.35, 2.0)
    assert reliability(noisy, OFFSETS, found) == pytest.approx(true.var() / found.var(), abs=0.1)
