"""Smoothing slab by slab gives what smoothing the whole gives."""

import numpy as np
import pytest
from scipy import ndimage

from membraneseg.group.smoothing import smoothed_slices


@pytest.mark.parametrize("slices", [1, 5, 16, 18, 45])
@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_slabs_join_without_a_seam(slices, sigma):
    volume = np.random.default_rng(slices).random((slices, 12, 15)).astype(np.float16)
    whole = ndimage.gaussian_filter(volume.astype(np.float32), sigma)
    np.testing.assert_array_equal(np.stack(list(smoothed_slices(volume, sigma))), whole)
