"""Another look at a crop keeps the structure and changes the spectrum, and nothing when told so."""

from dataclasses import replace

import numpy as np

from membraneseg.segment.looks import Looks, another_look
from membraneseg.segment.normalise import normalise

FLAT = (0.0, 0.0)
PLAIN = Looks(
    1.0, slow_gain=FLAT, fine_gain_y=FLAT, fine_gain_x=FLAT, ripple=0.0, noise=0.0, skew=0
)


def crop(seed=0):
    image = np.random.default_rng(seed).standard_normal((3, 96, 96)).astype(np.float32)
    image[:, 40:43] -= 4.0
    return normalise(image)


def test_a_share_of_zero_leaves_every_crop_alone():
    image = crop()
    for seed in range(20):
        assert another_look(image, Looks(share=0.0), np.random.default_rng(seed)) is image


def test_a_flat_gain_without_noise_gives_the_crop_back_up_to_its_normalisation():
    image = crop()
    again = another_look(image, PLAIN, np.random.default_rng(1))
    inner = np.abs(image) < 4.5  # what is cut off at five deviations cannot come back
    assert np.corrcoef(image[inner], again[inner])[0, 1] > 0.995


def test_the_ratio_of_fine_to_coarse_power_follows_the_gain():
    image = crop()
    soft = replace(PLAIN, fine_gain_y=(-1.0, -1.0))
    before, after = (
        np.abs(np.fft.rfft2(one)) ** 2
        for one in (image, another_look(image, soft, np.random.default_rng(2)))
    )
    fine = np.abs(np.fft.fftfreq(96)) > 0.45
    middle = (np.abs(np.fft.fftfreq(96)) > 0.1) & (np.abs(np.fft.fftfreq(96)) < 0.15)
    change = np.log(after[:, fine, :5].sum() / before[:, fine, :5].sum()) - np.log(
        after[:, middle, :5].sum() / before[:, middle, :5].sum()
    )
    expected = 2 * -(2 * 0.475 - 2 * 0.125)  # gain exp(-2 ky), power its square
    assert abs(change - expected) < 0.25


def test_the_membrane_stays_the_darkest_row_whatever_the_look():
    image = crop()
    for seed in range(30):
        changed = another_look(image, Looks(share=1.0), np.random.default_rng(seed))
        rows = changed[1].mean(axis=1)
        assert np.argmin(rows) in (40, 41, 42)


def test_equal_generators_give_equal_looks():
    image = crop()
    first, second = (
        another_look(image, Looks(share=1.0), np.random.default_rng(5)) for _ in range(2)
    )
    assert np.array_equal(first, second)
