"""Prediction: tiles, mirrors, pixel sizes, and the normalisation before it."""

import tracemalloc

import numpy as np
import pytest
import torch
from scipy import ndimage

from membraneseg.errors import MembraneSegError
from membraneseg.segment.normalise import CLIP, context_stack, flat_slices, normalise
from membraneseg.segment.predict import SegmentConfig, predict, predicted_slices, working_scale
from membraneseg.segment.rescale import brought_back, rescaled_shape, rescaled_slice
from membraneseg.segment.tiles import tile_spans
from membraneseg.segment.unet import UNetConfig
from membraneseg.types import Tomogram

UNET = UNetConfig()


class DarkIsMembrane(torch.nn.Module):
    """A network whose answer can be worked out: dark is membrane, bright is protein."""

    def forward(self, image):
        middle = image[:, 1].float()
        zero = torch.zeros_like(middle)
        return torch.stack([zero, 4.0 * middle - 10.0, -4.0 * middle - 10.0], 1)


def tomogram(shape=(9, 70, 90), voxel=13.5):
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


def whole_volume_answer(volume, scale):
    """What `DarkIsMembrane` says, from volumes that are held whole: zoom, flatten, ask, zoom."""
    voxels = volume.voxels if scale == 1 else ndimage.zoom(volume.voxels, scale, order=1)
    flat, deviation = flat_slices(voxels)
    stacks = [context_stack(flat, deviation, z, UNET.context) for z in range(len(flat))]
    with torch.inference_mode():
        logits = DarkIsMembrane()(torch.from_numpy(np.stack(stacks)))
    probability = logits.softmax(1).numpy()
    membrane, protein = probability[:, 2], (probability.argmax(1) == 1).astype(np.int8)
    if scale == 1:
        return membrane, protein
    back = [b / h for b, h in zip(volume.voxels.shape, voxels.shape, strict=True)]
    return ndimage.zoom(membrane, back, order=1), ndimage.zoom(protein, back, order=0)


@pytest.mark.parametrize(
    ("voxel", "atol"), [(13.5, 1e-6), (7.0, 1e-4), (26.0, 1e-4)], ids=["as is", "finer", "coarser"]
)
def test_slice_by_slice_gives_what_the_whole_volume_gives(voxel, atol):
    volume = tomogram((11, 61, 75), voxel)
    membrane, protein = whole_volume_answer(volume, working_scale(voxel, UNET))
    found = run(volume, flips=False)
    np.testing.assert_allclose(found.membrane, membrane, atol=atol)
    np.testing.assert_array_equal(found.protein, protein)
    assert found.protein.any()


@pytest.mark.parametrize("slices", [2, 9])
@pytest.mark.parametrize("scale", [0.4, 0.71, 1.0, 1.65])
def test_rescaled_slices_are_those_of_scipy_and_come_back_to_the_same_grid(slices, scale):
    rng = np.random.default_rng(slices)
    volume = rng.normal(size=(slices, 13, 17)).astype(np.float32)
    shape = rescaled_shape(volume.shape, scale)
    enlarged = ndimage.zoom(volume, scale, order=1, grid_mode=False)
    ours = np.stack([rescaled_slice(volume, z, shape) for z in range(shape[0])])
    np.testing.assert_allclose(ours, enlarged, atol=1e-5)
    mask = (ours > 0).astype(np.int8)
    back = brought_back(iter(zip(ours, mask, strict=True)), shape[0], volume.shape)
    smooth, sharp = map(np.stack, zip(*back, strict=True))
    factors = [b / h for b, h in zip(volume.shape, shape, strict=True)]
    np.testing.assert_allclose(smooth, ndimage.zoom(ours, factors, order=1), atol=1e-5)
    np.testing.assert_array_equal(sharp, ndimage.zoom(mask, factors, order=0))


@pytest.mark.parametrize("length", [1, 90, 1000])
@pytest.mark.parametrize(("tile", "halo"), [(96, 8), (96, 32)])
def test_tiles_of_about_one_length_decide_every_pixel_once(length, tile, halo):
    spans, edge = tile_spans(length, tile, halo)
    assert [pixel for first, end in spans for pixel in range(first, end)] == list(range(length))
    sizes = [end - first for first, end in spans]
    assert max(sizes) + 2 * halo <= edge <= tile
    assert edge % 16 == 0
    assert len(spans) == -(-length // (tile - 2 * halo))


def test_memory_does_not_grow_with_the_number_of_slices():
    peaks = []
    for slices in (30, 120):
        one = tomogram((1, 128, 128)).voxels.astype(np.float16)
        voxels = np.broadcast_to(one, (slices, 128, 128))  # takes no memory of its own
        deep = Tomogram(voxels, 10.0, np.zeros(3))
        tracemalloc.start()
        for _ in predicted_slices(deep, DarkIsMembrane(), UNET, SegmentConfig(flips=False)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0] < 30 * one.size * 4


def test_a_dark_bar_is_found_where_it_is_and_nowhere_else():
    membrane = run(tomogram()).membrane
    bar = np.zeros(membrane.shape, bool)
    bar[:, 30:33, 20:60] = True
    assert membrane[bar].mean() > 0.9
    assert membrane[~bar].mean() < 0.05


def test_probabilities_lie_between_zero_and_one_and_contrast_drops_out():
    volume = tomogram()
    louder = Tomogram(volume.voxels * 250.0 + 1000.0, 13.5, np.zeros(3))
    first, second = run(volume).membrane, run(louder).membrane
    assert first.min() >= 0
    assert first.max() <= 1
    np.testing.assert_allclose(second, first, atol=0.02)


def test_a_coarse_tomogram_is_enlarged_and_brought_back_to_the_same_place():
    volume = Tomogram(tomogram((12, 64, 80)).voxels, 30.0, np.zeros(3))
    assert working_scale(30.0, UNET) == pytest.approx(30 / 16)
    membrane = run(volume).membrane
    assert membrane.shape == volume.voxels.shape
    rows = membrane.mean((0, 2))
    assert abs(int(rows.argmax()) - 31) <= 1


def test_pixel_sizes_in_the_range_are_left_alone():
    assert working_scale(13.5, UNET) == 1.0
    assert working_scale(6.0, UNET) == pytest.approx(0.5)
    assert working_scale(20.0, UNET) == pytest.approx(1.25)


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
