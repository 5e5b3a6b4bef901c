"""One slice of the real thing beats many synthetic ones: the co-training experiment.

    python scripts/cotraining.py FOLDER [--steps 400] [--json FILE]

After Swulius et al. 2025 (CryoTomoSim, Fig. 5): networks trained from scratch for the same number
of steps on 5 synthetic slices, on 50, and on the same 5 and one slice of the target. The target, a
phantom tomogram of the preset `cell`, stands for real data: another generator than the synthetic
slices (a simulated tilt series, not a drawn slice). Scored on the slices of the target more than
`MARGIN` away from the one that was given, as scripts/score_network.py does.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from score_network import score, simulated

from membraneseg.io.mrc import read_tomogram
from membraneseg.segment.labelled import LabelledVolume, labelled_volume
from membraneseg.segment.looks import Looks
from membraneseg.segment.predict import Segmentation, SegmentConfig, predict
from membraneseg.segment.train import Examples, TrainConfig, train
from membraneseg.segment.unet import UNetConfig, load_weights
from membraneseg.training_data import visible_labels
from membraneseg.types import Tomogram
from synth2d.config import SliceConfig
from synth2d.slices import IGNORE, make_slice

SEED = 9103
MARGIN = 8
SLICES = SliceConfig(size_px=256)
MEASURES = ("voxel Dice", "surface Dice", "precision", "recall", "protein Dice")


def synthetic(count: int) -> list[LabelledVolume]:
    """The first `count` slices of one random sequence: 5 are among the 50."""
    volumes = []
    for number in range(count):
        drawn = make_slice(SLICES, np.random.default_rng([SEED, number]))
        volumes.append(_one_slice(drawn.image, drawn.labels))
    return volumes


def target_slice(tomogram: Tomogram, labels: np.ndarray) -> LabelledVolume:
    """The middle slice of the target, with its neighbours as context."""
    z = len(labels) // 2
    return _one_slice(np.asarray(tomogram.voxels[z - 1 : z + 2], np.float32), labels[z])


def _one_slice(image: np.ndarray, labels: np.ndarray) -> LabelledVolume:
    unknown = np.full_like(labels, IGNORE)
    return labelled_volume(image, np.stack([unknown, labels, unknown]))


def away_from(z: int, found: Segmentation, labels: np.ndarray) -> dict[str, float]:
    """Scores on the slices that lie more than MARGIN away from slice z."""
    far = np.abs(np.arange(len(labels)) - z) > MARGIN
    return score(labels[far], Segmentation(found.membrane[far], found.protein[far]))


def main() -> None:
    """Train the three networks and print their scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="keeps the target and the networks")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args()
    place = simulated(options.folder, "target", "cell", (), SEED)
    tomogram, _ = read_tomogram(place / "tomogram.mrc")
    labels = visible_labels(place)
    middle = len(labels) // 2
    given = [target_slice(tomogram, labels)]
    sets = {
        "5 synthetic": synthetic(5),
        "50 synthetic": synthetic(50),
        "5 synthetic + 1 of the target": synthetic(5) + given,
        "1 of the target": given,
    }
    config = TrainConfig(steps=options.steps, checkpoint_every=100, validation_slices=8)
    table, rows = Table("trained on", *MEASURES), {}
    for name, volumes in sets.items():
        examples = Examples(SliceConfig(size_px=128), tuple(volumes), 1.0, Looks(share=0.0))
        own = options.folder / name.replace(" ", "_").replace("+", "and")
        train(own, UNetConfig(), examples, config)
        network, unet = load_weights(own / "slice_unet.safetensors")
        found = predict(tomogram, network, unet, SegmentConfig())
        rows[name] = away_from(middle, found, labels)
        table.add_row(name, *(f"{rows[name][m]:.3f}" for m in MEASURES))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
