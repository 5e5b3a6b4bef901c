"""Scores of the vesicles in a result's folder, after each step, and over a set of results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.evaluate.paired import paired_tests
from membraneseg.evaluate.vesicle_steps import (
    MEASURES,
    STEP_TITLES,
    Found,
    found_in_labels,
    mask_dice,
    score_step,
)
from membraneseg.evaluate.vesicle_truth import VesicleTruth, read_vesicle_truth
from membraneseg.io.atomic import write_text
from membraneseg.io.columns import write_columns
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.tables import read_vesicles_csv
from membraneseg.vesicles.balls import HALF_MEMBRANE_A

SCORES_FILE = "evaluation.json"
Rows = list[tuple[str, str]]


def holds_vesicles_only(folder: Path) -> bool:
    """Whether a folder is a result of `membraneseg vesicles` rather than of `run`."""
    return (folder / "vesicle_probability.mrc").exists() and not (folder / "membranes.mrc").exists()


def evaluate_vesicles(result: Path, truth_folder: Path) -> tuple[Rows, Path]:
    """Score every step of a result; the scores also go to evaluation.json in its folder.

    Parameters
    ----------
    result : Path
        Of `membraneseg vesicles`.
    truth_folder : Path
        Of `membraneseg simulate`.

    Returns
    -------
    rows : list of (str, str)
        For people.
    path : Path

    Raises
    ------
    MembraneSegError
        If a file is missing or the two are of different volumes.
    """
    truth = read_vesicle_truth(truth_folder)
    probability, _ = read_tomogram(result / "vesicle_probability.mrc", truth.place.voxel_size_A)
    if probability.voxels.shape != truth.labels.shape:
        raise MembraneSegError(
            f"{result} holds volumes of {probability.voxels.shape} voxels and {truth_folder} of "
            f"{truth.labels.shape}, expected the same: give the result of that phantom."
        )
    scores: dict[str, Any] = {"probability": {"mask_dice": mask_dice(probability.voxels, truth)}}
    for name in STEP_TITLES:
        found = _step(result, name, truth)
        if found is not None:
            scores[name] = score_step(found, truth)
    final = _table(result / "vesicles.csv")
    labels, _ = read_tomogram(result / "vesicle_labels.mrc", truth.place.voxel_size_A)
    scores["result"] = score_step(
        Found(final.centres_zyx_A, final.radii_A, final.outer_radii_A, np.asarray(labels.voxels)),
        truth,
    )
    path = result / SCORES_FILE
    write_text(path, json.dumps({"vesicle_steps": scores}, indent=2) + "\n")
    return _rows(scores), path


def compare_results(
    results: Sequence[Path], measure: str, output: Path | None
) -> tuple[Rows, Rows, Path | None]:
    """Compare the steps over a set of evaluated results.

    Parameters
    ----------
    results : sequence of Path
        Folders with evaluation.json.
    measure : str
        Of `MEASURES`.
    output : Path or None
        A CSV file for the tests.

    Returns
    -------
    means, tests : list of (str, str)
        For people.
    path : Path or None

    Raises
    ------
    MembraneSegError
        If a result was not evaluated, or the measure is unknown.
    """
    if measure not in MEASURES:
        raise MembraneSegError(
            f"'{measure}' is no measure of a step, expected one of {', '.join(MEASURES)}."
        )
    everything = [_scores(folder) for folder in results]
    values = {
        name: [float(one[name][measure]) for one in everything]
        for name in STEP_TITLES
        if all(one.get(name, {}).get(measure) is not None for one in everything)
    }
    tests = paired_tests(values)
    means = [
        (STEP_TITLES[name], f"{np.mean(v):.4f} ± {np.std(v, ddof=1):.4f}")
        for name, v in values.items()
    ]
    rows = [
        (
            f"{STEP_TITLES[t.first]} → {STEP_TITLES[t.second]}",
            f"{t.mean_change:+.4f}  Wilcoxon {t.wilcoxon_p:.3g}  t {t.t_p:.3g}",
        )
        for t in tests
    ]
    if output is not None:
        write_columns(
            output,
            {
                "first": ([t.first for t in tests], "%s"),
                "second": ([t.second for t in tests], "%s"),
                "mean_change": ([t.mean_change for t in tests], "%.6f"),
                "wilcoxon_p": ([t.wilcoxon_p for t in tests], "%.6g"),
                "t_p": ([t.t_p for t in tests], "%.6g"),
            },
        )
    return means, rows, output


def _step(result: Path, name: str, truth: VesicleTruth) -> Found | None:
    volume, table = result / "steps" / f"{name}.mrc", result / "steps" / f"{name}.csv"
    if volume.exists():
        labels, _ = read_tomogram(volume, truth.place.voxel_size_A)
        return found_in_labels(np.asarray(labels.voxels, dtype=np.int32), truth)
    return _table(table) if table.exists() else None


def _table(path: Path) -> Found:
    rows = read_vesicles_csv(path)
    centres = np.array([(row.z_A, row.y_A, row.x_A) for row in rows], dtype=np.float64)
    outer = [row.outer_radius_A or row.radius_A + HALF_MEMBRANE_A for row in rows]
    return Found(
        centres.reshape(-1, 3),
        np.array([row.radius_A for row in rows], dtype=np.float64),
        np.array(outer, dtype=np.float64),
    )


def _scores(folder: Path) -> dict[str, Any]:
    path = folder / SCORES_FILE
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["vesicle_steps"]
    except (OSError, ValueError, KeyError) as error:
        raise MembraneSegError(
            f"{path} holds no scores of vesicles ({error}): run `membraneseg evaluate {folder} "
            "TRUTH` first."
        ) from error
    return found


def _rows(scores: dict[str, Any]) -> Rows:
    titles = STEP_TITLES | {"result": "result"}
    rows: Rows = []
    for name, row in scores.items():
        parts = [f"Dice {row['mask_dice']:.3f}"]
        if "f1" in row:
            parts.append(f"F1 {row['f1']:.3f} ({row['found']}/{row['true']}, {row['predicted']})")
        for key, text, digits in (
            ("label_dice", "labels", 3),
            ("diameter_error", "δd", 4),
            ("centre_error_nm", "Δc nm", 2),
            ("outer_radius_error_A", "outer Å", 1),
        ):
            if row.get(key) is not None:
                parts.append(f"{text} {row[key]:.{digits}f}")
        rows.append((titles[name], "  ".join(parts)))
    return rows
