"""Dark or bright membranes: told, seen by the network, or seen under a mask; and turned round."""

import numpy as np
import pytest
from worlds import CORNER_VESICLES, VOXEL_A, dark_vesicles

from membraneseg.config import RunConfig, load_config
from membraneseg.contrast import is_bright, is_bright_under, negative
from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.pipeline import run_tomogram
from membraneseg.progress import SilentReporter
from membraneseg.request import RunRequest
from membraneseg.segment.predict import SegmentConfig
from membraneseg.types import Tomogram

SEGMENT = SegmentConfig(flips=False)


def tomogram_of(voxels):
    return Tomogram(voxels, VOXEL_A, np.zeros(3))


def test_the_network_tells_bright_membranes_from_dark_ones(corner_volume):
    assert not is_bright(tomogram_of(corner_volume), "auto", SEGMENT)
    assert is_bright(tomogram_of(-corner_volume), "auto", SEGMENT)


def test_noise_counts_as_dark_whatever_its_sign():
    noise = np.random.default_rng(3).normal(size=(8, 96, 96)).astype(np.float32)
    assert not is_bright(tomogram_of(noise), "auto", SEGMENT)
    assert not is_bright(tomogram_of(-noise), "auto", SEGMENT)


def test_what_was_told_counts_more_than_what_is_seen(corner_volume):
    assert is_bright(tomogram_of(corner_volume), "bright", SEGMENT)
    assert not is_bright(tomogram_of(-corner_volume), "dark", SEGMENT)
    with pytest.raises(MembraneSegError, match="contrast is 'grey', expected auto, dark, bright"):
        RunConfig(contrast="grey")


def test_a_mask_shows_the_contrast_of_what_it_marks():
    ball = np.linalg.norm(np.indices((20, 40, 40)) - [[[[10]]], [[[20]]], [[[20]]]], axis=0)
    mask = abs(ball - 8.0) < 1.5
    ramp = np.linspace(0.0, 5.0, 40)
    assert is_bright_under(mask, tomogram_of(ramp + mask), "auto")
    assert not is_bright_under(mask, tomogram_of(ramp - mask), "auto")
    assert not is_bright_under(mask, tomogram_of(ramp + mask), "dark")
    assert not is_bright_under(np.zeros_like(mask), tomogram_of(ramp + mask), "auto")


def test_the_negative_lies_in_the_same_place_and_survives_the_smallest_integer(tmp_path, write_mrc):
    voxels = np.full((8, 16, 16), -32768, dtype=np.int16)
    tomogram, header = read_tomogram(write_mrc(tmp_path / "tomo.mrc", voxels))
    turned = negative(tomogram, header, tmp_path)
    assert (turned.voxels == 32768.0).all()
    assert turned.voxel_size_A == tomogram.voxel_size_A
    assert np.array_equal(turned.origin_zyx_A, tomogram.origin_zyx_A)


def test_a_run_on_the_negative_finds_the_same_membranes(tmp_path, write_mrc):
    voxels = dark_vesicles((36, 64, 64), CORNER_VESICLES[:1])
    config = load_config(None, ["tilt_range_deg=60"])
    tables = []
    for name, sign in (("dark", 1), ("bright", -1)):
        path = write_mrc(tmp_path / f"{name}.mrc", sign * voxels)
        run_tomogram(RunRequest(path, tmp_path / name), config, SilentReporter())
        tables.append((tmp_path / name / "membranes.csv").read_text())
    assert tables[0] == tables[1]
    assert len(tables[0].splitlines()) == 2
    assert 'contrast = "bright"' in (tmp_path / "bright" / "config.toml").read_text()
    assert "contrast was turned round" in (tmp_path / "bright" / "run.json").read_text()
