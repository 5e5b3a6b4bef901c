"""What a stage made, kept on disk so that a run resumes and the viewers can look at it."""

from __future__ import annotations

import io
import logging
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from membraneseg.io.atomic import whole_file
from membraneseg.types import Int64

logger = logging.getLogger(__name__)
Array = npt.NDArray[Any]
_KEY = "stage_key"
_SUM = ".crc32"


@dataclass(frozen=True)
class SliceStream:
    """Volumes that come slice by slice, too large to be held.

    Parameters
    ----------
    count : int
        Number of slices.
    slices : iterable of mapping of str to (Y, X) array
        The slice of each volume, in order of z; the same names, shapes and types every time.
    """

    count: int
    slices: Iterable[Mapping[str, Array]]


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


def save_slices(path: Path, stream: SliceStream, key: str) -> None:
    """Write volumes as their slices come, then the stage file that vouches for them.

    Parameters
    ----------
    path : Path
        The .npz file; each volume becomes ``STAGE.NAME.npy`` beside it.
    stream : SliceStream
    key : str
        See `save_stage`.

    Raises
    ------
    ValueError
        If not as many slices come as the stream promised.
    MembraneSegError
        If a file cannot be written.

    Notes
    -----
    The stage file holds each volume's checksum and is written last, so a run killed at any instant
    leaves no stage file, or one whose volumes do not fit and that `load_stage` refuses.
    """
    sums: dict[str, int] = {}
    with ExitStack() as files:
        handles: dict[str, BinaryIO] = {}
        came = 0
        for slices in stream.slices:
            came += 1
            for name, plane in slices.items():
                content = np.ascontiguousarray(plane).tobytes()
                if name not in handles:
                    temporary = files.enter_context(whole_file(_beside(path, name)))
                    handles[name] = files.enter_context(temporary.open("wb"))
                    content = _npy_header(plane.dtype, (stream.count, *plane.shape)) + content
                handles[name].write(content)
                sums[name] = zlib.crc32(content, sums.get(name, 0))
        if came != stream.count:
            raise ValueError(f"expected {stream.count} slices, {came} came")
    save_stage(path, {f"{name}{_SUM}": np.array(value) for name, value in sums.items()}, key)


def load_stage(path: Path, key: str) -> dict[str, Array] | None:
    """Read what `save_stage` or `save_slices` wrote, if it was made from the same things.

    Parameters
    ----------
    path : Path
    key : str
        Must equal the key that it was saved with.

    Returns
    -------
    dict of str to array, or None
        Volumes that came slice by slice are memory maps. None if there is no such file, if its
        key differs, or if it is damaged (logged).
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as stored:
            if str(stored[_KEY]) != key:
                return None
        return read_stage(path)
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile) as e:
        logger.warning("%s is damaged (%s); its stage runs again", path, e)
        return None


def read_stage(path: Path) -> dict[str, Array]:
    """Arrays of a stage file, whatever it was made from.

    Raises
    ------
    OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile
        If the file, or a volume that belongs to it, is absent or damaged.
    """
    arrays: dict[str, Array] = {}
    with path.open("rb") as source, np.load(source, allow_pickle=False) as stored:
        for name in stored.files:
            if name.endswith(_SUM):
                volume = name.removesuffix(_SUM)
                arrays[volume] = _mapped(_beside(path, volume), int(stored[name]))
            elif name != _KEY:
                arrays[name] = stored[name]
    return arrays


def _beside(path: Path, name: str) -> Path:
    """File of a volume that belongs to a stage file."""
    return path.with_name(f"{path.stem}.{name}.npy")


def _mapped(path: Path, checksum: int) -> Array:
    """Open a volume as a read-only memory map, once its bytes have proved to be the right ones."""
    found = 0
    with path.open("rb") as source:
        while block := source.read(1 << 22):
            found = zlib.crc32(block, found)
    if found != checksum:
        raise ValueError(f"{path.name} does not belong to it")
    volume: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return volume


def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what a .npy file begins with (NumPy's format 1.0)."""
    if dtype.hasobject:
        raise ValueError("slices of Python objects cannot be saved")
    header = io.BytesIO()
    described = {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    write_array_header_1_0(header, described)
    return header.getvalue()


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
