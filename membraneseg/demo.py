"""Simulate, run, evaluate: the tour that `make demo` gives."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from membraneseg.config import RunConfig
from membraneseg.evaluate.files import evaluate_result, format_table
from membraneseg.evaluate.vesicle_files import evaluate_vesicles, holds_vesicles_only
from membraneseg.io.atomic import whole_file, write_text
from membraneseg.ledger import Reporter, peak_memory_MB
from membraneseg.pipeline import run_tomogram
from membraneseg.report.drawing import figure_png
from membraneseg.report.pictures import readme_picture
from membraneseg.request import RunRequest
from membraneseg.scene_file import load_scene
from membraneseg.simulate import PhantomReporter, SimulateRequest, simulate_to_folder

PICTURE_DPI = 100


@dataclass(frozen=True)
class DemoOutcome:
    """The table, and where everything is."""

    rows: list[tuple[str, str]]
    files: dict[str, Path]


class DemoReporter(Reporter, PhantomReporter, Protocol):
    """Somebody who watches both the phantom and the stages of the run."""


def evaluate_to_file(result: Path, truth: Path) -> tuple[list[tuple[str, str]], Path]:
    """Score a result; the scores also go to evaluation.json in the result's folder."""
    if holds_vesicles_only(result):
        return evaluate_vesicles(result, truth)
    scores = evaluate_result(result, truth)
    path = result / "evaluation.json"
    write_text(path, json.dumps(scores, indent=2) + "\n")
    return format_table(scores), path


def run_demo(folder: Path, seed: int, force: bool, reporter: DemoReporter) -> DemoOutcome:
    """Simulate a phantom of liposomes, run the pipeline on it, and score the result."""
    started = time.monotonic()
    phantom = folder / "phantom"
    scene = load_scene(options={"seed": seed})
    simulate_to_folder(SimulateRequest(phantom, force=force), scene, reporter)
    request = RunRequest(
        phantom / "tomogram.mrc",
        folder / "result",
        force=force,
        command=f"membraneseg demo --output {folder} --seed {seed}",
    )
    result = run_tomogram(request, RunConfig(), reporter)
    with reporter.stage("evaluate") as progress:
        rows, scores = evaluate_to_file(request.output, phantom)
        progress(0.8)
        picture = folder / "picture.png"
        with whole_file(picture) as partial:
            partial.write_bytes(figure_png(readme_picture(result.content), PICTURE_DPI))
        progress(1.0)
    rows += [
        ("seconds in all", f"{time.monotonic() - started:.0f}"),
        ("peak memory, GB", f"{peak_memory_MB() / 1024:.2f}"),
    ]
    own = {"phantom": phantom / "tomogram.mrc", "scores": scores, "picture": picture}
    return DemoOutcome(rows, result.files | own)
