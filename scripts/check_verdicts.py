"""Is the verdict that needs no truth right? Networks compared with and without the truth.

    python scripts/check_verdicts.py FOLDER --weights A.safetensors B.safetensors … [--seed 9501]

Each network is compared with the shipped one on phantoms of four presets (kept in FOLDER, simulated
on the first call): by `compare_predictions`, which sees no truth, and by the true surface Dice (at
2 voxels) of what can be seen. A verdict is wrong if it is clear and the true difference has the
other sign.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from score_network import score, simulated

from membraneseg.io.mrc import read_tomogram
from membraneseg.segment.predict import Segmentation, SegmentConfig, predict
from membraneseg.segment.truth_free import compare_predictions
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.training_data import visible_labels
from membraneseg.types import Float32, Tomogram

KINDS = ("liposomes", "mitochondrion", "cell", "tubes")
SLICES, EDGE_PX = 40, 320


def middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The middle part of a phantom, to save time."""
    wanted = (SLICES, EDGE_PX, EDGE_PX)
    starts = [max(0, (n - w) // 2) for n, w in zip(shape, wanted, strict=True)]
    return tuple(slice(s, s + w) for s, w in zip(starts, wanted, strict=True))


def membrane_of(weights: Path, slab: Tomogram) -> tuple[Segmentation, Float32]:
    """What a network sees, and its probability of membrane in memory."""
    network, unet = load_weights(weights)
    found = predict(slab, network, unet, SegmentConfig(flips=False, device="cpu"))
    return found, np.asarray(found.membrane, dtype=np.float32)


def compared(place: Path, weights: list[Path]) -> list[dict[str, object]]:
    """One row per network: true and estimated difference of the surface Dice to the shipped one."""
    tomogram, _ = read_tomogram(place / "tomogram.mrc")
    part = middle(tomogram.voxels.shape)
    slab = replace(tomogram, voxels=np.asarray(tomogram.voxels[part], dtype=np.float32))
    labels = visible_labels(place)[part]
    shipped, first = membrane_of(DEFAULT_WEIGHTS, slab)
    own = score(labels, shipped)["surface Dice"]
    rows: list[dict[str, object]] = []
    for file in weights:
        found, second = membrane_of(file, slab)
        guess = compare_predictions(slab.voxels, first, second, slab.voxel_size_A)
        rows.append(
            {
                "phantom": place.name,
                "network": file.parent.name,
                "true": score(labels, found)["surface Dice"] - own,
                "estimated": guess.second_dice - guess.first_dice,
                "uncertainty": guess.uncertainty,
                "verdict": guess.verdict,
            }
        )
    return rows


def is_wrong(row: dict[str, object]) -> bool:
    """Whether a clear verdict has the wrong sign."""
    return (row["verdict"] == "better" and float(str(row["true"])) < 0) or (
        row["verdict"] == "worse" and float(str(row["true"])) > 0
    )


def main() -> None:
    """Compare, and print every verdict beside the truth."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the phantoms are kept")
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=9501)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for file in options.weights:
        load_weights(file)  # a wrong file is found out at once
    table = Table("phantom", "network", "true", "estimated", "±", "verdict", "right")
    rows: list[dict[str, object]] = []
    for kind in KINDS:
        place = simulated(options.folder, f"{kind}_{options.seed}", kind, (), options.seed)
        found = compared(place, options.weights)
        rank = spearmanr([r["true"] for r in found], [r["estimated"] for r in found]).statistic
        for row in found:
            numbers = [f"{row[k]:+.3f}" for k in ("true", "estimated", "uncertainty")]
            right = "" if str(row["verdict"]).startswith("no") else str(not is_wrong(row))
            table.add_row(kind, str(row["network"]), *numbers, str(row["verdict"]), right)
        table.add_section()
        Console().print(f"{kind}: rank correlation {rank:.2f}")
        rows += found
    Console().print(table)
    clear = [row for row in rows if not str(row["verdict"]).startswith("no")]
    wrong = sum(is_wrong(row) for row in clear)
    Console().print(f"{len(rows)} verdicts, {len(clear)} clear, {wrong} of them wrong")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
