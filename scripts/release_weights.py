"""Put the weights of a finished training into the package, with their model card.

    python scripts/release_weights.py FOLDER/mixed PHANTOMS [--stopped-at STEP]

Scores the network on held-out synthetic slices and on the phantoms of scripts/score_network.py
(simulated into PHANTOMS), which no training uses; writes the .safetensors, .json and .md.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from score_network import SEED, score_all
from torch.utils.data import DataLoader

from membraneseg.segment.train import VALIDATION_SEED, Examples, MixedDataset, membrane_scores
from membraneseg.segment.unet import (
    DEFAULT_WEIGHTS,
    UNetConfig,
    file_sha256,
    load_weights,
    save_weights,
)
from membraneseg.training import RECIPE_FILE, WEIGHTS_FILE, load_training

HELD_OUT = 64
CARD = """# {name}

Slice U-Net of `membraneseg`: three adjacent slices in, probabilities of background, protein and
membrane out.

- **Architecture**: `segmentation_models_pytorch.Unet`, {unet}; {parameters:.1f} million weights,
  stored as float16 safetensors ({megabytes:.1f} MB), nothing pickled.
- **Data**: {examples} examples of {size}² pixels: {share:.0%} crops of the phantom
  tomograms of `scripts/simulate_training_set.sh` (six presets, parameters from ranges), the rest
  synthetic slices of `synth2d`, drawn on the fly; no real tomogram. Ranges of the slices: {ranges}.
- **Pixel size**: {low:g}–{high:g} Å. A tomogram outside {work_low:g}–{work_high:g} Å, where it
  works best, is rescaled to the nearer end.
- **Normalisation**: slow background (Gaussian, 20 pixels) subtracted, divided by the standard
  deviation of the slab, cut at ±5. Membranes dark, tilt axis along y.
- **Training**: the second part of `scripts/train_default_weights.sh`, on a CPU with bfloat16,
  AdamW, averaged weights (decay {decay}): {steps} of {planned} steps of {batch} examples, peak
  learning rate {rate:g}, seed {seed}, starting from `{start}` (sha256
  `{start_sha256}`).
  {looks:.0%} of the crops get another transfer, other noise and other grey values
  (`membraneseg/segment/looks.py`).
  All settings are in the .json beside this card.
- **sha256**: `{sha256}`

| scored on | measure | value |
|---|---|---|
{scores}

Phantoms: `scripts/score_network.py`, every preset with seed {phantom_seed}, at the threshold 0.5,
mirrored copies averaged; what counts as visible stands there. Dice and recall are of the visible
part of the membranes; false share is the share of all voxels called membrane where there is none.
Held-out slices hold many with less contrast than an eye can read (contrast-to-noise from 0.65).
"""


def main() -> None:
    """Score, then write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the training")
    parser.add_argument("phantoms", type=Path, help="where the evaluation phantoms are kept")
    parser.add_argument("--stopped-at", type=int, help="step of the weights; default: the last")
    options = parser.parse_args()
    folder: Path = options.folder
    network, unet = load_weights(folder / WEIGHTS_FILE)
    save_weights(DEFAULT_WEIGHTS, network, unet)
    card = json.loads(DEFAULT_WEIGHTS.with_suffix(".json").read_text())
    settings = load_training(folder / RECIPE_FILE)
    start = Path(settings.start)
    names = {"phantoms": [Path(place).name for place in settings.phantoms], "start": start.name}
    card["recipe"] = asdict(settings) | names | {"start_sha256": file_sha256(start)}
    held_out = MixedDataset(Examples(settings.slices), VALIDATION_SEED, range(HELD_OUT))
    on_slices = membrane_scores(network, DataLoader(held_out, batch_size=8))
    rows = [("held-out slices", k.replace("_", " "), float(v)) for k, v in on_slices.items()]
    for phantom, scores in score_all(options.phantoms, DEFAULT_WEIGHTS).items():
        rows += [(phantom, name, float(value)) for name, value in scores.items()]
    card["scores"] = [[*row[:2], round(row[2], 4)] for row in rows]
    DEFAULT_WEIGHTS.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    write_card(network, unet, card, options.stopped_at or settings.training.steps)


def write_card(network: torch.nn.Module, unet: UNetConfig, card: dict, steps: int) -> None:
    """Write the model card that people read."""
    training, slices = card["recipe"]["training"], card["recipe"]["slices"]
    ranges = ", ".join(
        f"{name} {value[0]:g}–{value[1]:g}"
        for name, value in slices.items()
        if isinstance(value, list | tuple)
    )
    text = CARD.format(
        unet=f"{unet.encoder}, depth {unet.depth}, decoder {unet.decoder_channels}",
        parameters=sum(p.numel() for p in network.parameters()) / 1e6,
        megabytes=DEFAULT_WEIGHTS.stat().st_size / 1e6,
        name=DEFAULT_WEIGHTS.stem,
        examples=steps * training["batch"],
        share=card["recipe"]["volume_share"],
        rate=training["learning_rate"],
        looks=card["recipe"]["looks"]["share"],
        start=card["recipe"]["start"],
        start_sha256=card["recipe"]["start_sha256"],
        size=slices["size_px"],
        ranges=ranges,
        low=unet.pixel_size_A[0],
        high=unet.pixel_size_A[1],
        work_low=unet.working_pixel_size_A[0],
        work_high=unet.working_pixel_size_A[1],
        seed=training["seed"],
        steps=steps,
        planned=training["steps"],
        batch=training["batch"],
        decay=training["average_decay"],
        sha256=file_sha256(DEFAULT_WEIGHTS),
        scores="\n".join(f"| {a} | {b} | {c:.3g} |" for a, b, c in card["scores"]),
        phantom_seed=SEED,
    )
    DEFAULT_WEIGHTS.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
