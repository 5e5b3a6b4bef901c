"""Where does a network err on synthetic slices? Scores by contrast, by class and by kind of body.

    python scripts/score_slices.py [--weights FILE] [--slices 24] [--json FILE]

Each row draws its own slices (default ranges but for what the row says, seeds that no training
uses). *Hidden share*: of all wrong pixels, those whose truth is membrane or protein and that the
network calls background; the rest of the errors are inventions or mix-ups.
"""

import argparse
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from membraneseg.segment.normalise import normalise
from membraneseg.segment.train import VALIDATION_SEED
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from synth2d.config import SliceConfig
from synth2d.slices import BACKGROUND, IGNORE, MEMBRANE, PROTEIN, make_slice

CONTRAST_EDGES = (0.65, 1.0, 1.5, 2.3, 3.5, 7.0)
COLUMNS = (
    "accuracy",
    "membrane Dice",
    "protein Dice",
    "membrane recall",
    "protein recall",
    "protein share",
    "hidden share",
)


def rows_of(base: SliceConfig) -> dict[str, SliceConfig]:
    """Name and ranges of every row of the table."""
    rows = {"all": base}
    for low, high in pairwise(CONTRAST_EDGES):
        rows[f"contrast to noise {low:g} to {high:g}"] = replace(
            base, contrast_to_noise=(low, high)
        )
    clear = replace(base, contrast_to_noise=(2.3, 3.5), sheet_count=(0, 0))
    rows["bodies under 300 Å, contrast 2.3 to 3.5"] = replace(
        clear, body_count=(3, 9), body_radius_A=(90.0, 300.0)
    )
    rows["bodies over 600 Å, contrast 2.3 to 3.5"] = replace(
        clear, body_count=(2, 5), body_radius_A=(600.0, 3500.0)
    )
    rows["sheets, contrast 2.3 to 3.5"] = replace(clear, body_count=(0, 0), sheet_count=(2, 4))
    few = replace(clear, globules_per_um2=(1.0, 20.0))
    rows["few proteins, contrast 2.3 to 3.5"] = few
    rows["few proteins, contrast 3.5 to 7"] = replace(
        few, contrast_to_noise=(3.5, 7.0), filament_count=(0, 0)
    )
    return rows


@torch.inference_mode()
def confusion(network: torch.nn.Module, config: SliceConfig, count: int) -> np.ndarray:
    """Pixels (3, 3) by true class and called class."""
    table = np.zeros((3, 3), dtype=np.int64)
    for number in range(count):
        drawn = make_slice(config, np.random.default_rng([VALIDATION_SEED, number]))
        logits = network(torch.from_numpy(normalise(drawn.image))[None])
        called = logits.argmax(1)[0].numpy()
        known = drawn.labels != IGNORE
        np.add.at(table, (drawn.labels[known], called[known]), 1)
    return table


def scores(table: np.ndarray) -> dict[str, float]:
    """Scores of a (3, 3) table of pixels."""
    right, true, called = np.diag(table), table.sum(1), table.sum(0)
    dice = 2 * right / np.maximum(true + called, 1)
    recall = right / np.maximum(true, 1)
    wrong = max(int(table.sum() - right.sum()), 1)
    return {
        "accuracy": right.sum() / table.sum(),
        "membrane Dice": dice[MEMBRANE],
        "protein Dice": dice[PROTEIN],
        "membrane recall": recall[MEMBRANE],
        "protein recall": recall[PROTEIN],
        "protein share": true[PROTEIN] / table.sum(),
        "hidden share": table[[PROTEIN, MEMBRANE], BACKGROUND].sum() / wrong,
    }


def main() -> None:
    """Score every row, print a table, and write the numbers as JSON if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--slices", type=int, default=24, help="slices per row")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args()
    network, unet = load_weights(options.weights)
    base = SliceConfig(context=unet.context, pixel_size_A=unet.pixel_size_A)
    table = Table("slices", *COLUMNS, title=options.weights.name, title_justify="left")
    found = {}
    for name, config in rows_of(base).items():
        found[name] = scores(confusion(network, config, options.slices))
        table.add_row(name, *(f"{found[name][column]:.3f}" for column in COLUMNS))
    Console(width=140).print(table)
    if options.json:
        text = json.dumps(
            {k: {c: float(x) for c, x in v.items()} for k, v in found.items()}, indent=2
        )
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
