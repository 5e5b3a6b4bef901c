"""How far do the weights carry? Scores against dose, defocus and pixel size.

    python scripts/robustness.py FOLDER [--weights FILE] [--figure FILE.png] [--json FILE]

One scene of each of two presets is imaged again and again with one parameter changed (as in
CryoTomoSim's Figs. S2–S4, Swulius et al. 2025), the others at their middle: dose 80 e/Å²,
underfocus 4 µm, pixel size 12 Å. With the pixel size the box changes too: its depth stays 96 nm,
its width 224 pixels. FOLDER keeps the phantoms, which no training uses. Scored as in
scripts/score_network.py.
"""

import argparse
import json
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from score_network import score, simulated

from membraneseg.io.mrc import read_tomogram
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.training_data import visible_labels

SEED = 9102
PRESETS = ("liposomes", "cell")
MIDDLE = {"dose": 80.0, "defocus": 4.0, "pixel size": 12.0}
STEPS = {
    "dose": (20.0, 40.0, 80.0, 110.0, 140.0),
    "defocus": (2.0, 3.0, 4.0, 6.0, 8.0),
    "pixel size": (6.0, 8.0, 10.0, 12.0, 16.0, 20.0),
}
UNITS = {"dose": "e/Å²", "defocus": "µm", "pixel size": "Å"}
DEPTH_A, WIDTH_PX = 960.0, 224
MEASURES = ("voxel Dice", "surface Dice", "precision", "recall")
Rows = list[dict[str, float | str]]


def scene_settings(values: dict[str, float]) -> tuple[str, ...]:
    """Settings of `membraneseg simulate`: a box of the same thickness, whatever the pixel."""
    depth = round(DEPTH_A / values["pixel size"])
    return (
        f"voxel_size_A={values['pixel size']}",
        f"shape_zyx=[{depth},{WIDTH_PX},{WIDTH_PX}]",
        f"microscope.dose_e_per_A2={values['dose']}",
        f"microscope.defocus_um={values['defocus']}",
    )


def measured(folder: Path, weights: Path) -> Rows:
    """Scores of every phantom; the middle one of each preset stands in all three rows."""
    network, unet = load_weights(weights)
    rows: Rows = []
    known: dict[str, dict[str, float]] = {}
    for preset in PRESETS:
        for parameter, steps in STEPS.items():
            for step in steps:
                values = MIDDLE | {parameter: step}
                name = "_".join([preset, *(f"{value:g}" for value in values.values())])
                if name not in known:
                    place = simulated(folder, name, preset, scene_settings(values), SEED)
                    tomogram, _ = read_tomogram(place / "tomogram.mrc")
                    found = predict(tomogram, network, unet, SegmentConfig())
                    known[name] = score(visible_labels(place), found)
                rows.append({"preset": preset, "parameter": parameter, "at": step, **known[name]})
    return rows


def drawn(rows: Rows) -> Figure:
    """Surface Dice (solid) and voxel Dice (dashed) against each parameter."""
    figure = Figure(figsize=(10.0, 3.4), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, parameter in zip(panels, STEPS, strict=True):
        for preset, colour in zip(PRESETS, ("#1f6f8b", "#c8553d"), strict=True):
            own = [r for r in rows if r["preset"] == preset and r["parameter"] == parameter]
            at = [r["at"] for r in own]
            for measure, line in (("surface Dice", "-"), ("voxel Dice", "--")):
                values = [r[measure] for r in own]
                axes.plot(at, values, line, marker=".", color=colour, label=f"{preset}, {measure}")
        axes.set(xlabel=f"{parameter} ({UNITS[parameter]})", ylim=(0.0, 1.02))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("visible part")
    panels[0].legend(fontsize=8, loc="lower right")
    return figure


def main() -> None:
    """Score, print the table, draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="keeps the phantoms")
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--figure", type=Path, help="draw the curves here")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    options = parser.parse_args()
    rows = measured(options.folder, options.weights)
    table = Table("preset", "parameter", "at", *MEASURES, title=options.weights.name)
    for row in rows:
        at = f"{row['at']:g} {UNITS[str(row['parameter'])]}"
        shown = [f"{row[m]:.3f}" for m in MEASURES]
        table.add_row(str(row["preset"]), str(row["parameter"]), at, *shown)
    Console().print(table)
    if options.figure:
        drawn(rows).savefig(options.figure, dpi=120)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
