"""Prediction: tiles, mirrors, pixel sizes, and the normalisation before it."""

import numpy as np
import pytest
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.segment.normalise import CLIP, normalise
from membraneseg.segment.predict import SegmentConfig, predict, working_scale
from membraneseg.segment.unet import UNetConfig
from membraneseg.types import Tomogram

UNET = UNetConfig()


class DarkIsMembrane(torch.nn.Module):
    """A network whose answer can be worked out: membrane where the middle slice is dark."""

    def forward(self, image):
        middle = image[:, 1].float()
        zero = torch.zeros_like(middle)
        return torch.stack([zero, zero - 9.0, -4.0 * middle - 10.0], 1)


def tomogram(shape=(9, 70, 90), voxel=10.0):
    rng = np.random.default_rng(0)
    voxels = rng.normal(size=shape).astype(np.float32)
    voxels[:, 30:33, 20:60] -= 6.0
    return Tomogram(voxels, voxel, np.zeros(3))


def run(volume, **changes):
    return predict(volume, DarkIsMembrane(), UNET, SegmentConfig(**changes))


def test_tiles_give_what_the_whole_slice_gives():
    whole = run(tomogram()).membrane
    tiled = run(tomogram(), tile_px=48, halo_px=8).membrane
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_a_dark_bar_is_found_where_it_is_and_nowhere_else():
    membrane = run(tomogram()).membrane
    bar = np.zeros(membrane.shape, bool)
    bar[:, 30:33, 20:60] = True
    assert membrane[bar].mean() > 0.9
    assert membrane[~bar].mean() < 0.05


def test_probabilities_lie_between_zero_and_one_and_contrast_drops_out():
    volume = tomogram()
    louder = Tomogram(volume.voxels * 250.0 + 1000.0, 10.0, np.zeros(3))
    first, second = run(volume).membrane, run(louder).membrane
    assert first.min() >= 0
    assert first.max() <= 1
    np.testing.assert_allclose(second, first, atol=0.02)


def test_a_coarse_tomogram_is_enlarged_and_brought_back_to_the_same_place():
    volume = Tomogram(tomogram((12, 64, 80)).voxels, 30.0, np.zeros(3))
    assert working_scale(30.0, UNET) == pytest.approx(1.5)
    membrane = run(volume).membrane
    assert membrane.shape == volume.voxels.shape
    rows = membrane.mean((0, 2))
    assert abs(int(rows.argmax()) - 31) <= 1


def test_pixel_sizes_in_the_range_are_left_alone():
    assert working_scale(13.5, UNET) == 1.0
    assert working_scale(5.0, UNET) == pytest.approx(5 / 7)


def test_normalised_slabs_have_no_slope_unit_deviation_and_no_gold():
    rng = np.random.default_rng(1)
    slab = rng.normal(5.0, 3.0, (3, 200, 200)).astype(np.float32)
    slab += np.linspace(0, 50, 200, dtype=np.float32)
    slab[:, 50:54, 50:54] = -900.0
    flat = normalise(slab)
    assert flat.min() == -CLIP
    inner = flat[:, 100:, 100:180]
    assert inner.std() == pytest.approx(1.0, abs=0.15)
    assert abs(inner[..., :20].mean() - inner[..., -20:].mean()) < 0.15


def test_a_constant_slab_is_zero_not_nan():
    assert not normalise(np.full((3, 64, 64), 7.0, np.float32)).any()


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"tile_px": 100}, "multiple of 16"), ({"device": "tpu"}, "auto, cpu or cuda")],
)
def test_bad_settings_name_the_remedy(changes, word):
    with pytest.raises(MembraneSegError, match=word):
        SegmentConfig(**changes)
