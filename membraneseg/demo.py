"""Simulate, run, evaluate: the tour that `make demo` gives, and its three parts as commands."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from membraneseg.config import RunConfig
from membraneseg.errors import MembraneSegError
from membraneseg.evaluate.files import evaluate_result, format_table
from membraneseg.io.atomic import whole_file, write_text
from membraneseg.ledger import Reporter, peak_memory_MB
from membraneseg.phantom.files import write_phantom
from membraneseg.phantom.simulate import PhantomConfig, simulate_liposomes
from membraneseg.pipeline import run_tomogram
from membraneseg.report.drawing import figure_png
from membraneseg.report.pictures import readme_picture
from membraneseg.request import RunRequest

PICTURE_DPI = 100


@dataclass(frozen=True)
class DemoOutcome:
    """The table, and where everything is."""

    rows: list[tuple[str, str]]
    files: dict[str, Path]


def simulate_to_folder(
    folder: Path, config: PhantomConfig, seed: int, force: bool, reporter: Reporter
) -> dict[str, Path]:
    """Simulate a phantom and write it with its truth.

    Raises
    ------
    MembraneSegError
        If the folder is a file, or holds files and `force` is not given.
    """
    if folder.exists() and not folder.is_dir():
        raise MembraneSegError(f"The output {folder} is a file: give a folder with -o.")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise MembraneSegError(
            f"The folder {folder} already holds files: add --force to replace them, or give "
            "another folder with -o."
        )
    steps: list[str] = []
    with reporter.stage("simulate") as progress:

        def told(step: str, share: float) -> None:
            if step not in steps:
                steps.append(step)
            progress((len(steps) - 1 + share) / 3.0)

        phantom = simulate_liposomes(config, np.random.default_rng(seed), told)
        written = write_phantom(phantom, folder, seed)
        progress(1.0)
    return {path.stem.replace("_", " "): path for path in written}


def evaluate_to_file(result: Path, truth: Path) -> tuple[list[tuple[str, str]], Path]:
    """Score a result; the scores also go to evaluation.json in the result's folder."""
    scores = evaluate_result(result, truth)
    path = result / "evaluation.json"
    write_text(path, json.dumps(scores, indent=2) + "\n")
    return format_table(scores), path


def run_demo(folder: Path, seed: int, force: bool, reporter: Reporter) -> DemoOutcome:
    """Simulate a phantom of liposomes, run the pipeline on it, and score the result."""
    started = time.monotonic()
    phantom = folder / "phantom"
    simulate_to_folder(phantom, PhantomConfig(), seed, force, reporter)
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
