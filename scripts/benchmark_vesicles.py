"""How well are synaptic vesicles found? Every step on phantoms of known truth, and other ways.

    python scripts/benchmark_vesicles.py FOLDER [--tuning]
    python scripts/benchmark_vesicles.py FOLDER --show

FOLDER keeps phantoms, results and scores.jsonl, so that a stopped run goes on. Seeds from 9401 on
are for these scores only; `--tuning` takes seeds from 1. Four synapses; the fifth has no vesicles,
the sixth is larger and holds at least 120 whole ones. Inputs: raw back-projection, on the first
also smoothed, median-filtered, and its negative. Other ways: spheres along the membranes of the
slice network instead of the 3-D network for vesicles; and, from the same segments as ours,
refinement and outliers as published, without bounds. Every search runs in a process of its own, so
that the memory is its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter
from synapse_phantoms import CROWDED, EMPTY, Recipe, phantom
from unbounded_refinement import refined_as_published, without_outliers_as_published

from membraneseg.evaluate.vesicle_files import evaluate_vesicles
from membraneseg.evaluate.vesicle_steps import Found, score_step
from membraneseg.evaluate.vesicle_truth import read_vesicle_truth
from membraneseg.io.mrc import read_tomogram, write_volume
from membraneseg.io.tables import read_vesicles_csv
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, Balls

FINAL_SEED, TUNING_SEED = 9401, 1
LARGE_ZYX = (144, 416, 416)
SERIES = ((60.0, 50.0), (140.0, 60.0), (100.0, 54.0), (60.0, 60.0))
"""Dose in electrons per Å² and half the tilt range of the phantoms, in order of their seeds."""
INPUTS = {
    "smoothed": lambda voxels: gaussian_filter(voxels, 1.0),
    "median": lambda voxels: median_filter(voxels, 3),
    "negative": lambda voxels: -voxels,
}
BY_SLICES = "slice network"
COLUMNS = ("mask_dice", "label_dice", "f1", "diameter_error", "centre_error_nm")


def run(folder: Path, first_seed: int) -> None:
    """Score what scores.jsonl does not hold yet."""
    recipes = [Recipe(first_seed + k, *how) for k, how in enumerate(SERIES)]
    empty = Recipe(first_seed + len(SERIES), 100.0, 60.0, EMPTY)
    large = Recipe(empty.seed + 1, 100.0, 60.0, CROWDED, LARGE_ZYX)
    todo: list[tuple[Recipe, str, Callable[..., dict[str, object]]]] = []
    todo += [(recipe, "raw", searched) for recipe in recipes]
    todo += [(empty, "no vesicles", searched), (large, "many vesicles", searched)]
    todo += [(recipes[0], name, searched) for name in INPUTS]
    todo += [(recipe, BY_SLICES, searched) for recipe in recipes]
    todo += [(empty, f"{BY_SLICES}, no vesicles", searched)]
    todo += [(large, f"{BY_SLICES}, many vesicles", searched)]
    todo += [(recipe, "published", published) for recipe in recipes]
    known = {(row["seed"], row["way"]) for row in rows_of(folder)}
    for recipe, way, scored in todo:
        if (recipe.seed, way) not in known:
            known.add((recipe.seed, way))
            scores = scored(folder, phantom(folder, recipe), recipe.seed, way)
            line = {"seed": recipe.seed, "way": way, "scores": scores}
            with (folder / "scores.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")


def searched(folder: Path, place: Path, seed: int, way: str) -> dict[str, object]:
    """Scores of `membraneseg vesicles` on one input, and what it took."""
    name = way.replace(",", "").replace(" ", "_")
    source, out = place / "tomogram.mrc", folder / f"result_{seed}_{name}"
    if way in INPUTS:
        tomogram, header = read_tomogram(source)
        source = folder / f"input_{seed}_{way}.mrc"
        write_volume(source, INPUTS[way](np.asarray(tomogram.voxels)), header, way)
    program = [sys.executable, "-c", "from membraneseg.cli import main; main()"]
    started, peak_MB, private_MB, done = time.monotonic(), 0.0, 0.0, 0
    program += ["vesicles", str(source), "-o", str(out), "--force"]
    if way.startswith(BY_SLICES):
        program += ["--set", "network=slices"]
    command = subprocess.Popen(program)
    while not done:
        # Not ru_maxrss: a process inherits that of the one that started it.
        peak_MB = max(peak_MB, memory_MB(command.pid, "status", "VmHWM:"))
        private_MB = max(private_MB, memory_MB(command.pid, "smaps_rollup", "Private_"))
        time.sleep(1.0)
        done, status, used = os.wait4(command.pid, os.WNOHANG)
    command.returncode = os.waitstatus_to_exitcode(status)
    if command.returncode:
        raise SystemExit(f"{source}: the search failed")
    spent = {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.monotonic() - started,
        "peak_MB": peak_MB,
        "private_MB": private_MB,
    }
    evaluate_vesicles(out, place)
    return json.loads((out / "evaluation.json").read_text())["vesicle_steps"] | {"spent": spent}


def memory_MB(process: int, file: str, start: str) -> float:
    """Sum of the lines of /proc/PROCESS/FILE that start so (Linux), or 0 if it is gone."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(start)) / 1024.0


def published(folder: Path, place: Path, seed: int, way: str) -> dict[str, object]:
    """Scores of the published refinement and outlier steps, from our segments of the raw input."""
    tomogram, _ = read_tomogram(place / "tomogram.mrc")
    truth = read_vesicle_truth(place)
    rows = read_vesicles_csv(folder / f"result_{seed}_raw" / "steps" / "spheres.csv")
    voxel_A, origin = tomogram.voxel_size_A, tomogram.origin_zyx_A
    centres = np.array([(r.z_A, r.y_A, r.x_A) for r in rows]) - origin
    outer_A = np.array([r.outer_radius_A for r in rows], dtype=float)
    start = Balls(np.arange(1, len(rows) + 1), centres / voxel_A, outer_A / voxel_A)
    voxels = np.asarray(tomogram.voxels, dtype=np.float32)
    bodies = refined_as_published(voxels, start)
    kept = without_outliers_as_published(voxels, start, bodies)
    scores: dict[str, object] = {}
    for step, some in (("refinement", bodies), ("outliers", kept)):
        places = np.array([b.centre for b in some]).reshape(-1, 3) * voxel_A + origin
        radii_A = np.array([b.outer for b in some]) * voxel_A
        middle = np.maximum(radii_A - HALF_MEMBRANE_A, voxel_A)
        scores[step] = score_step(Found(places, middle, radii_A), truth)
    change = np.array([b.outer for b in bodies]) / start.radii_px
    scores["radius_changed_by_a_quarter"] = float((np.abs(change - 1.0) > 0.25).mean())
    return scores


def rows_of(folder: Path) -> list[dict]:
    """Read the scores so far."""
    path = folder / "scores.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def show(rows: list[dict]) -> None:
    """Print mean and worst of every step, way by way."""
    ways: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        ways[row["way"]].append(row["scores"])
    for way, scores in ways.items():
        print(f"\n{way}, {len(scores)} phantoms: mean (worst)")
        print(f"{'step':<14}" + "".join(f"{column:>20}" for column in COLUMNS))
        for step in dict.fromkeys(name for one in scores for name in one):
            found = [one[step] for one in scores if isinstance(one.get(step), dict)]
            cells = []
            for column in COLUMNS:
                values = [one[column] for one in found if one.get(column) is not None]
                worst = (max if "error" in column else min)(values, default=np.nan)
                cells.append(f"{np.mean(values):.4f} ({worst:.4f})" if values else "")
            if any(cells):
                print(f"{step:<14}" + "".join(f"{cell:>20}" for cell in cells))
        spent = [one["spent"] for one in scores if "spent" in one]
        if spent:
            seconds = [one["cpu_s"] for one in spent]
            print(f"processor s {np.mean(seconds):.1f}, at most {max(seconds):.1f}")
            for what in ("peak_MB", "private_MB"):
                print(f"{what} {max(one.get(what, np.nan) for one in spent):.0f}")
        for one in (one["result"] for one in scores if "result" in one):
            print(f"true {one['true']}, found {one['found']}, called {one['predicted']}")


def main() -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tuning", action="store_true", help="seeds from 1, for looking")
    parser.add_argument("--show", action="store_true", help="only print what is there")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.show:
        run(options.folder, TUNING_SEED if options.tuning else FINAL_SEED)
    show(rows_of(options.folder))


if __name__ == "__main__":
    main()
