"""Scores of a result's folder against a truth's folder, and the table that users read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from membraneseg.coords import angstrom_to_index
from membraneseg.errors import MembraneSegError
from membraneseg.evaluate.scores import Geometry, LabelledMembranes, Scores, score_membranes
from membraneseg.evaluate.spheres import score_vesicles
from membraneseg.evaluate.surfaces import is_watertight
from membraneseg.io.glb import read_glb
from membraneseg.io.meshes import membrane_label, read_mesh_npz
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.tables import read_membranes_csv
from membraneseg.io.truth import read_truth
from membraneseg.types import Bool, Float64, Mesh, Tomogram

TABLE = {
    "true_membranes": "true membranes",
    "predicted_membranes": "predicted membranes",
    "found_membranes": "found",
    "missed_membranes": "missed",
    "false_membranes": "false",
    "watertight_share": "watertight, of closed membranes",
    "surface_dice_1px": "surface Dice, 1 voxel",
    "surface_dice_2px": "surface Dice, 2 voxels",
    "surface_dice_2px_visible": "   where visible",
    "surface_dice_2px_invisible": "   where invisible (caps)",
    "voxel_dice": "voxel Dice",
    "slice_dice": "slice-wise Dice",
    "panoptic_quality": "panoptic quality",
    "true_parts": "true parts inside the volume",
    "found_parts": "   found",
    "false_parts": "   false",
    "panoptic_quality_parts": "   panoptic quality",
    "adjusted_rand_index": "adjusted Rand index",
    "mean_distance_A": "mean distance, Å",
    "p95_distance_A": "95 % distance, Å",
    "cap_mean_distance_A": "mean distance on caps, Å",
    "cap_p95_distance_A": "95 % distance on caps, Å",
    "area_error": "area error",
    "volume_error": "volume error",
    "cap_within_2_sigma": "true cap within 2 sigma",
    "true_vesicles": "true vesicles",
    "predicted_vesicles": "predicted vesicles",
    "found_vesicles": "found vesicles",
    "vesicle_f1": "vesicle F1",
    "vesicle_diameter_error": "vesicle diameter error",
    "vesicle_centre_error_nm": "vesicle centre error, nm",
}
PERCENT = ("watertight_share", "area_error", "volume_error", "cap_within_2_sigma")


def evaluate_result(result_folder: Path, truth_folder: Path) -> Scores:
    """Score what `membraneseg run` wrote against what `membraneseg simulate` wrote.

    Parameters
    ----------
    result_folder : Path
        With membranes.mrc, instances.mrc, meshes/ (or membranes.glb), membranes.csv and
        vesicles.csv (the last two may be missing).
    truth_folder : Path
        With truth_membranes.mrc, truth_instances.mrc, truth_compartments.mrc, truth_meshes.glb,
        truth_vesicles.csv and truth.toml. A vesicle found where the box cuts a true one counts
        neither as found nor as false.

    Returns
    -------
    dict
        JSON-able; counts first, ratios second, None where there is nothing to measure; see
        `score_membranes` for the definitions.

    Raises
    ------
    MembraneSegError
        If a file is missing or the two folders are of different volumes.
    """
    truth = read_truth(truth_folder)
    true, true_mask = read_true_membranes(truth_folder)
    mask, _ = read_tomogram(result_folder / "membranes.mrc", true_mask.voxel_size_A)
    _check_same_space(mask, true_mask, result_folder, truth_folder)
    predicted = _read_result(result_folder, mask)
    geometry = Geometry(
        true_mask.voxel_size_A, true_mask.origin_zyx_A, float(truth["tilt_range_deg"])
    )
    scores = score_membranes(predicted, true, geometry)
    counts = {key: value for key, value in scores.items() if isinstance(value, int)}
    vesicles = _vesicle_scores(result_folder, truth_folder, truth.get("cut_vesicles", []))
    counts |= {key: value for key, value in vesicles.items() if isinstance(value, int)}
    return counts | {k: v for k, v in (scores | vesicles).items() if k not in counts}


def read_true_membranes(folder: Path) -> tuple[LabelledMembranes, Tomogram]:
    """Read the membranes of a phantom, and its mask of them as a placed volume.

    Parameters
    ----------
    folder : Path
        Of `membraneseg simulate`.

    Returns
    -------
    true : LabelledMembranes
    mask : Tomogram

    Raises
    ------
    MembraneSegError
        If a file is missing or cannot be read.
    """
    mask, _ = read_tomogram(folder / "truth_membranes.mrc")
    named = read_glb(folder / "truth_meshes.glb")
    true = LabelledMembranes(
        mask.voxels,
        read_tomogram(folder / "truth_instances.mrc")[0].voxels,
        tuple(mesh for _, mesh, _ in named),
        tuple(membrane_label(name) for name, _, _ in named),
        tuple(is_watertight(mesh) for _, mesh, _ in named),
    )
    return true, mask


def format_table(scores: Scores) -> list[tuple[str, str]]:
    """Rows of name and value for people; what could not be measured is left out.

    Parameters
    ----------
    scores : dict
        From `evaluate_result`.

    Returns
    -------
    list of (str, str)
    """
    rows = []
    for key, title in TABLE.items():
        value = scores.get(key)
        if value is None:
            continue
        if isinstance(value, int):
            text = f"{value}"
        elif key in PERCENT:
            text = f"{100 * value:.1f} %"
        else:
            text = f"{value:.1f}" if key.endswith("_A") else f"{value:.3f}"
        rows.append((title, text))
    return rows


def _check_same_space(mask: Tomogram, truth: Tomogram, result: Path, folder: Path) -> None:
    if mask.voxels.shape != truth.voxels.shape:
        raise MembraneSegError(
            f"{result} holds volumes of {mask.voxels.shape} voxels and {folder} of "
            f"{truth.voxels.shape}, expected the same: give the result of that phantom."
        )
    apart_A = np.abs(mask.origin_zyx_A - truth.origin_zyx_A).max()
    if apart_A > 0.01 * truth.voxel_size_A:
        raise MembraneSegError(
            f"The origin of {result} is {mask.origin_zyx_A.tolist()} Å and that of {folder} "
            f"{truth.origin_zyx_A.tolist()} Å (zyx), expected the same: give the result of that "
            "phantom."
        )


def _read_result(folder: Path, mask: Tomogram) -> LabelledMembranes:
    meshes = _result_meshes(folder)
    table = folder / "membranes.csv"
    closed = {row.id: row.closed for row in read_membranes_csv(table)} if table.exists() else {}
    return LabelledMembranes(
        mask.voxels,
        read_tomogram(folder / "instances.mrc", mask.voxel_size_A)[0].voxels,
        tuple(meshes.values()),
        tuple(meshes),
        tuple(closed.get(label, True) for label in meshes),
    )


def _result_meshes(folder: Path) -> dict[int, Mesh]:
    """Each membrane's mesh by its id: lossless .npz if there, else .glb, else membranes.glb."""
    files = {membrane_label(path.stem): path for path in (folder / "meshes").glob("membrane_*.glb")}
    files |= {
        membrane_label(path.stem): path for path in (folder / "meshes").glob("membrane_*.npz")
    }
    if not files and (folder / "membranes.glb").exists():
        return {membrane_label(name): mesh for name, mesh, _ in read_glb(folder / "membranes.glb")}
    meshes = {}
    for label, path in sorted(files.items()):
        meshes[label] = read_mesh_npz(path) if path.suffix == ".npz" else read_glb(path)[0][1]
    return meshes


def _vesicle_scores(result: Path, truth: Path, cut: list[int]) -> Scores:
    if not (result / "vesicles.csv").exists() or not (truth / "truth_vesicles.csv").exists():
        return {}
    centres_A, radii_A = _spheres(result / "vesicles.csv")
    if cut:
        counted = ~_inside(centres_A, truth / "truth_compartments.mrc", cut)
        centres_A, radii_A = centres_A[counted], radii_A[counted]
    found = score_vesicles(centres_A, radii_A, *_spheres(truth / "truth_vesicles.csv"))
    return {
        "true_vesicles": found.true,
        "predicted_vesicles": found.predicted,
        "found_vesicles": found.found,
        "vesicle_f1": found.f1,
        "vesicle_diameter_error": found.diameter_error,
        "vesicle_centre_error_nm": found.centre_error_nm,
    }


def _inside(centres_zyx_A: Float64, compartments: Path, labels: list[int]) -> Bool:
    """Which of (N, 3) points lie in one of the compartments of these labels."""
    volume, _ = read_tomogram(compartments)
    index = angstrom_to_index(centres_zyx_A, volume.voxel_size_A, volume.origin_zyx_A)
    nearest = np.clip(np.rint(index).astype(int), 0, np.array(volume.voxels.shape) - 1)
    return np.isin(volume.voxels[tuple(nearest.T)], labels)


def _spheres(path: Path) -> tuple[Float64, Float64]:
    """Centres (N, 3) zyx and radii (N,) in Å of a table of vesicles."""
    try:
        with path.open(encoding="utf-8", newline="") as source:
            rows = [
                [float(row[name]) for name in ("z_A", "y_A", "x_A", "radius_A")]
                for row in csv.DictReader(source)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise MembraneSegError(
            f"{path} cannot be read as a table of vesicles ({error}), expected the columns x_A, "
            "y_A, z_A and radius_A with a number in each row: write it again."
        ) from error
    values = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return values[:, :3], values[:, 3]
