"""STAR files: named blocks of columns, as RELION and starfile read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from membraneseg import __version__
from membraneseg.io.atomic import whole_file
from membraneseg.io.columns import Columns

Blocks = Mapping[str, Columns]
"""Of each block its name, and its columns as `columns.write_columns` takes them."""


def write_star_blocks(path: Path, blocks: Blocks, remarks: Sequence[str] = ()) -> None:
    """Write a STAR file of one or more blocks, each a loop over rows.

    Parameters
    ----------
    path : Path
    blocks : mapping of str to mapping of str to (values, format)
        Block name, such as "particles"; column name without the leading underscore, such as
        "rlnCoordinateX"; values, and the printf format of one of them. Text must not be empty.
    remarks : sequence of str
        Comment lines for the head of the file, such as conventions.

    Raises
    ------
    ValueError
        If the columns of a block differ in length, or a text is empty.
    MembraneSegError
        If the file cannot be written.

    References
    ----------
    Hall 1991, doi:10.1021/ci00002a020 (the format).
    """
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"# {line}\n" for line in (f"membraneseg {__version__}", *remarks))
        for name, columns in blocks.items():
            out.write(f"\ndata_{name}\n\nloop_\n")
            out.writelines(f"_{key} #{n}\n" for n, key in enumerate(columns, start=1))
            texts = [[_word(form % value) for value in _listed(values)]
                     for values, form in columns.values()]  # fmt: skip
            out.writelines(" ".join(row) + "\n" for row in zip(*texts, strict=True))


def _listed(values: object) -> list[object]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)  # type: ignore[call-overload, no-any-return]


def _word(text: str) -> str:
    """One value; in quotes if it would fall apart or be taken for something else."""
    if not text:
        raise ValueError("a STAR file has no empty values")
    special = any(letter.isspace() for letter in text) or text[0] in "_#$'\";"
    if not special:
        return text
    return f'"{text}"' if '"' not in text else f"'{text}'"
