"""Which slice U-Net? Encoders, depths and context, by Dice against time.

    python scripts/compare_networks.py PHANTOMS FOLDER [--steps 400] [--only NAME …] [--json FILE]

Trains each candidate from scratch on the same examples in the same order (60 % crops of PHANTOMS,
made by scripts/simulate_training_set.sh, 40 % synthetic slices) and scores all on the same held-out
crops: of phantoms kept out of the training (the last of every set), of the same with the look of
other tomograms, and on held-out synthetic slices. Seconds are of one 512² slice without mirrored
copies, the best of several turns taken round and round, bfloat16 where the processor has it. A
short training ranks candidates; it does not make good networks. Can be resumed: finished trainings
in FOLDER are not run again, and with more --steps they go on from where they ended.
"""

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader

from membraneseg.segment.looks import Looks
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.train import (
    VALIDATION_SEED,
    Examples,
    MixedDataset,
    TrainConfig,
    membrane_scores,
    train,
)
from membraneseg.segment.unet import UNetConfig, build_unet, load_weights
from membraneseg.training_data import find_phantoms, read_example
from membraneseg.types import Tomogram
from synth2d.config import SliceConfig

BASE = UNetConfig()
CANDIDATES = {
    "resnet18, depth 4, 3 slices": BASE,
    "resnet18, depth 4, 1 slice": replace(BASE, context=1),
    "resnet18, depth 4, 5 slices": replace(BASE, context=5),
    "resnet18, depth 3, 3 slices": replace(BASE, depth=3, decoder_channels=(64, 32, 32)),
    "resnet34, depth 4, 3 slices": replace(BASE, encoder="resnet34"),
    "mobilenet_v2, depth 4, 3 slices": replace(BASE, encoder="mobilenet_v2"),
}
TURNS = 5
CROPS = 128
SIZE_PX = 128


@dataclass(frozen=True)
class Candidate:
    """A trained network and what it scores: measure to value."""

    network: torch.nn.Module
    unet: UNetConfig
    scores: dict[str, float]


def held_out_sets(folder: Path, unet: UNetConfig, looks: Looks) -> dict[str, MixedDataset]:
    """Examples that no candidate is trained on."""
    slices = SliceConfig(size_px=SIZE_PX, context=unet.context)
    volumes = tuple(read_example(place, unet) for place in split(folder)[1])
    sets = {
        "phantoms": Examples(slices, volumes, 1.0, replace(looks, share=0.0)),
        "other looks": Examples(slices, volumes, 1.0, replace(looks, share=1.0)),
        "synthetic": Examples(slices),
    }
    return {k: MixedDataset(v, VALIDATION_SEED, range(CROPS)) for k, v in sets.items()}


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Phantoms to train on, and the last of every set to score on."""
    places = find_phantoms([folder])
    last = {place.parent: place for place in places}
    return [p for p in places if p not in last.values()], list(last.values())


def trained(name: str, unet: UNetConfig, phantoms: Path, folder: Path, steps: int) -> Candidate:
    """Train a candidate, or take it from its folder, and score it."""
    own = folder / name.replace(", ", "-").replace(" ", "_")
    finished = own / f"scores_{steps}.json"
    if not finished.is_file():
        slices = SliceConfig(size_px=SIZE_PX, context=unet.context)
        volumes = tuple(read_example(place, unet) for place in split(phantoms)[0])
        config = TrainConfig(steps=steps, checkpoint_every=100, validation_slices=16)
        train(own, unet, Examples(slices, volumes, looks=Looks()), config)
        network, _ = load_weights(own / "slice_unet.safetensors")
        scores = {}
        for kind, data in held_out_sets(phantoms, unet, Looks()).items():
            found = membrane_scores(network, DataLoader(data, batch_size=8))
            scores |= {f"{kind}: {k}": found[k] for k in ("membrane_dice", "protein_dice")}
        finished.write_text(json.dumps(scores, indent=2))
    network, _ = load_weights(own / "slice_unet.safetensors")
    return Candidate(network, unet, json.loads(finished.read_text()))


def seconds_per_slice(candidates: dict[str, Candidate]) -> dict[str, float]:
    """Shortest time of one 512² slice; in turns, so that all candidates meet the same load."""
    best = dict.fromkeys(candidates, float("inf"))
    slab = torch.randn(4, 512, 512, generator=torch.Generator().manual_seed(1)).numpy()
    settings = SegmentConfig(flips=False, device="cpu")
    for _ in range(TURNS):
        for name, one in candidates.items():
            started = time.perf_counter()
            predict(Tomogram(slab, 13.0, np.zeros(3)), one.network, one.unet, settings)
            best[name] = min(best[name], (time.perf_counter() - started) / len(slab))
    return best


def main() -> None:
    """Train, score, time, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("phantoms", type=Path, help="folder of simulate_training_set.sh")
    parser.add_argument("folder", type=Path, help="keeps the trained candidates")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--json", type=Path, help="also write the table here")
    options = parser.parse_args()
    done = {
        name: trained(name, CANDIDATES[name], options.phantoms, options.folder, options.steps)
        for name in options.only
    }
    seconds = seconds_per_slice(done)
    measures = list(next(iter(done.values())).scores)
    table = Table("network", "million weights", *measures, "ms per 512² slice")
    rows = {}
    for name, one in done.items():
        size = sum(p.numel() for p in build_unet(one.unet).parameters()) / 1e6
        rows[name] = {"million weights": size, **one.scores, "milliseconds": 1e3 * seconds[name]}
        shown = [f"{one.scores[m]:.3f}" for m in measures]
        table.add_row(name, f"{size:.1f}", *shown, f"{1e3 * seconds[name]:.0f}")
    Console(width=160).print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
