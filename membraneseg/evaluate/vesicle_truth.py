"""The synaptic vesicles of a phantom, as spheres and as voxels."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.types import Bool, Float64, Tomogram

TRUTH_TABLE = "truth_vesicles.csv"


@dataclass(frozen=True, eq=False)
class VesicleTruth:
    """What a phantom holds.

    Parameters
    ----------
    ids : (N,) int64
    centres_zyx_A : (N, 3) float64
    radii_A, outer_radii_A : (N,) float64
        To the middle and to the outer face of the membrane.
    labels : (Z, Y, X) int32
        Ids in lumen and membrane of the vesicles that lie wholly in the volume.
    neutral : (Z, Y, X) bool
        Vesicles that the volume cuts: what is found there counts neither for nor against.
    place : Tomogram
        Where these volumes stand.
    """

    ids: npt.NDArray[np.int64]
    centres_zyx_A: Float64
    radii_A: Float64
    outer_radii_A: Float64
    labels: npt.NDArray[np.int32]
    neutral: Bool
    place: Tomogram


def read_vesicle_truth(folder: Path) -> VesicleTruth:
    """Read the vesicles of a phantom.

    Parameters
    ----------
    folder : Path
        Of `membraneseg simulate`.

    Returns
    -------
    VesicleTruth

    Raises
    ------
    MembraneSegError
        If a file is missing or cannot be read.

    Notes
    -----
    A voxel belongs to a vesicle if its lumen or its membrane fills it.
    """
    cut = np.array(read_truth(folder).get("cut_vesicles", []), dtype=np.int64)
    table = _table(folder / TRUTH_TABLE)
    compartments, _ = read_tomogram(folder / "truth_compartments.mrc")
    membranes, _ = read_tomogram(folder / "truth_instances.mrc")
    ids = table[:, 0].astype(np.int64)
    lumen = np.asarray(compartments.voxels, dtype=np.int32)
    shell = np.asarray(membranes.voxels, dtype=np.int32)
    own: npt.NDArray[Any] = np.where(np.isin(shell, ids), shell, 0)
    labels = np.where(np.isin(lumen, ids), lumen, own).astype(np.int32)
    neutral = (np.isin(lumen, cut) | np.isin(shell, cut)) & (labels == 0)
    return VesicleTruth(ids, table[:, 1:4], table[:, 4], table[:, 5], labels, neutral, compartments)


def _table(path: Path) -> Float64:
    """id, z, y, x, radius and outer radius of each row."""
    columns = ("id", "z_A", "y_A", "x_A", "radius_A", "outer_radius_A")
    try:
        with path.open(encoding="utf-8", newline="") as source:
            rows = [[float(row[name]) for name in columns] for row in csv.DictReader(source)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise MembraneSegError(
            f"{path} cannot be read as a table of vesicles ({error}), expected the columns "
            f"{', '.join(columns)}: give a folder that `membraneseg simulate` wrote."
        ) from error
    return np.array(rows, dtype=np.float64).reshape(-1, len(columns))
