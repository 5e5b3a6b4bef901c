"""The shipped weights: they load, they match their card, and damage is noticed."""

import json
import shutil

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.unet import (
    DEFAULT_WEIGHTS,
    UNetConfig,
    build_unet,
    file_sha256,
    load_weights,
    save_weights,
)
from membraneseg.types import Tomogram
from synth2d.config import SliceConfig
from synth2d.slices import MEMBRANE, make_slice


@pytest.fixture(scope="module")
def shipped():
    return load_weights()


@pytest.fixture
def copied(tmp_path):
    for ending in (".safetensors", ".json"):
        shutil.copy(DEFAULT_WEIGHTS.with_suffix(ending), tmp_path / f"w{ending}")
    return tmp_path / "w.safetensors"


def test_the_shipped_file_is_small_and_has_the_hash_of_its_card():
    card = json.loads(DEFAULT_WEIGHTS.with_suffix(".json").read_text())
    assert file_sha256(DEFAULT_WEIGHTS) == card["sha256"]
    assert DEFAULT_WEIGHTS.stat().st_size < 20_000_000
    assert card["sha256"] in DEFAULT_WEIGHTS.with_suffix(".md").read_text()


def test_saved_weights_come_back_to_half_precision(tmp_path):
    torch.manual_seed(0)
    config = UNetConfig()
    network = build_unet(config).eval()
    save_weights(tmp_path / "w.safetensors", network, config)
    again, loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded == config
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again(image), network(image), atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(),
        UNetConfig(encoder="resnet34", depth=3, decoder_channels=(64, 32, 16)),
        UNetConfig(depth=5, decoder_channels=(128, 64, 64, 32, 16), context=1, classes=2),
    ],
)
def test_the_network_is_that_of_segmentation_models_to_the_last_bit(config):
    torch.manual_seed(0)
    theirs = smp.Unet(
        config.encoder,
        encoder_depth=config.depth,
        encoder_weights=None,
        decoder_channels=config.decoder_channels,
        in_channels=config.context,
        classes=config.classes,
    )
    ours = build_unet(config)
    assert not isinstance(ours, smp.Unet)
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in ours.state_dict()})
    image = torch.randn(2, config.context, 64, 96)
    for mode in (True, False):
        with torch.inference_mode():
            assert torch.equal(ours.train(mode)(image), theirs.train(mode)(image))


def test_a_flipped_byte_is_noticed(copied):
    content = bytearray(copied.read_bytes())
    content[-1] ^= 1
    copied.write_bytes(bytes(content))
    with pytest.raises(MembraneSegError, match="sha256"):
        load_weights(copied)


def test_a_missing_description_is_named(copied):
    copied.with_suffix(".json").unlink()
    with pytest.raises(MembraneSegError, match=r"w\.json does not exist"):
        load_weights(copied)


def test_a_description_of_something_else_is_refused(copied):
    copied.with_suffix(".json").write_text('{"config": {"layers": 3}, "sha256": "0"}')
    with pytest.raises(MembraneSegError, match="does not describe a slice U-Net"):
        load_weights(copied)


def test_weights_of_another_shape_are_refused(copied):
    card = json.loads(copied.with_suffix(".json").read_text())
    card["config"]["decoder_channels"] = [64, 32, 16, 16]
    copied.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(MembraneSegError, match="does not fit"):
        load_weights(copied)


def test_the_shipped_network_finds_the_membranes_of_clear_held_out_slices(shipped):
    network, unet = shipped
    config = SliceConfig(size_px=160, contrast_to_noise=(3.0, 4.0), body_count=(3, 6))
    hit = called = true = 0
    for number in range(8):
        drawn = make_slice(config, np.random.default_rng([31337, number]))
        volume = Tomogram(drawn.image, 12.0, np.zeros(3))
        found = predict(volume, network, unet, SegmentConfig(flips=False)).membrane[1] > 0.5
        known, truth = drawn.labels != 255, drawn.labels == MEMBRANE
        hit += (found & truth).sum()
        called += (found & known).sum()
        true += truth.sum()
    assert 2 * hit / (called + true) > 0.75


def test_pure_noise_holds_almost_no_membrane(shipped):
    network, unet = shipped
    noise = np.random.default_rng(4).normal(size=(8, 128, 128)).astype(np.float32)
    volume = Tomogram(noise, 12.0, np.zeros(3))
    found = predict(volume, network, unet, SegmentConfig(flips=False)).membrane > 0.5
    assert found.mean() < 0.01
