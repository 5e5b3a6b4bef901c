"""Train the 3-D vesicle network on phantoms.

    bash scripts/simulate_vesicle_set.sh FOLDER/phantoms
    python scripts/train_vesicle_unet.py FOLDER [--start WEIGHTS] [--steps 2500] [--rate 3e-3]
    python scripts/release_vesicle_unet.py FOLDER PHANTOMS

Started again, it goes on where it was. As in CryoVesNet (doi:10.1083/jcb.202402169): two
down-samplings, two convolutions a level, patches of 32 voxels whose inner 24 count, binary
cross-entropy. Chosen here: voxels of 24 Å, so that a patch holds a vesicle and what surrounds it,
AdamW with averaged weights, looks of the patches (vesicle_examples.py). About 20 minutes on one
core with bfloat16; --start gives weights to go on from.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from vesicle_examples import BOXES, MARGIN, PATCHES_OF_A_BOX, draw_batch, read_examples

from membraneseg.segment.train import TrainConfig, append_row, learning_rate, running_average
from membraneseg.segment.unet import file_sha256, save_weights
from membraneseg.segment.volume_unet import VolumeUNet, VolumeUNetConfig, load_vesicle_network
from membraneseg.training_data import find_phantoms

WEIGHTS_FILE, CHECKPOINT_FILE, CURVE_FILE = "vesicle_unet.safetensors", "checkpoint.pt", "curve.csv"
RECIPE_FILE = "training.json"
LAYOUT = torch.channels_last_3d
INNER = (..., *[slice(MARGIN, -MARGIN)] * 3)
CONFIG = TrainConfig(
    steps=2500,
    batch=BOXES * PATCHES_OF_A_BOX,
    learning_rate=3e-3,
    average_decay=0.98,
    checkpoint_every=50,
)


def train(folder: Path, config: TrainConfig, start: Path | None) -> None:
    """Train and write the averaged weights at every checkpoint."""
    torch.manual_seed(config.seed)
    unet = VolumeUNetConfig()
    network = load_vesicle_network(start)[0] if start else VolumeUNet(unet)
    network = network.to(memory_format=LAYOUT)
    state = {
        "network": network,
        "average": running_average(network, config.average_decay),
        "optimiser": torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay),
    }
    done, path = 0, folder / CHECKPOINT_FILE
    if path.exists():
        saved = torch.load(path, weights_only=True)
        done = saved["done"]
        for name, part in state.items():
            part.load_state_dict(saved[name])
    places = find_phantoms([folder / "phantoms"])
    examples = [read_examples(place, unet.voxel_size_A) for place in places]
    examples = [some for some in examples if some]
    losses = []
    while done < config.steps:
        for group in state["optimiser"].param_groups:
            group["lr"] = learning_rate(done, config)
        batch = draw_batch(examples, np.random.default_rng([config.seed, done]))
        losses.append(one_step(network, state["optimiser"], batch))
        state["average"].update_parameters(network)
        done += 1
        if done % config.checkpoint_every == 0 or done == config.steps:
            save_weights(folder / WEIGHTS_FILE, state["average"].module, unet)
            partial = path.with_suffix(".partial")
            torch.save(
                {k: part.state_dict() for k, part in state.items()} | {"done": done}, partial
            )
            partial.replace(path)
            row = {"step": done, "loss": float(np.mean(losses))}
            append_row(folder / CURVE_FILE, row)
            print(row, flush=True)
            losses.clear()


def one_step(
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> float:
    """Take one step; return the loss on the inner part of the patches."""
    densities, inside, known = batch
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(densities.contiguous(memory_format=LAYOUT))
    loss = F.binary_cross_entropy_with_logits(
        logits.float()[INNER], inside[INNER], weight=known[INNER]
    )
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="with the phantoms in FOLDER/phantoms")
    parser.add_argument("--start", type=Path, help="weights to start from; default: none")
    parser.add_argument("--steps", type=int, default=CONFIG.steps)
    parser.add_argument("--rate", type=float, default=CONFIG.learning_rate)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = replace(CONFIG, steps=options.steps, learning_rate=options.rate)
    recipe = asdict(config)
    if options.start:
        recipe |= {"start": options.start.name, "start_sha256": file_sha256(options.start)}
    (options.folder / RECIPE_FILE).write_text(json.dumps(recipe, indent=2) + "\n")
    train(options.folder, config, options.start)


if __name__ == "__main__":
    main()
