"""The shipped 3-D network: its files, its tiles, and what it sees in drawn tomograms."""

import json

import numpy as np
import pytest
from drawn_vesicles import VOXEL_A, bilayers, distances
from scipy.ndimage import gaussian_filter, zoom

from membraneseg.errors import MembraneSegError
from membraneseg.segment.predict_volume import VolumeConfig, on_grid_of, predicted_volume
from membraneseg.segment.unet import DEFAULT_WEIGHTS, file_sha256
from membraneseg.segment.volume_unet import (
    VESICLE_WEIGHTS,
    load_vesicle_network,
)
from membraneseg.types import Tomogram

SHAPE = (72, 128, 140)
TILT = 58.0
DRAWN = [
    ((36.0, 36.0, 36.0), 190.0),
    ((33.0, 36.0, 100.0), 160.0),
    ((40.0, 92.0, 50.0), 210.0),
    ((32.0, 90.0, 105.0), 240.0),
]


@pytest.fixture(scope="module")
def shipped():
    return load_vesicle_network()


@pytest.fixture(scope="module")
def drawn():
    """Vesicles in noise, white and correlated."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.6, SHAPE) + 4.0 * gaussian_filter(rng.normal(0, 0.3, SHAPE), 2.0)
    return (bilayers(SHAPE, DRAWN, TILT) + noise).astype(np.float32)


def test_the_shipped_file_is_small_and_has_the_hash_of_its_card():
    card = json.loads(VESICLE_WEIGHTS.with_suffix(".json").read_text())
    assert file_sha256(VESICLE_WEIGHTS) == card["sha256"]
    assert VESICLE_WEIGHTS.stat().st_size < 1_500_000
    assert card["sha256"] in VESICLE_WEIGHTS.with_suffix(".md").read_text()


def test_weights_of_the_slice_network_are_refused():
    with pytest.raises(MembraneSegError, match="does not describe a 3-D U-Net"):
        load_vesicle_network(DEFAULT_WEIGHTS)


def test_tiles_that_are_not_larger_than_their_rims_are_refused():
    for tile_px, halo_px in ((60, 8), (16, 8), (64, -1)):
        with pytest.raises(MembraneSegError, match="correct them under vesicle_network"):
            VolumeConfig(tile_px=tile_px, halo_px=halo_px)


@pytest.mark.parametrize(("voxel_A", "gain"), [(8.0, 1.0), (VOXEL_A, 250.0), (18.0, 1.0)])
def test_drawn_vesicles_are_seen_at_any_voxel_size_and_gain(shipped, drawn, voxel_A, gain):
    scaled = zoom(gain * drawn + 90.0, VOXEL_A / voxel_A, order=1, grid_mode=True, mode="nearest")
    tomogram = Tomogram(scaled.astype(np.float32), voxel_A, np.zeros(3))
    found = on_grid_of(predicted_volume(tomogram, shipped, VolumeConfig()), tomogram) > 0.5
    seen = found.astype(np.float32)
    back = zoom(seen, voxel_A / VOXEL_A, order=1, grid_mode=True, mode="nearest")
    true = np.zeros(SHAPE, dtype=bool)
    for centre, radius_A in DRAWN:
        true |= distances(SHAPE, centre)[0] < radius_A + 25.0
    z, y, x = (min(pair) for pair in zip(back.shape, SHAPE, strict=True))
    back, true = back[:z, :y, :x] > 0.5, true[:z, :y, :x]
    assert 2.0 * (back & true).sum() / (back.sum() + true.sum()) > 0.85


def test_noise_and_a_sheet_hold_no_vesicle(shipped):
    noise = np.random.default_rng(7).normal(size=SHAPE).astype(np.float32)
    sheet = noise.copy()
    sheet[:, :, 69:72] -= 2.0
    for volume in (noise, sheet, np.zeros(SHAPE, dtype=np.float32)):
        tomogram = Tomogram(volume, VOXEL_A, np.zeros(3))
        assert (predicted_volume(tomogram, shipped, VolumeConfig()).likely > 0.5).mean() < 5e-3


@pytest.mark.parametrize("tile_px", [48, 80])
def test_every_drawn_vesicle_is_seen_whatever_the_size_of_the_tiles(shipped, drawn, tile_px):
    tomogram = Tomogram(drawn, VOXEL_A, np.zeros(3))
    found = predicted_volume(tomogram, shipped, VolumeConfig(tile_px=tile_px))
    likely = on_grid_of(found, tomogram)
    for centre, _ in DRAWN:
        assert likely[tuple(np.rint(centre).astype(int))] > 0.5
