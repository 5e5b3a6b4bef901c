"""A volume on another grid, as means over what each voxel covers."""

import numpy as np
import pytest

from membraneseg.segment.areas import covered_shares, resampled
from membraneseg.segment.predict_volume import (
    CoarseProbability,
    at_voxel_size,
    on_grid_of,
    unit_volume,
)
from membraneseg.types import Tomogram


@pytest.mark.parametrize("edge", [2.0, 2.4, 1.0, 0.6])
def test_the_shares_of_each_new_voxel_add_to_one_about_its_own_middle(edge):
    shares = covered_shares(20, 80, edge).toarray()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    middles = shares @ (np.arange(80) + 0.5)
    inner = slice(1, None)  # linear interpolation has nothing to the left of the first
    own = (np.arange(20) + 0.5) * edge
    np.testing.assert_allclose(middles[inner], own[inner], atol=0.051)  # a part counts as a point


def test_whole_factors_give_the_means_of_blocks():
    volume = np.random.default_rng(0).random((6, 8, 10)).astype(np.float32)
    blocks = volume.reshape(3, 2, 4, 2, 5, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(np.stack(list(resampled(volume, (3, 4, 5), 2.0))), blocks, rtol=1e-5)


def test_white_noise_averages_out_as_over_the_voxels_that_are_covered():
    noise = np.random.default_rng(1).normal(size=(60, 60, 60))
    coarse = at_voxel_size(noise, 8.0, 24.0)
    assert coarse.std() == pytest.approx(27**-0.5, rel=0.02)


@pytest.mark.parametrize("voxel_A", [8.0, 10.0, 17.0, 24.0, 40.0])
def test_a_blob_that_goes_to_the_networks_grid_and_back_stays_where_it_is(voxel_A):
    shape = tuple(round(720.0 / voxel_A) + k for k in (0, 3, 5))
    places_A = [(np.arange(n) + 0.5) * voxel_A for n in shape]
    z, y, x = np.meshgrid(*places_A, indexing="ij")
    blob = np.exp(-((z - 350) ** 2 + (y - 400) ** 2 + (x - 380) ** 2) / (2 * 70.0**2))
    tomogram = Tomogram(blob.astype(np.float32), voxel_A, np.zeros(3))
    found = CoarseProbability(at_voxel_size(tomogram.voxels, voxel_A, 24.0), 24.0)
    back = on_grid_of(found, tomogram)
    assert back.shape == shape
    assert back.sum() == pytest.approx(blob.sum(), rel=0.01)
    for axis, true_A in ((z, 350.0), (y, 400.0), (x, 380.0)):
        assert (back * axis).sum() / back.sum() == pytest.approx(true_A, abs=1.0)


def test_normalising_a_volume_takes_out_gain_offset_and_slow_background():
    rng = np.random.default_rng(2)
    volume = rng.normal(size=(12, 96, 96)).astype(np.float32)
    slope = np.linspace(0.0, 2.0, 96, dtype=np.float32)
    one, other = unit_volume(volume), unit_volume(4.0 * volume + slope + 7.0)
    assert one.std() == pytest.approx(1.0, abs=0.02)
    inner = (slice(None), slice(24, -24), slice(24, -24))
    np.testing.assert_allclose(other[inner], one[inner], atol=0.1)
