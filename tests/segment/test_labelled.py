"""Crops of labelled volumes: the right place, every mirror, the same grey values as prediction."""

from dataclasses import replace

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.segment.labelled import LabelledVolume, draw_crop, labelled_volume
from membraneseg.segment.normalise import context_stack, flat_slices
from synth2d.slices import IGNORE, MEMBRANE

SHAPE = (9, 40, 52)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(0)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[4, 10:14, 30:34] = MEMBRANE
    return labelled_volume(1000.0 + 70.0 * rng.standard_normal(SHAPE), labels)


def test_a_crop_holds_neighbouring_slices_and_its_own_labels_in_every_mirror(volume):
    index = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    scale = index.size / 8.0  # within what is cut off at five deviations
    counted = LabelledVolume(
        index / scale - 4.0, np.ones(9, np.float32), volume.labels, np.arange(9)
    )
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        image, labels = draw_crop(counted, 16, 3, rng)
        places = np.rint((image + 4.0) * scale).astype(int)
        z, y, x = np.unravel_index(places, SHAPE)
        assert np.array_equal(volume.labels[z[1], y[1], x[1]], labels)
        assert (np.ptp(z, axis=(1, 2)) == 0).all()
        assert (y == y[1]).all()
        assert (x == x[1]).all()
        steps = np.abs(np.diff(z[:, 0, 0]))
        assert steps.max() == 1 if 0 < z[1, 0, 0] < 8 else steps.sum() == 1
        seen.add((z[0, 0, 0] > z[2, 0, 0], y[0, 0, 0] > y[0, 1, 0], x[0, 0, 0] > x[0, 0, 1]))
    assert len(seen) == 8


def test_grey_values_of_a_crop_are_those_that_prediction_sees():
    raw = 1000.0 + 70.0 * np.random.default_rng(0).standard_normal((5, 16, 16))
    whole = labelled_volume(raw, np.zeros((5, 16, 16), dtype=np.uint8))
    flat, deviation = flat_slices(raw)
    image, _ = draw_crop(whole, 16, 1, np.random.default_rng(1))
    stacks = [context_stack(flat, deviation, z, 1) for z in range(5)]
    off = [np.abs(np.sort(stack, axis=None) - np.sort(image, axis=None)).max() for stack in stacks]
    assert min(off) < 5e-3


def test_most_crops_of_a_slice_with_membrane_hold_some_of_it(volume):
    only = replace(volume, known_z=np.array([4]))
    rng = np.random.default_rng(2)
    held = [(draw_crop(only, 16, 1, rng)[1] == MEMBRANE).any() for _ in range(300)]
    assert np.mean(held) > 0.8


def mirrored_at_the_end(image, axis, size):
    """Whether the mirrored rows are the last ones, not the first."""
    last = np.take(image, [size - 1, size], axis)
    return np.array_equal(np.take(last, 0, axis), np.take(last, 1, axis))


def test_a_volume_smaller_than_the_crop_is_mirrored_at_its_walls(volume):
    image, _ = draw_crop(volume, 64, 3, np.random.default_rng(3))
    assert image.shape == (3, 64, 64)
    for axis, size in ((1, 40), (2, 52)):
        kept = image if mirrored_at_the_end(image, axis, size) else np.flip(image, axis)
        tail = np.take(kept, range(size, 64), axis)
        assert np.array_equal(tail, np.take(kept, range(size - 1, 2 * size - 65, -1), axis))


def test_labels_of_another_shape_are_refused():
    with pytest.raises(MembraneSegError, match="expected the same"):
        labelled_volume(np.zeros((4, 8, 8)), np.zeros((4, 8, 9), dtype=np.uint8))


def test_slices_without_any_label_are_never_drawn():
    labels = np.full((7, 20, 20), IGNORE, dtype=np.uint8)
    labels[3] = 0
    labels[3, 5:8, 5:8] = MEMBRANE
    one = labelled_volume(np.random.default_rng(0).standard_normal((7, 20, 20)), labels)
    assert one.known_z.tolist() == [3]
    rng = np.random.default_rng(1)
    assert all((draw_crop(one, 16, 3, rng)[1] != IGNORE).all() for _ in range(20))
    with pytest.raises(MembraneSegError, match="unknown everywhere"):
        labelled_volume(one.flat, np.full((7, 20, 20), IGNORE, dtype=np.uint8))
