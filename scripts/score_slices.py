"""Where does a network err on synthetic slices? Scores by contrast, by class and by kind of body.

    python scripts/score_slices.py [--weights FILE] [--slices 24] [--json FILE]

Each row draws its own slices (default ranges but for what the row says, seeds that no training
uses). *To a pixel*: the accuracy if a pixel also counts as right where the called class is true of
a pixel next to it and the true class is called of one: an outline that is off by one pixel. The
last four columns split the wrong pixels: such *edges*, then, without them, *missed* membrane and
protein, and what is *invented* on background. Proteins count as *faint* under 2 deviations of the
noise (0.5 in all other rows).
"""

import argparse
import json
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.ndimage import maximum_filter

from membraneseg.segment.normalise import normalise
from membraneseg.segment.train import VALIDATION_SEED
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from synth2d.config import SliceConfig
from synth2d.slices import BACKGROUND, IGNORE, MEMBRANE, PROTEIN, make_slice

CONTRAST_EDGES = (0.65, 1.0, 1.5, 2.3, 3.5, 7.0)
COLUMNS = (
    "accuracy",
    "to a pixel",
    "membrane Dice",
    "protein Dice",
    "membrane recall",
    "protein recall",
    "edges",
    "missed membrane",
    "missed protein",
    "invented",
)


def rows_of(base: SliceConfig) -> dict[str, SliceConfig]:
    """Name and ranges of every row of the table."""
    rows = {
        "all": base,
        "all, a quarter of the noise": replace(base, noise_deviation=0.25),
        "all, faint proteins unknown": replace(base, faintest_protein=2.0),
    }
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
    """Pixels (2, 3, 3) by true and called class: all, and those that are wrong beyond an edge."""
    table = np.zeros((2, 3, 3), dtype=np.int64)
    for number in range(count):
        drawn = make_slice(config, np.random.default_rng([VALIDATION_SEED, number]))
        logits = network(torch.from_numpy(normalise(drawn.image))[None])
        called = logits.argmax(1)[0].numpy()
        known = drawn.labels != IGNORE
        beyond = known & ~right_to_a_pixel(drawn.labels, called)
        np.add.at(table[0], (drawn.labels[known], called[known]), 1)
        np.add.at(table[1], (drawn.labels[beyond], called[beyond]), 1)
    return table


def right_to_a_pixel(labels: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Where (H, W) the called class is true, and the true one called, at most a pixel away."""
    right = np.zeros(labels.shape, dtype=bool)
    for true, call in product(range(3), range(3)):
        near = maximum_filter(labels == call, 3) & maximum_filter(called == true, 3)
        right |= (labels == true) & (called == call) & near
    return right


def moved_agreement(config: SliceConfig, count: int) -> float:
    """Accuracy of labels that are right but for standing one pixel off, along y or x."""
    same = known = 0
    for number in range(count):
        labels = make_slice(config, np.random.default_rng([VALIDATION_SEED, number])).labels
        for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
            both = (one != IGNORE) & (other != IGNORE)
            same, known = same + (one == other)[both].sum(), known + both.sum()
    return float(same / known)


def scores(table: np.ndarray) -> dict[str, float]:
    """Scores of a (2, 3, 3) table of pixels."""
    pixels, beyond = table
    right, true, called = np.diag(pixels), pixels.sum(1), pixels.sum(0)
    dice = 2 * right / np.maximum(true + called, 1)
    recall = right / np.maximum(true, 1)
    wrong = max(int(pixels.sum() - right.sum()), 1)
    missed = beyond.sum(1) / wrong
    return {
        "accuracy": right.sum() / pixels.sum(),
        "to a pixel": 1.0 - beyond.sum() / pixels.sum(),
        "membrane Dice": dice[MEMBRANE],
        "protein Dice": dice[PROTEIN],
        "membrane recall": recall[MEMBRANE],
        "protein recall": recall[PROTEIN],
        "edges": 1.0 - missed.sum(),
        "missed membrane": missed[MEMBRANE],
        "missed protein": missed[PROTEIN],
        "invented": missed[BACKGROUND],
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
    console = Console(width=140)
    console.print(table)
    moved = moved_agreement(base, options.slices)
    console.print(
        f"The truth itself, moved by one pixel, would score {moved:.3f} in the first row."
    )
    if options.json:
        text = json.dumps(
            {k: {c: float(x) for c, x in v.items()} for k, v in found.items()}, indent=2
        )
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
