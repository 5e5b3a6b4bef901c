"""CSV tables of any columns: numbers as a format says, empty fields where none is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.io.atomic import whole_file

Columns = Mapping[str, tuple[Sequence[Any] | npt.NDArray[Any], str]]
"""Of each column its name, its values, and the printf format of one of them."""


def write_columns(path: Path, columns: Columns) -> None:
    """Write a table, the header line first.

    Parameters
    ----------
    path : Path
    columns : mapping of str to (values, format)
        All of the same length. None and floats that are not finite become empty fields.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.
    """
    lists = []
    formats = []
    for values, wanted in columns.values():
        items = values.tolist() if isinstance(values, np.ndarray) else list(values)
        if wanted == "%s" or any(_is_unknown(item) for item in items):
            items = [_quoted("" if _is_unknown(item) else wanted % item) for item in items]
            wanted = "%s"
        lists.append(items)
        formats.append(wanted)
    line = ",".join(formats) + "\n"
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(_quoted(name) for name in columns) + "\n")
        out.writelines(line % row for row in zip(*lists, strict=True))


def _is_unknown(item: Any) -> bool:
    return item is None or (isinstance(item, float) and not np.isfinite(item))


def _quoted(text: str) -> str:
    if not set(text) & set(',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'
