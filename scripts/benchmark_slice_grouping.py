"""Which fragments of a slice are one membrane? The walker against what needs no learning.

    python scripts/benchmark_slice_grouping.py [--slices 300] [--json FILE] [--figure FILE]
    python scripts/benchmark_slice_grouping.py --tune     searches the classical methods' numbers

Slices are those of `slice_worlds`, one generator per slice, seeds from 9000 on, a third of them at
each gap fraction; nothing is trained or tuned on them. `--tune` uses 20 others of each fraction.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from link_scores import link_counts, ratios
from slice_methods import (
    COMPONENT_REACH_PX,
    NEAREST_REACH_PX,
    Method,
    components,
    matching,
    nearest_ends,
    tune_classical,
    walker_method,
)
from slice_worlds import World, WorldConfig, draw_world, world_cues

from membraneseg.evaluate.grouping import variation_of_information
from membraneseg.evaluate.voxels import adjusted_rand_index
from rl_agent.matching import MatchingCosts
from rl_agent.policy import DEFAULT_POLICY
from rl_agent.scene import Scene, build_scene

FIRST_SEED = 9000
TUNING_SEED = 3
GAP_FRACTIONS = (0.1, 0.3, 0.5)
COLUMNS = ("precision", "recall", "F1", "Rand", "split", "merge", "ms")
Int64 = npt.NDArray[np.int64]
Pictures = list[tuple[World, Scene]]


def draw_pictures(seeds: list[list[int]], fraction: float) -> Pictures:
    """Draw one world per seed and measure them."""
    config = WorldConfig(gap_fraction=(fraction, fraction))
    worlds = [draw_world(np.random.default_rng(seed), config) for seed in seeds]
    return [(world, build_scene(world.curves_yx_px, world_cues(world))) for world in worlds]


def true_groups(world: World) -> Int64:
    """(F,) number of each fragment's outline, 1 or more; every false fragment is its own."""
    false = world.owner == 0
    groups = world.owner.copy()
    groups[false] = world.owner.max() + 1 + np.arange(int(false.sum()))
    return groups


def score(method: Method, pictures: Pictures) -> dict[str, float]:
    """Links over all slices together; groups per slice, then the mean; milliseconds per slice."""
    counts, agreements, seconds = np.zeros(3, dtype=np.int64), [], 0.0
    for world, scene in pictures:
        begun = time.process_time()
        partner, groups = method(world.curves_yx_px, scene)
        seconds += time.process_time() - begun
        counts += link_counts(partner, world.truth)
        found, true = groups + 1, true_groups(world)
        agreements.append(
            (adjusted_rand_index(found, true), *variation_of_information(found, true))
        )
    values = (*ratios(counts), *np.mean(agreements, axis=0), 1e3 * seconds / len(pictures))
    return {name: round(float(value), 4) for name, value in zip(COLUMNS, values, strict=True)}


def methods(policy_path: Path) -> dict[str, Method]:
    """Every method by its name in the table."""
    return {
        "connected components": components,
        "greedy nearest end": nearest_ends,
        "co-circular matching": matching,
        "walker, one greedy walk": walker_method(policy_path, walks=1),
        "walker": walker_method(policy_path),
    }


def print_table(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print one block per gap fraction."""
    for fraction, table in results.items():
        print(f"\ngaps {float(fraction):.0%}" + " " * 18 + "".join(f"{c:>11}" for c in COLUMNS))
        for name, row in table.items():
            print(f"{name:26s}" + "".join(f"{row[c]:11.3f}" for c in COLUMNS))


def draw_figure(results: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """Link F1 and Rand index against the gap fraction."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), sharex=True)
    fractions = [100 * float(f) for f in results]
    labels = {"F1": "link F1", "Rand": "adjusted Rand index over fragments"}
    for axis, column in zip(axes, labels, strict=True):
        for name in next(iter(results.values())):
            values = [table[name][column] for table in results.values()]
            strong = name == "walker"
            axis.plot(fractions, values, "o-", label=name, lw=2.4 if strong else 1.2)
        axis.set(xlabel="missing share of the outlines, %", title=labels[column], ylim=(0, 1.02))
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Score all methods at all gap fractions; print, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--policy", type=Path, default=DEFAULT_POLICY)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--tune", action="store_true")
    options = parser.parse_args()
    if options.tune:
        seeds = [[TUNING_SEED, k] for k in range(20)]
        sets = [draw_pictures(seeds, fraction) for fraction in GAP_FRACTIONS]
        tune_classical(
            [[(w.curves_yx_px, s, w.truth, true_groups(w)) for w, s in one] for one in sets]
        )
        return
    chosen = methods(options.policy)
    results: dict[str, dict[str, dict[str, float]]] = {}
    each = options.slices // len(GAP_FRACTIONS)
    for k, fraction in enumerate(GAP_FRACTIONS):
        seeds = [[FIRST_SEED + k * each + i] for i in range(each)]
        pictures = draw_pictures(seeds, fraction)
        results[str(fraction)] = {name: score(m, pictures) for name, m in chosen.items()}
    print_table(results)
    classical = {
        "component_reach_px": COMPONENT_REACH_PX,
        "nearest_reach_px": NEAREST_REACH_PX,
        "matching": MatchingCosts()._asdict(),
    }
    facts = {"slices": each, "first_seed": FIRST_SEED, "classical": classical}
    if options.json:
        options.json.write_text(json.dumps({**facts, "scores": results}, indent=1) + "\n")
    if options.figure:
        draw_figure(results, options.figure)


if __name__ == "__main__":
    main()
