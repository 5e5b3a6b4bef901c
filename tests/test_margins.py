"""Margins without data: found, mirrored over, and silent in what the network says."""

import cv2
import numpy as np
import pytest
from worlds import CORNER_VESICLES, VOXEL_A, dark_vesicles

from membraneseg.config import load_config
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.tables import read_membranes_csv
from membraneseg.margins import (
    BLURRED_PX,
    continued,
    empty_margin,
    region_with_data,
    silent_in_margins,
    without_margins,
)
from membraneseg.pipeline import run_tomogram
from membraneseg.progress import SilentReporter
from membraneseg.request import RunRequest


def noise(*shape, seed=3):
    return np.random.default_rng(seed).normal(5.0, 1.0, size=shape).astype(np.float32)


def turned_square(edge, half, degrees):
    """Pixels inside a square that is turned about the middle of a slice."""
    y, x = np.mgrid[:edge, :edge] - (edge - 1) / 2
    turn = np.deg2rad(degrees)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (abs(along) < half) & (abs(across) < half)


@pytest.mark.parametrize("value", [0.0, 5.0, -40.0])
def test_the_corners_of_a_turned_slice_are_a_margin_whatever_their_value(value):
    data = turned_square(96, 42.0, 12.0)
    plane = np.where(data, noise(96, 96), np.float32(value))
    margin = empty_margin(plane)
    assert (margin | data)[3:-3, 3:-3].all()  # the tips of its corners are too thin to tell
    assert (margin & data).sum() < 4 * 84 * (BLURRED_PX + 2)


def test_a_padded_slice_has_a_margin_as_wide_as_its_padding_and_seam():
    plane = np.zeros((60, 80), dtype=np.int16)
    plane[10:-10, 12:-12] = np.random.default_rng(1).integers(-300, 300, size=(40, 56))
    expected = np.ones((60, 80), dtype=bool)
    expected[10 + BLURRED_PX : -10 - BLURRED_PX, 12 + BLURRED_PX : -12 - BLURRED_PX] = False
    assert np.array_equal(empty_margin(plane), expected)


def test_a_slice_full_of_data_has_none():
    assert not empty_margin(noise(64, 64)).any()
    assert not empty_margin(np.round(noise(64, 64)).astype(np.int8)).any()


def test_a_flat_background_round_scattered_bodies_is_no_margin():
    plane = np.zeros((96, 96), dtype=np.float32)
    for centre in ((20, 20), (70, 30), (40, 75)):
        cv2.circle(plane, centre, 12, -1.0, 2)
    assert not empty_margin(plane).any()


def test_a_straight_margin_holds_the_mirror_image_of_the_data():
    plane = noise(40, 50)
    margin = np.zeros((40, 50), dtype=bool)
    margin[:, :12] = True
    filled = continued(plane, margin)
    assert np.array_equal(filled[:, 12:], plane[:, 12:])
    assert np.array_equal(filled[:, :12], plane[:, 23:11:-1])


def test_a_fill_of_any_depth_has_the_deviation_of_the_data():
    data = turned_square(256, 60.0, 20.0)
    margin = empty_margin(np.where(data, noise(256, 256), np.float32(0.0)))
    filled = continued(np.where(margin, np.float32(1e6), noise(256, 256)), margin)
    assert filled.std() == pytest.approx(1.0, abs=0.05)


def test_empty_slices_take_the_mirror_image_along_z(tmp_path, write_mrc):
    voxels = noise(12, 40, 40)
    voxels[:3] = voxels[-2:] = 0.0
    tomogram, header = read_tomogram(write_mrc(tmp_path / "tomo.mrc", voxels, VOXEL_A))
    filled, notes = without_margins(tomogram, header, tmp_path)
    assert np.array_equal(filled.voxels[:3], voxels[[6, 5, 4]])
    assert np.array_equal(filled.voxels[3:-2], voxels[3:-2])
    assert np.array_equal(filled.voxels[-2:], voxels[[8, 7]])
    assert notes == (
        "42 % of the volume are constant margins without data: nothing is looked for there",
    )


def test_a_tomogram_without_margins_is_left_as_it_is(tmp_path, write_mrc):
    tomogram, header = read_tomogram(write_mrc(tmp_path / "tomo.mrc", noise(8, 40, 40), VOXEL_A))
    filled, notes = without_margins(tomogram, header, tmp_path)
    assert filled is tomogram
    assert notes == ()
    assert region_with_data(tomogram.voxels) is None


def test_nothing_is_called_where_there_is_no_data():
    voxels = noise(2, 40, 40)
    voxels[:, :, :10] = 0.0
    certain = (np.ones((40, 40), np.float32), np.ones((40, 40), np.int8))
    held = region_with_data(voxels)
    for z, (membrane, protein) in enumerate(silent_in_margins([certain, certain], voxels)):
        assert np.array_equal(membrane > 0, held[z])
        assert np.array_equal(protein > 0, held[z])


def test_a_padded_tomogram_gives_its_membrane_and_no_edge(tmp_path, write_mrc):
    voxels = np.zeros((36, 84, 84), dtype=np.float32)
    voxels[:, 10:-10, 10:-10] = 20.0 + dark_vesicles((36, 64, 64), CORNER_VESICLES[:1])
    path = write_mrc(tmp_path / "tomo.mrc", voxels)
    config = load_config(None, ["tilt_range_deg=60"])
    run_tomogram(RunRequest(path, tmp_path / "out"), config, SilentReporter())
    (row,) = read_membranes_csv(tmp_path / "out" / "membranes.csv")
    y, x = (CORNER_VESICLES[0][0][axis] + 10.0 for axis in (1, 2))
    assert (row.y_A, row.x_A) == pytest.approx((y * VOXEL_A, x * VOXEL_A), abs=0.5 * VOXEL_A)
    probability, _ = read_tomogram(tmp_path / "out" / "probability.mrc")
    assert not probability.voxels[~region_with_data(voxels)].any()
    assert "49 % of the volume are constant" in (tmp_path / "out" / "run.json").read_text()
