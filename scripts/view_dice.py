"""Slice-wise Dice of a result on a phantom: the network alone, and the final membranes.

    python scripts/view_dice.py OUT PHANTOM --save dice.png

Over z, against the phantom's true membranes (Zhou et al. 2023, figure 21). The final membranes
also hold what the missing wedge hides; the network shows only what it sees.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from membraneseg.evaluate.voxels import slice_dice
from membraneseg.io.mrc import read_tomogram

THRESHOLD = 0.5


def main() -> None:
    """Read a result and its truth, draw both curves, print their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="output folder of membraneseg run")
    parser.add_argument("truth", type=Path, help="folder of membraneseg simulate")
    parser.add_argument("--save", type=Path, required=True, help="write this picture")
    options = parser.parse_args()
    truth = np.asarray(read_tomogram(options.truth / "truth_membranes.mrc")[0].voxels)
    given = {
        "network": np.asarray(read_tomogram(options.result / "probability.mrc")[0].voxels)
        > THRESHOLD,
        "final membranes": np.asarray(read_tomogram(options.result / "membranes.mrc")[0].voxels),
    }
    figure, axes = plt.subplots(figsize=(7.0, 3.2), layout="constrained")
    for (name, voxels), colour in zip(given.items(), ("#3a76a8", "#c0392b"), strict=True):
        scores = slice_dice(voxels, truth)
        mean = float(np.nanmean(scores))
        axes.plot(scores, color=colour, label=f"{name}, mean {mean:.3f}")
        print(f"{name}: mean slice-wise Dice {mean:.3f}")
    axes.set(xlabel="z, voxels", ylabel="Dice", ylim=(0.0, 1.0))
    axes.legend()
    figure.savefig(options.save, dpi=150)


if __name__ == "__main__":
    main()
