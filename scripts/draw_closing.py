"""A figure of what closing earns, from the scores of `benchmark_closing.py`.

    python scripts/draw_closing.py FILE.png VISIBLE.json NETWORK.json

Above: surface Dice at two voxels of the whole surface, and what the true surface scores where it is
visible and nowhere else. Below: slice-wise Dice of the painted membranes, completed or only the
visible truth, after Zhou et al. 2023, figure 21. Left from perfect masks of what is visible, right
from the shipped network.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

MEASURES = (
    ("surface Dice, 2 voxels", "surface_dice_2px", "oracle"),
    ("slice-wise Dice", "slice_dice", "slice_dice_seen"),
)
COLUMNS = ("perfect masks of what is visible", "the shipped network's masks")
HALF = 0.38


def draw(axes: Axes, scores: dict[str, dict], measure: tuple[str, str, str]) -> None:
    """Draw two bars per phantom: what we make of it, and only what is visible."""
    label, ours, seen = measure
    places = np.arange(len(scores))
    for key, name, shift in (
        (ours, "completed", -HALF / 2),
        (seen, "visible truth only", HALF / 2),
    ):
        heights = [one[key] for one in scores.values()]
        bars = axes.bar(places + shift, heights, HALF, label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize=8)
    axes.set(ylim=(0.0, 1.12), ylabel=label)
    axes.set_xticks(places, [name.rsplit("_", 1)[0] for name in scores])


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the picture to write")
    parser.add_argument("visible", type=Path, help="scores with --input visible")
    parser.add_argument("network", type=Path, help="scores with --input network")
    options = parser.parse_args()
    figure, axes = plt.subplots(2, 2, figsize=(12, 7), sharey=True, layout="constrained")
    for column, path in enumerate((options.visible, options.network)):
        scores = dict(sorted(json.loads(path.read_text()).items()))
        axes[0, column].set_title(COLUMNS[column])
        for row, measure in enumerate(MEASURES):
            draw(axes[row, column], scores, measure)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    figure.savefig(options.file, dpi=80)


if __name__ == "__main__":
    main()
