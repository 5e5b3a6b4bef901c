"""What a stage made, kept on disk so that a run resumes and the viewers can look at it."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.io.atomic import whole_file
from membraneseg.types import Int64

logger = logging.getLogger(__name__)
Array = npt.NDArray[Any]
_KEY = "stage_key"


def save_stage(path: Path, arrays: Mapping[str, Array], key: str) -> None:
    """Write the arrays of a finished stage, whole or not at all.

    Parameters
    ----------
    path : Path
        The .npz file.
    arrays : mapping of str to array
        Plain numbers, booleans or strings; no objects. Not named "stage_key".
    key : str
        Says what the result depends on (input, configuration, weights); `load_stage` compares it.
    """
    if _KEY in arrays:
        raise ValueError(f"an array may not be called {_KEY!r}")
    objects = [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]
    if objects:
        raise ValueError(f"arrays of Python objects cannot be saved: {', '.join(objects)}")
    with whole_file(path) as temporary, temporary.open("wb") as out:
        np.savez(out, allow_pickle=False, **{_KEY: np.array(key)}, **arrays)


def load_stage(path: Path, key: str) -> dict[str, Array] | None:
    """Read what `save_stage` wrote, if it was made from the same things.

    Parameters
    ----------
    path : Path
    key : str
        Must equal the key that it was saved with.

    Returns
    -------
    dict of str to array, or None
        None if there is no such file, if its key differs, or if it is damaged (logged).
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as stored:
            if str(stored[_KEY]) != key:
                return None
            return {name: stored[name] for name in stored.files if name != _KEY}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile) as e:
        logger.warning("%s is damaged (%s); its stage runs again", path, e)
        return None


def pack(arrays: Sequence[Array]) -> tuple[Array, Int64]:
    """Join arrays of different lengths into one.

    Parameters
    ----------
    arrays : sequence of (N_i, D) array
        All of the same D and type; may be empty.

    Returns
    -------
    joined : (ΣN_i, D) array
        (0, 0) float64 if there are no arrays.
    offsets : (len(arrays) + 1,) int64
        Array i is ``joined[offsets[i]:offsets[i + 1]]``.
    """
    lengths = [len(array) for array in arrays]
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    joined = np.concatenate(list(arrays)) if arrays else np.zeros((0, 0))
    return joined, offsets


def unpack(joined: Array, offsets: Int64) -> list[Array]:
    """Undo `pack`: the list of (N_i, D) arrays."""
    return [joined[a:b] for a, b in pairwise(offsets)]
