"""Figures about closed surfaces: what the process believes, and whether it may.

    python scripts/draw_surfaces.py FILE.png [--costs COSTS.jsonl]

One sheet: the marginal likelihood of an outline in a slice, the mean and zero level for one and for
two rings, how the anchors' distance α changes the paper's recipe, and the calibration of the
deviation on vesicles that no benchmark scores, and seconds against points.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from analytic_shapes import Sight, cloud, vesicle
from matplotlib.axes import Axes
from surface_scores import Fit, score

from gp_fit import (
    AnchoredConfig,
    FitConfig,
    RingConfig,
    RingProcess,
    double_ring,
    fit_surface,
    single_ring,
)
from gp_fit.errors import GeometryError
from gp_fit.rings import Anchors

SEEDS = (1, 2, 3)
STRETCHES = (1.1, 1.2, 1.3, 1.4, 1.5)
LEVELS = np.linspace(0.5, 3.0, 11)
PLACE = ("x, voxels", "y, voxels")


def arcs(radius: float, rng: np.random.Generator) -> np.ndarray:
    """Two facing arcs of a wavy outline (N, 2) about (50, 50)."""
    half = np.linspace(-1.05, 1.05, 60)
    turn = np.concatenate([half, half + np.pi])
    wavy = radius * (1.0 + 0.05 * np.cos(3.0 * turn))
    ring = wavy[:, None] * np.column_stack([np.sin(turn), np.cos(turn)])
    return 50.0 + ring + 0.5 * rng.normal(size=ring.shape)


def grid() -> np.ndarray:
    """Pixels (10000, 2) of a slice of 100 × 100."""
    return np.indices((100, 100)).reshape(2, -1).T.astype(np.float64)


def draw_likelihood(axes: Axes, points: np.ndarray, process: RingProcess) -> None:
    """Draw p(f = 0) of every pixel; after Zhou et al. 2023, figure 9."""
    image = process.likelihood(grid()).reshape(100, 100)
    axes.imshow(np.log10(image + 1e-3), cmap="gray_r", origin="lower")
    axes.plot(points[:, 1], points[:, 0], ".", color="crimson", markersize=2)
    axes.set(xlabel=PLACE[0], ylabel=PLACE[1])
    axes.set_title("log marginal likelihood of f = 0 (red: points)")


def draw_mean(axes: Axes, points: np.ndarray, process: RingProcess, anchors: Anchors) -> None:
    """Draw the mean of f and its zero level; after Zhou et al. 2023, figures 10 and 11."""
    image = process.mean(grid()).reshape(100, 100)
    axes.imshow(image, cmap="RdBu_r", vmin=-1.5, vmax=1.5, origin="lower")
    axes.contour(image, [0.0], colors="black")
    axes.plot(points[:, 1], points[:, 0], "k.", markersize=2)
    y, x = anchors.positions_yx.T
    axes.scatter(x, y, c=anchors.values, cmap="RdBu_r", edgecolors="black", s=22)
    axes.set(xlim=(0, 99), ylim=(0, 99), xlabel=PLACE[0], ylabel=PLACE[1])
    axes.set_title("mean of f, zero level and anchors")


def draw_stretch(axes: Axes) -> None:
    """Draw shell Dice of the paper's recipe against α; after Zhou et al. 2023, figure 22."""
    sight = Sight()
    for seed in SEEDS:
        body = vesicle(np.random.default_rng(seed))
        points = cloud(body, sight, np.random.default_rng([seed, 500]))
        dice = []
        for stretch in STRETCHES:
            config = FitConfig(method="anchored", anchored=AnchoredConfig(stretch=stretch))
            try:
                found = fit_surface(points, config)
                fit = Fit(found.vertices_zyx, found.faces, None, 0.0)
                dice.append(score(body, sight, fit)["Dice"])
            except GeometryError:
                dice.append(np.nan)
        axes.plot(STRETCHES, dice, "o-", label=f"vesicle {seed}")
        print(f"α {STRETCHES}, vesicle {seed}: Dice", np.round(dice, 3), flush=True)
    axes.set(
        xlabel="α (distance of the anchors over that of the points)",
        ylabel="shell Dice",
        title="paper's recipe: distance of the anchors",
    )
    axes.legend()


def draw_calibration(axes: Axes) -> None:
    """Draw the share of the true surface within k deviations against what a normal law says."""
    from scipy.special import erf

    gaps: dict[str, list[np.ndarray]] = {"seen": [], "caps": []}
    sight = Sight()
    for seed in SEEDS:
        body = vesicle(np.random.default_rng(seed), fine=16)
        points = cloud(body, sight, np.random.default_rng([seed, 500]))
        found = fit_surface(points, FitConfig(method="star"), sight.detection_probability)
        ratio = np.abs(found.distance(body.vertices)) / found.sd(body.vertices)
        cap = body.is_cap(sight.tilt_range_deg)
        gaps["seen"].append(ratio[~cap])
        gaps["caps"].append(ratio[cap])
    for name, parts in gaps.items():
        together = np.concatenate(parts)
        shares = [np.mean(together < level) for level in LEVELS]
        axes.plot(erf(LEVELS / np.sqrt(2.0)), shares, "o-", label=name)
        print(f"within 2σ, {name}: {np.mean(together < 2.0):.3f}", flush=True)
    axes.plot([0.3, 1], [0.3, 1], "k:")
    axes.set(xlabel="share expected within kσ", ylabel="share found", title="calibration")
    axes.legend()


def draw_cost(axes: Axes, path: Path) -> None:
    """Draw seconds against points, from `benchmark_surfaces.py --large`."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        axes.loglog(
            [row["points"] for row in own], [row["CPU s"] for row in own], "o-", label=method
        )
    points = np.array(sorted({row["points"] for row in rows}))
    axes.loglog(points, rows[0]["CPU s"] * points / points[0], "k:", label="in proportion")
    axes.set(xlabel="points", ylabel="processor seconds", title="cost of a fit and its mesh")
    axes.legend()


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the picture to write")
    parser.add_argument("--costs", type=Path, help="what `benchmark_surfaces.py --large` wrote")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    figure, axes = plt.subplots(2, 3, figsize=(15, 9.5))
    one, outer = arcs(32.0, rng), arcs(40.0, rng)
    inner = arcs(26.0, rng)
    config = RingConfig()
    anchors = single_ring(one, config)
    process = RingProcess(one, anchors)
    draw_likelihood(axes[0, 0], one, process)
    draw_mean(axes[0, 1], one, process, anchors)
    both = np.concatenate([inner, outer])
    anchors = double_ring(inner, outer, config)
    draw_mean(axes[0, 2], both, RingProcess(both, anchors), anchors)
    draw_calibration(axes[1, 0])
    draw_stretch(axes[1, 1])
    if options.costs:
        draw_cost(axes[1, 2], options.costs)
    else:
        axes[1, 2].axis("off")
    figure.tight_layout()
    figure.savefig(options.file, dpi=80)


if __name__ == "__main__":
    main()
