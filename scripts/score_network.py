"""How well does a network see? Scores on phantoms that no training uses, preset by preset.

    python scripts/score_network.py FOLDER [--weights FILE]

FOLDER keeps the evaluation phantoms (six presets and buffer without membranes, seed 9101), which
are simulated on the first call. *Visible* is the true shell where the wedge depth is below 3°;
from there to 14° nothing counts. Surface Dice: share of the visible voxels and of the called ones
that have one of the other within 2 voxels; the soft edge counts as true for the called ones.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import distance_transform_edt

from membraneseg.io.mrc import read_tomogram
from membraneseg.phantom.presets import PRESETS
from membraneseg.progress import BarReporter
from membraneseg.scene_file import load_scene
from membraneseg.segment.labelled import UInt8
from membraneseg.segment.predict import Segmentation, SegmentConfig, predict
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.simulate import SimulateRequest, simulate_to_folder
from membraneseg.training_data import visible_labels
from synth2d.slices import IGNORE, MEMBRANE, PROTEIN

SEED = 9101
NO_MEMBRANES = "no membranes"
TOLERANCE_PX = 2.0
MEASURES = (
    "voxel Dice",
    "surface Dice",
    "precision",
    "recall",
    "protein Dice",
    "false share",
    "seconds",
)


def simulated(folder: Path, name: str, preset: str, settings: tuple[str, ...], seed: int) -> Path:
    """Simulate a phantom into a folder of its own, or find it there."""
    place = folder / name.replace(" ", "_")
    request = SimulateRequest(place, resume=True)
    scene = load_scene(preset, settings, {"seed": seed})
    simulate_to_folder(request, scene, BarReporter(Console(stderr=True)))
    return place


def evaluation_phantoms(folder: Path) -> dict[str, Path]:
    """Simulate what is missing of the evaluation set; return the folders by name."""
    places = {name: simulated(folder, name, name, (), SEED) for name in PRESETS}
    empty = ("liposomes.count=0", "crowd.small_distractors.volume_share=0.03")
    return places | {NO_MEMBRANES: simulated(folder, NO_MEMBRANES, "liposomes", empty, SEED)}


def score(labels: UInt8, found: Segmentation) -> dict[str, float]:
    """Compare a segmentation with what can be seen (`visible_labels`), both (Z, Y, X)."""
    called = found.membrane > 0.5
    true, ignored = labels == MEMBRANE, labels == IGNORE
    scores = {"false share": float((called & ~true & ~ignored).mean())}
    if true.any():
        counted = called & ~ignored
        hit = float((called & true).sum())
        near_true = distance_transform_edt(~(true | ignored)) <= TOLERANCE_PX
        near_called = distance_transform_edt(~called) <= TOLERANCE_PX
        close = float((counted & near_true).sum() + (true & near_called).sum())
        scores |= {
            "voxel Dice": 2 * hit / float(counted.sum() + true.sum()),
            "surface Dice": close / float(counted.sum() + true.sum()),
            "precision": hit / max(float(counted.sum()), 1.0),
            "recall": hit / float(true.sum()),
        }
    protein = labels == PROTEIN
    if protein.any():
        both = float(((found.protein > 0) & protein).sum())
        scores["protein Dice"] = 2 * both / float((found.protein > 0).sum() + protein.sum())
    return scores


def score_all(folder: Path, weights: Path) -> dict[str, dict[str, float]]:
    """Scores of a network on every evaluation phantom."""
    network, unet = load_weights(weights)
    scores = {}
    for name, place in evaluation_phantoms(folder).items():
        tomogram, _ = read_tomogram(place / "tomogram.mrc")
        started = time.monotonic()
        found = predict(tomogram, network, unet, SegmentConfig())
        seconds = time.monotonic() - started
        scores[name] = score(visible_labels(place), found) | {"seconds": seconds}
    return scores


def main() -> None:
    """Score, print a table, and write the numbers as JSON if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the evaluation phantoms are kept")
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args()
    scores = score_all(options.folder, options.weights)
    table = Table("phantom", *MEASURES, title=options.weights.name, title_justify="left")
    for name, row in scores.items():
        table.add_row(name, *(f"{row[m]:.3g}" if m in row else "" for m in MEASURES))
    means = [np.mean([row[m] for row in scores.values() if m in row]) for m in MEASURES]
    table.add_row("mean", *(f"{mean:.3g}" for mean in means))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()
