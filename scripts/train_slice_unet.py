"""Recipe of the shipped slice U-Net: synthetic slices and crops of phantoms; seeded, resumable.

    bash scripts/simulate_training_set.sh phantoms
    python scripts/train_slice_unet.py runs/slice_unet --phantoms phantoms

Run it again on the same folder to go on after an interruption.
"""

import argparse
import json
import logging
from pathlib import Path

import torch

from membraneseg.segment.train import Examples, TrainConfig, recipe, train
from membraneseg.segment.unet import UNetConfig
from membraneseg.training_data import find_phantoms, read_example
from synth2d.config import SliceConfig


def main() -> None:
    """Train, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where checkpoints and weights go")
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--start", type=Path, help="weight file to start from")
    parser.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    parser.add_argument("--phantoms", type=Path, nargs="*", default=[], help="folders of phantoms")
    parser.add_argument("--volume-share", type=float, default=Examples.volume_share)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    unet, slices = UNetConfig(), SliceConfig()
    config = TrainConfig(
        steps=options.steps,
        seed=options.seed,
        device=options.device,
        learning_rate=options.learning_rate,
    )
    volumes = tuple(read_example(place, unet) for place in find_phantoms(options.phantoms))
    examples = Examples(slices, volumes, options.volume_share)
    options.folder.mkdir(parents=True, exist_ok=True)
    made = recipe(unet, examples, config) | {"start": str(options.start or "")}
    text = json.dumps(made, indent=2)
    (options.folder / "recipe.json").write_text(text + "\n")
    print(train(options.folder, unet, examples, config, options.start))


if __name__ == "__main__":
    main()
