"""How well are synaptic vesicles found? Every step on phantoms of known truth, and other ways.

    python scripts/benchmark_vesicles.py FOLDER [--tuning] [--unet WEIGHTS]
    python scripts/benchmark_vesicles.py FOLDER --show

FOLDER keeps phantoms, results and scores.jsonl, so that a stopped run goes on. Seeds from 9401 on
are for these scores only; `--tuning` takes seeds from 1. Inputs: raw back-projection, the same
smoothed or median-filtered, and its negative. Other ways from the same segments: refinement and
outliers as published, without bounds. With `--unet` the probability of a 3-D U-Net (see
train_vesicle_unet.py) goes the same way as ours.
"""

import argparse
import json
import resource
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter
from unbounded_refinement import refined_as_published, without_outliers_as_published

from membraneseg.evaluate.vesicle_files import evaluate_vesicles
from membraneseg.evaluate.vesicle_steps import Found, mask_dice, score_step
from membraneseg.evaluate.vesicle_truth import read_vesicle_truth
from membraneseg.io.mrc import read_tomogram, write_volume
from membraneseg.io.tables import read_vesicles_csv
from membraneseg.progress import SilentReporter
from membraneseg.scene_file import load_scene
from membraneseg.simulate import SimulateRequest, simulate_to_folder
from membraneseg.vesicle_command import VesicleRequest, search_vesicles
from membraneseg.vesicle_config import VesicleRunConfig, load_vesicle_config
from membraneseg.vesicle_pipeline import Steps, vesicles_from
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, Balls

FINAL_SEED, TUNING_SEED = 9401, 1
SERIES = ((60.0, 50.0), (140.0, 60.0), (100.0, 54.0), (60.0, 60.0))
"""Dose in electrons per Å² and half the tilt range of the phantoms, in order of their seeds."""
EMPTY = {"vesicle_count_min": 0, "vesicle_count_max": 0, "endosome_count": 0}
INPUTS = {
    "raw": lambda voxels: voxels,
    "smoothed": lambda voxels: gaussian_filter(voxels, 1.0),
    "median": lambda voxels: median_filter(voxels, 3),
    "negative": lambda voxels: -voxels,
}
COLUMNS = ("mask_dice", "label_dice", "f1", "diameter_error", "centre_error_nm")


def phantom(folder: Path, seed: int, dose: float, tilt_deg: float, empty: bool) -> Path:
    """Simulate a synapse, unless it is there."""
    place = folder / f"phantom_{seed}"
    if not place.exists():
        options: dict[str, object] = {
            "seed": seed,
            "tilts": {"min_deg": -tilt_deg, "max_deg": tilt_deg},
            "microscope": {"dose_e_per_A2": dose},
        }
        if empty:
            options["synapse"] = EMPTY
        scene = load_scene("synapse", (), options)
        simulate_to_folder(SimulateRequest(place), scene, SilentReporter())
    return place


def run(folder: Path, first_seed: int, unet: Path | None) -> None:
    """Score what scores.jsonl does not hold yet."""
    known = {(row["seed"], row["way"]) for row in rows_of(folder)}

    def missing(seed: int, way: str) -> bool:
        return (seed, way) not in known

    empty = first_seed + len(SERIES)
    series = [(first_seed + number, *how) for number, how in enumerate(SERIES)]
    for seed, dose, tilt_deg in series:
        place = phantom(folder, seed, dose, tilt_deg, empty=False)
        if missing(seed, "raw"):
            note(folder, seed, "raw", searched(folder, place, seed, "raw"))
        if missing(seed, "published"):
            note(folder, seed, "published", published(folder, place, seed))
    place = phantom(folder, empty, 100.0, 60.0, empty=True)
    if missing(empty, "no vesicles"):
        note(folder, empty, "no vesicles", searched(folder, place, empty, "raw"))
    place = folder / f"phantom_{first_seed}"
    for name in INPUTS:
        if missing(first_seed, name):
            note(folder, first_seed, name, searched(folder, place, first_seed, name))
    for seed, _, _ in series[:2] if unet is not None else ():
        if missing(seed, "3-D U-Net"):
            scores = by_unet(folder, folder / f"phantom_{seed}", seed, unet)
            note(folder, seed, "3-D U-Net", scores)


def searched(folder: Path, place: Path, seed: int, name: str) -> dict[str, object]:
    """Scores of `membraneseg vesicles` on one input."""
    tomogram, header = read_tomogram(place / "tomogram.mrc")
    source = folder / f"input_{seed}_{name}.mrc"
    voxels = np.asarray(tomogram.voxels, dtype=np.float32)
    write_volume(source, INPUTS[name](voxels), header, name)
    out = folder / f"result_{seed}_{name}"
    started, wall = time.process_time(), time.monotonic()
    request = VesicleRequest(source, out, force=True)
    search_vesicles(request, VesicleRunConfig(), SilentReporter())
    spent = {"cpu_s": time.process_time() - started, "wall_s": time.monotonic() - wall}
    spent["peak_MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    evaluate_vesicles(out, place)
    source.unlink()
    return json.loads((out / "evaluation.json").read_text())["vesicle_steps"] | {"spent": spent}


def published(folder: Path, place: Path, seed: int) -> dict[str, object]:
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


def by_unet(folder: Path, place: Path, seed: int, weights: Path) -> dict[str, object]:
    """Scores of our steps from the probability of a 3-D U-Net."""
    from train_vesicle_unet import predict

    target = folder / f"unet_{seed}.npy"
    if not target.exists():
        predict(weights, place, target)
    probability = np.load(target).astype(np.float32)
    tomogram, _ = read_tomogram(place / "tomogram.mrc")
    truth = read_vesicle_truth(place)
    saved = folder / f"result_{seed}_raw" / "config.toml"
    config = load_vesicle_config(saved)
    found = vesicles_from(probability, tomogram, config, Steps({}, {}, {}), SilentReporter())
    scores: dict[str, object] = {"probability": {"mask_dice": mask_dice(probability, truth)}}
    for step, vesicles in found.steps.balls.items():
        scores[step] = score_step(
            Found(
                np.array([v.centre_zyx_A for v in vesicles]).reshape(-1, 3),
                np.array([v.radius_A for v in vesicles]),
                np.array([v.outer_radius_A or v.radius_A + HALF_MEMBRANE_A for v in vesicles]),
            ),
            truth,
        )
    return scores


def note(folder: Path, seed: int, way: str, scores: dict[str, object]) -> None:
    """Add a line to the scores."""
    with (folder / "scores.jsonl").open("a") as file:
        file.write(json.dumps({"seed": seed, "way": way, "scores": scores}) + "\n")


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
            peak = max(one["peak_MB"] for one in spent)
            print(f"processor s {np.mean(seconds):.1f}, at most {max(seconds):.1f}; {peak:.0f} MB")
        counts = [one.get("result", {}).get("predicted") for one in scores]
        if way == "no vesicles":
            print(f"vesicles found: {counts}")


def main() -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tuning", action="store_true", help="seeds from 1, for looking")
    parser.add_argument("--unet", type=Path, help="weights of train_vesicle_unet.py")
    parser.add_argument("--show", action="store_true", help="only print what is there")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.show:
        run(options.folder, TUNING_SEED if options.tuning else FINAL_SEED, options.unet)
    show(rows_of(options.folder))


if __name__ == "__main__":
    main()
