"""`membraneseg train unet`: it learns from what it is given, resumes, and is clear when refused."""

import csv
import json

import numpy as np
import pytest
from test_cli_bad_input import called
from worlds import dark_vesicles

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import new_header
from membraneseg.progress import SilentReporter
from membraneseg.segment.unet import UNetConfig, load_weights
from membraneseg.training import MATCH_TRAINING, load_training, pairs_of, train_unet
from membraneseg.training_data import read_real
from synth2d.slices import IGNORE, MEMBRANE

TINY = (
    "start=none",
    "slices.size_px=32",
    "training.steps=2",
    "training.batch=2",
    "training.workers=0",
    "training.validation_slices=1",
    "training.checkpoint_every=1",
)


@pytest.fixture
def pair(tmp_path):
    """Write a tomogram of 12 Å with one dark plane, and labels of two of its slices."""
    voxels = np.random.default_rng(0).standard_normal((10, 40, 48)).astype(np.float32)
    voxels[:, 18:22] -= 3.0
    labels = np.zeros((10, 40, 48), dtype=np.int8)
    labels[3:5, 18:22] = 1
    header = new_header(voxels.shape, 12.0, np.zeros(3))
    write_volume(tmp_path / "tomo.mrc", voxels, header, "test")
    write_volume(tmp_path / "labels.mrc", labels, header, "test")
    return tmp_path / "tomo.mrc", tmp_path / "labels.mrc"


def trained(folder, settings, resume=False, force=False):
    return train_unet(folder, settings, resume, force, SilentReporter())


def test_a_mask_of_a_few_slices_teaches_those_alone(pair):
    volume = read_real(*pair, UNetConfig())
    assert volume.known_z.tolist() == [3, 4]
    assert (volume.labels[3:5] == MEMBRANE).sum() == 2 * 4 * 48
    assert (volume.labels[5:] == IGNORE).all()


def test_training_on_a_real_pair_writes_weights_that_load_and_its_settings(pair, tmp_path):
    settings = load_training(None, TINY, {"real": [str(path) for path in pair]})
    result = trained(tmp_path / "out", settings)
    files = result.files
    network, unet = load_weights(files["weights"])
    assert unet == UNetConfig()
    assert set(result.scores) >= {"membrane_dice", "protein_dice", "accuracy"}
    assert load_training(files["recipe"]) == settings
    with (tmp_path / "out" / "curve.csv").open(newline="") as source:
        assert [int(row["step"]) for row in csv.DictReader(source)] == [1, 2]
    assert files["curve"].read_bytes().startswith(b"\x89PNG")
    assert sum(p.numel() for p in network.parameters()) > 1e6


def test_a_training_goes_on_only_with_its_own_settings(tmp_path):
    settings = load_training(None, TINY)
    trained(tmp_path / "out", settings)
    with pytest.raises(MembraneSegError, match="already holds files"):
        trained(tmp_path / "out", settings)
    with pytest.raises(MembraneSegError, match="other settings"):
        trained(tmp_path / "out", load_training(None, (*TINY, "training.seed=2")), resume=True)
    recipe = tmp_path / "out" / "training.toml"
    lines = recipe.read_text().splitlines(keepends=True)
    recipe.write_text("".join(line for line in lines if not line.startswith("patience")))
    before = (tmp_path / "out" / "slice_unet.safetensors").read_bytes()
    scores = trained(tmp_path / "out", settings, resume=True).scores  # finished: nothing to do
    assert (tmp_path / "out" / "slice_unet.safetensors").read_bytes() == before
    assert 0.0 <= scores["membrane_dice"] <= 1.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--real", "tomo.mrc"], "is no pair, expected TOMO=LABELS"),
        (["--phantoms", "nowhere"], "holds no phantom"),
        (["--start", "nowhere.safetensors"], "does not exist"),
        (["--steps", "0"], "steps is 0, expected 1 or more"),
        (["--set", "slices.size_px=31"], "give an even number"),
        (["--set", "volume_share=2"], "volume_share is 2"),
        (["--set", "training.patience=-1"], "patience is -1"),
        (["--match", "nowhere.mrc", "--set", "matched_share=2"], "matched_share is 2"),
        (["--set", "training.spets=3"], "not a setting"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    arguments, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    code, error = called(monkeypatch, capsys, "train", "unet", "-o", "out", *arguments)
    assert code == 2
    assert sentence in " ".join(error.split())
    assert not (tmp_path / "out").exists()


def test_labels_of_other_values_or_shapes_are_refused(pair, tmp_path):
    tomogram, _ = pair
    header = new_header((10, 40, 48), 12.0, np.zeros(3))
    odd = np.zeros((10, 40, 48), dtype=np.int16)
    odd[2, 3, 4] = 7
    write_volume(tmp_path / "odd.mrc", odd, header, "test")
    with pytest.raises(MembraneSegError, match="holds the values 0, 7"):
        read_real(tomogram, tmp_path / "odd.mrc", UNetConfig())
    smaller = new_header((10, 40, 40), 12.0, np.zeros(3))
    write_volume(tmp_path / "small.mrc", odd[:, :, :40], smaller, "test")
    with pytest.raises(MembraneSegError, match="expected the same"):
        read_real(tomogram, tmp_path / "small.mrc", UNetConfig())
    assert pairs_of(["a=b", "c=d"]) == ["a", "b", "c", "d"]


@pytest.fixture
def vesicle(tmp_path):
    """Write a tomogram of 14 Å with one vesicle that fades in the missing wedge."""
    voxels = dark_vesicles((16, 80, 80), [((8.0, 40.0, 40.0), 26.0)])
    write_volume(tmp_path / "tomo.mrc", voxels, new_header(voxels.shape, 14.0, np.zeros(3)), "test")
    return tmp_path / "tomo.mrc"


def test_a_matched_training_starts_small_and_says_whether_it_helped(vesicle, tmp_path):
    settings = load_training(None, TINY[1:], {"match": str(vesicle)})
    assert settings.training.steps == 2  # said so
    assert settings.training.learning_rate == MATCH_TRAINING["learning_rate"]
    result = trained(tmp_path / "out", settings)
    said = json.loads(result.files["comparison"].read_text())
    assert said["matched_network_is"] == result.comparison.verdict
    assert said["measured"]["pixel_size_A"] == pytest.approx(14.0)
    assert 1.0 < said["measured"]["contrast_to_noise"] < 5.0
    # two steps at a small learning rate change next to nothing
    assert result.comparison.common_voxels > 50 * result.comparison.second_only_voxels
    assert said["verdict"].startswith("On this tomogram the matched network is")


def test_a_tomogram_without_membranes_cannot_be_matched(tmp_path):
    noise = np.random.default_rng(2).standard_normal((12, 64, 64)).astype(np.float32)
    header = new_header(noise.shape, 12.0, np.zeros(3))
    write_volume(tmp_path / "noise.mrc", noise, header, "test")
    settings = load_training(None, TINY[1:], {"match": str(tmp_path / "noise.mrc")})
    with pytest.raises(MembraneSegError, match="surely a membrane"):
        trained(tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()
