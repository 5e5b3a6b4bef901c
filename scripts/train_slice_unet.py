"""Recipe of the shipped slice U-Net: synthetic slices only, seeded, resumable.

    python scripts/train_slice_unet.py runs/slice_unet

Run it again on the same folder to go on after an interruption.
"""

import argparse
import json
import logging
from pathlib import Path

import torch

from membraneseg.segment.train import TrainConfig, recipe, train
from membraneseg.segment.unet import UNetConfig
from synth2d.config import SliceConfig


def main() -> None:
    """Train, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where checkpoints and weights go")
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--start", type=Path, help="checkpoint whose network to start from")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    unet, slices = UNetConfig(), SliceConfig()
    config = TrainConfig(steps=options.steps, seed=options.seed, device=options.device)
    options.folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(recipe(unet, slices, config), indent=2)
    (options.folder / "recipe.json").write_text(text + "\n")
    print(train(options.folder, unet, slices, config, options.start))


if __name__ == "__main__":
    main()
