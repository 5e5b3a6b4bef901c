"""How well are closed surfaces completed? Our fits and others on bodies with a known surface.

    python scripts/benchmark_surfaces.py FILE [--tuning] [--large]

Twelve vesicles of radius 32 with 7 % deformation, tubes, dumbbells and stomatocytes, seen
through the missing wedge of a single-axis tilt series. FILE (JSON lines) keeps each score, so that
a stopped run goes on. Seeds from 9000 on are for these scores only; `--tuning` takes seeds from 1.
`--large` fits vesicles of radius 25 to 200 voxels instead, for time and memory. Screened Poisson
needs open3d; without it the row is missing.
"""

import argparse
import json
import resource
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from analytic_shapes import STREAKED, Body, Sight, cloud, dumbbell, stomatocyte, tube, vesicle
from surface_methods import HERMITES, OTHERS, STARS, WARY, Method
from surface_scores import score

from gp_fit import FitConfig, fit_surface
from gp_fit.errors import GeometryError

FINAL_SEED, TUNING_SEED = 9000, 1
VESICLES, OTHER_BODIES = 12, 6
CLOUD_SEED = 500
COLUMNS = (
    "mean",
    "seen",
    "cap",
    "cap p95",
    "Dice",
    "volume %",
    "2σ cap",
    "2σ seen",
    "sound",
    "CPU s",
)
BODIES = {"vesicle": vesicle, "tube": tube, "dumbbell": dumbbell, "stomatocyte": stomatocyte}
RESAMPLES = 10_000
RADII_PX = (25.0, 35.0, 50.0, 71.0, 100.0, 141.0, 200.0)


@dataclass(frozen=True)
class Setting:
    """Bodies of one kind, seen in one way, and the methods that are tried on them."""

    title: str
    body: str
    sight: Sight
    methods: dict[str, Method]
    count: int = VESICLES


SETTINGS = (
    Setting("vesicle ±60°", "vesicle", Sight(), STARS),
    Setting("vesicle ±40°", "vesicle", Sight(40.0), STARS),
    *(Setting(f"{b} ±60°", b, Sight(), HERMITES, OTHER_BODIES) for b in list(BODIES)[1:]),
    Setting("vesicle ±60° streaked", "vesicle", Sight(**STREAKED), WARY),
    Setting("vesicle ±60°", "vesicle", Sight(), OTHERS | HERMITES),
    Setting("vesicle ±60° without gaps", "vesicle", Sight(gaps_deg=()), STARS),
    *(Setting(f"{b} ±40°", b, Sight(40.0), HERMITES, 2) for b in list(BODIES)[1:]),
)


def run(path: Path, first_seed: int) -> None:
    """Score what FILE does not hold yet."""
    known = {(row["setting"], row["method"], row["seed"]) for row in rows_of(path)}
    for setting in SETTINGS:
        for seed in range(first_seed, first_seed + setting.count):
            todo = [n for n in setting.methods if (setting.title, n, seed) not in known]
            if not todo:
                continue
            body = BODIES[setting.body](np.random.default_rng(seed))
            points = cloud(body, setting.sight, np.random.default_rng([seed, CLOUD_SEED]))
            for name in todo:
                scores = tried(setting, name, body, points)
                row = {"setting": setting.title, "method": name, "seed": seed} | scores
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")


def tried(setting: Setting, name: str, body: Body, points: np.ndarray) -> dict[str, object]:
    """Score of one method, or why there is none."""
    try:
        fit = setting.methods[name](points, setting.sight)
    except (GeometryError, ImportError, np.linalg.LinAlgError) as error:
        return {"failed": str(error)}
    return dict(score(body, setting.sight, fit)) | {"note": fit.note}


def rows_of(path: Path) -> list[dict]:
    """Read the scores so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def show(rows: list[dict]) -> None:
    """Print a table per setting, with bootstrap intervals of the difference to our default."""
    settings: dict[str, dict[str, dict[int, dict]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        settings[row["setting"]][row["method"]][row["seed"]] = row
    for title, methods in settings.items():
        print(f"\n{title}\n{'':<28}{'n':>3}" + "".join(f"{c:>9}" for c in COLUMNS) + "  worst cap")
        for name, by_seed in methods.items():
            good = [row for row in by_seed.values() if "failed" not in row]
            means = [np.mean([row.get(c, np.nan) for row in good]) for c in COLUMNS]
            worst = max((row["cap"] for row in good), default=np.nan)
            line = "".join(f"{mean:>9.3f}" for mean in means)
            print(f"{name:<28}{len(good):>3}{line}{worst:>9.2f}")
        best = next(iter(methods))
        for name in list(methods)[1:]:
            for column in ("mean", "cap", "Dice"):
                print("  " + difference(methods[best], methods[name], f"{name} - {best}", column))


def difference(first: dict[int, dict], second: dict[int, dict], title: str, column: str) -> str:
    """Paired mean difference with its 95 % bootstrap interval over bodies."""
    seeds = [s for s in first if column in first[s] and column in second.get(s, {})]
    if len(seeds) < 3:
        return f"{title}, {column}: too few"
    change = np.array([second[s][column] - first[s][column] for s in seeds])
    draws = np.random.default_rng(0).choice(change, (RESAMPLES, len(change))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{title}, {column}: {change.mean():+.3f} [{low:+.3f}, {high:+.3f}], n = {len(seeds)}"


def large(path: Path) -> None:
    """Time and memory against size, one fit each; sizes rise, so that peaks are their own."""
    sight = Sight()
    for radius in RADII_PX:
        body = vesicle(np.random.default_rng(TUNING_SEED), radius)
        points = cloud(body, sight, np.random.default_rng([TUNING_SEED, CLOUD_SEED]))
        for method in ("star", "hermite"):
            started = time.process_time()
            fit_surface(points, FitConfig(method=method), sight.detection_probability)
            seconds = time.process_time() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0**2
            row = {"method": method, "points": len(points), "CPU s": seconds, "peak GB": peak}
            print(row, flush=True)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")


def main() -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="where the scores are kept")
    parser.add_argument("--tuning", action="store_true", help="seeds from 1, for looking")
    parser.add_argument("--large", action="store_true", help="time and memory by size")
    parser.add_argument("--show", action="store_true", help="only print what is there")
    options = parser.parse_args()
    if options.large:
        large(options.file)
        return
    if not options.show:
        run(options.file, TUNING_SEED if options.tuning else FINAL_SEED)
    show(rows_of(options.file))


if __name__ == "__main__":
    main()
