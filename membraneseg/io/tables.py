"""The CSV tables: fixed columns, units in their names, an empty field where nothing is known."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import whole_file
from membraneseg.io.rows import MembraneRow, VesicleRow

MEMBRANE_COLUMNS = (
    "id",
    "closed",
    "area_nm2",
    "volume_nm3",
    "equivalent_radius_nm",
    "mean_curvature_per_nm",
    "gaussian_curvature_per_nm2",
    "observed_fraction",
    "median_sigma_A",
    "thickness_nm",
    "nearest_distance_nm",
    "nearest_id",
    "x_A",
    "y_A",
    "z_A",
    "warnings",
)
VESICLE_COLUMNS = (
    "id",
    "x_A",
    "y_A",
    "z_A",
    "radius_A",
    "outer_radius_A",
    "thickness_A",
    "membrane_intensity",
    "p_value",
    "refined",
)
Row = TypeVar("Row", MembraneRow, VesicleRow)


def write_membranes_csv(path: Path, rows: Sequence[MembraneRow]) -> None:
    """Write membranes.csv: the header line, then one line per membrane."""
    _write(path, MEMBRANE_COLUMNS, rows)


def write_vesicles_csv(path: Path, rows: Sequence[VesicleRow]) -> None:
    """Write vesicles.csv: the header line, then one line per vesicle."""
    _write(path, VESICLE_COLUMNS, rows)


def read_membranes_csv(path: Path) -> list[MembraneRow]:
    """Read membranes.csv; raise MembraneSegError if its columns or values are not ours."""
    return _read(path, MEMBRANE_COLUMNS, MembraneRow)


def read_vesicles_csv(path: Path) -> list[VesicleRow]:
    """Read vesicles.csv; raise MembraneSegError if its columns or values are not ours."""
    return _read(path, VESICLE_COLUMNS, VesicleRow)


def read_as_text(path: Path) -> list[dict[str, str]]:
    """Read any table of ours, line by line, as text; MembraneSegError if it is missing."""
    try:
        with path.open(encoding="utf-8", newline="") as source:
            return list(csv.DictReader(source))
    except OSError as error:
        raise MembraneSegError(
            f"{path} cannot be read ({error.strerror}): give the output folder of membraneseg run."
        ) from error


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(value) for value in astuple(row)] for row in rows)


def _read(path: Path, columns: Sequence[str], kind: type[Row]) -> list[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as source:
            found, *lines = list(csv.reader(source)) or [[]]
        if tuple(found) != tuple(columns):
            raise ValueError(f"its columns are {', '.join(found) or 'missing'}")
        types = [str(field.type) for field in fields(kind)]
        return [
            kind(*(_value(text, what) for text, what in zip(line, types, strict=True)))
            for line in lines
        ]
    except (OSError, ValueError) as error:
        raise MembraneSegError(
            f"{path} cannot be read as a table ({error}); expected the columns "
            f"{', '.join(columns)}: give a table that membraneseg wrote."
        ) from error


def _text(value: Any) -> str:
    """Nine digits keep a micrometre to a hundredth of an Å; unknown numbers stay empty."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value)


def _value(text: str, what: str) -> Any:
    if what == "str":
        return text
    if what == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false")
        return text.lower() == "true"
    if not text and "None" in what:
        return None
    return int(text) if what.startswith("int") else float(text)
