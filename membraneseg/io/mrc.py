"""MRC volumes in and out: memory maps, every axis order, and the place in space kept."""

from __future__ import annotations

import bz2
import gzip
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import whole_file
from membraneseg.io.header_checks import check_angles, check_size, find_voxel_size_A
from membraneseg.io.headers import HEADER_BYTES, MODES, RawHeader, decode_header
from membraneseg.io.placement import MrcHeader, encode_header, new_header, place
from membraneseg.types import Tomogram

__all__ = [
    "MrcHeader",
    "check_voxels",
    "create_volume",
    "new_header",
    "read_tomogram",
    "write_volume",
]

logger = logging.getLogger(__name__)
Voxels = npt.NDArray[Any]
_DECOMPRESS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b\x08": gzip.decompress,
    b"BZh": bz2.decompress,
}


def read_tomogram(path: Path, voxel_size_A: float | None = None) -> tuple[Tomogram, MrcHeader]:
    """Open an MRC volume, as a memory map where the file allows it.

    Parameters
    ----------
    path : Path
        MRC file of any byte order, axis order and of mode 0, 1, 2, 6 or 12; may be a .gz or .bz2
        (found by content), which is read whole.
    voxel_size_A : float, optional
        Replaces what the header says.

    Returns
    -------
    tomogram : Tomogram
        Voxels (Z, Y, X), read-only, of the file's own type (bytes may be swapped).
    header : MrcHeader
        What every output needs to land on the same place.

    Raises
    ------
    MembraneSegError
        If there is no such file, if it is no MRC volume, or if its header cannot be trusted. The
        voxels themselves are not looked at: see `check_voxels`.
    """
    content, size_bytes = _content(path)
    raw = decode_header(content[:HEADER_BYTES], path)
    check_size(raw, path)
    check_angles(raw, path)
    offset = _data_offset(raw, size_bytes, path)
    voxel_size = find_voxel_size_A(raw, voxel_size_A, path)
    header = place(raw, voxel_size, given=voxel_size_A is not None)
    stored = np.frombuffer(
        content, dtype=raw.dtype, count=int(np.prod(raw.size_crs, dtype=np.int64)), offset=offset
    ).reshape(raw.size_crs[::-1])
    column, row, section = raw.crs_of_axis  # which stored axis runs along x, y, z
    voxels = stored.transpose(2 - section, 2 - row, 2 - column)
    return Tomogram(voxels, voxel_size, header.origin_zyx_A), header


def check_voxels(tomogram: Tomogram) -> None:
    """Refuse voxels that are not finite or all alike, looking at one slice at a time.

    Parameters
    ----------
    tomogram : Tomogram

    Raises
    ------
    MembraneSegError
        Naming the slice of the first NaN or infinity, or the one value that there is.

    Notes
    -----
    One pass in the order of the file; memory for one slice.
    """
    voxels = tomogram.voxels
    axis = int(np.argmax(np.abs(voxels.strides)))
    lowest, highest = np.inf, -np.inf
    for index, plane in enumerate(np.moveaxis(voxels, axis, 0)):
        with np.errstate(invalid="ignore"):
            low, high = float(plane.min()), float(plane.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise MembraneSegError(
                f"The tomogram holds NaN or infinite values (first at {'zyx'[axis]} = {index}), "
                "expected finite densities: replace them, for example by the mean of the volume."
            )
        lowest, highest = min(lowest, low), max(highest, high)
    if lowest == highest:
        raise MembraneSegError(
            f"The tomogram is constant: every voxel is {lowest:g}, expected densities that vary; "
            "check that the reconstruction worked and that this is the right file."
        )


def write_volume(path: Path, voxels: Voxels, header: MrcHeader, note: str) -> None:
    """Write a volume that lands exactly on the one that `header` came from.

    Parameters
    ----------
    path : Path
    voxels : (Z, Y, X) array
        Booleans become int8; integers int8 if they come as 8 bits and fit, else int16, or uint16
        beyond 32767; floats become float32.
    header : MrcHeader
        Its cell, sampling, origin and nstart are kept.
    note : str
        What this is; goes into the label line.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.
    """
    with create_volume(path, voxels.shape, _stored_dtype(voxels), header, note) as target:
        for index, plane in enumerate(voxels):
            target[index] = plane


@contextmanager
def create_volume(
    path: Path,
    shape_zyx: tuple[int, ...],
    dtype: npt.DTypeLike,
    header: MrcHeader,
    note: str,
) -> Iterator[Voxels]:
    """Yield a writable memory map of zeros that becomes the file `path` when the block succeeds.

    Parameters
    ----------
    path : Path
    shape_zyx : tuple of int
        Must be the shape that `header` speaks of.
    dtype : numpy dtype
        int8, int16, uint16, float16 or float32.
    header : MrcHeader
        Its cell, sampling, origin and nstart are kept.
    note : str
        What this is; goes into the label line.

    Yields
    ------
    (Z, Y, X) array
        To be filled slab by slab. Keep no reference to it after the block.

    Raises
    ------
    MembraneSegError
        If the file cannot be written; the space is reserved first, so a full disk shows at once.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    if tuple(shape_zyx) != header.shape_zyx:
        raise ValueError(f"shape {tuple(shape_zyx)} differs from the header's {header.shape_zyx}")
    if kind.type not in MODES.values():
        raise ValueError(f"MRC cannot hold {kind}; give int8, int16, uint16, float16 or float32")
    with whole_file(path) as temporary:
        _reserve(temporary, HEADER_BYTES + int(np.prod(shape_zyx, dtype=np.int64)) * kind.itemsize)
        voxels = np.memmap(temporary, kind, mode="r+", offset=HEADER_BYTES, shape=header.shape_zyx)
        yield voxels
        voxels.flush()
        statistics = _statistics(voxels)
        del voxels
        with temporary.open("rb+") as handle:
            handle.write(encode_header(header, kind, statistics, note))


def _content(path: Path) -> tuple[Any, int]:
    """Bytes of the file, mapped or decompressed, and how many there are."""
    if path.is_dir():
        raise MembraneSegError(
            f"{path} is a folder, expected an MRC file: give one tomogram in it."
        )
    if not path.exists():
        raise MembraneSegError(
            f"{path} does not exist, expected an MRC file: check the spelling and the folder."
        )
    try:
        with path.open("rb") as handle:
            start = handle.read(3)
        if start in _DECOMPRESS:
            content = _DECOMPRESS[start](path.read_bytes())
            return content, len(content)
        size_bytes = path.stat().st_size
        if size_bytes < HEADER_BYTES:
            return path.read_bytes(), size_bytes
        return np.memmap(path, dtype=np.uint8, mode="r"), size_bytes
    except PermissionError as error:
        raise MembraneSegError(
            f"{path} may not be read by you, expected a readable file: change its permissions."
        ) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise MembraneSegError(
            f"{path} cannot be read ({error}), expected a whole MRC file: copy it again."
        ) from error


def _data_offset(raw: RawHeader, size_bytes: int, path: Path) -> int:
    """Byte where the voxels start; refuses a file that is shorter than its header says."""
    data_bytes = int(np.prod(raw.size_crs, dtype=np.int64)) * raw.dtype.itemsize
    extended = int(raw.fields["nsymbt"])
    needed = HEADER_BYTES + max(extended, 0) + data_bytes
    if extended < 0 or (size_bytes < needed and size_bytes == HEADER_BYTES + data_bytes):
        logger.warning("%s speaks of an extended header that is not there", path)
        extended, needed = 0, HEADER_BYTES + data_bytes
    if size_bytes < needed:
        raise MembraneSegError(
            f"{path} is truncated: it has {size_bytes} bytes and its header needs {needed}; "
            "copy or reconstruct it again."
        )
    if size_bytes > needed:
        logger.warning("%s is %d bytes longer than its header says", path, size_bytes - needed)
    return HEADER_BYTES + extended


def _stored_dtype(voxels: Voxels) -> np.dtype[Any]:
    """Smallest of MRC's types that users' programs read and that holds these values."""
    kind = voxels.dtype
    if kind == np.bool_ or kind == np.int8:
        return np.dtype(np.int8)
    if kind.kind == "f":
        return np.dtype(np.float32)
    if kind.kind not in "iu":
        raise ValueError(f"MRC cannot hold {kind}")
    low, high = (int(voxels.min()), int(voxels.max())) if voxels.size else (0, 0)
    if kind == np.uint8 and high <= 127:
        return np.dtype(np.int8)
    if low >= -32768 and high <= 32767:
        return np.dtype(np.int16)
    if low >= 0 and high <= 65535:
        return np.dtype(np.uint16)
    raise MembraneSegError(
        f"Values from {low} to {high} do not fit an MRC file, expected labels up to 65535: "
        "keep fewer membranes."
    )


def _statistics(voxels: Voxels) -> tuple[float, float, float, float]:
    """Minimum, maximum, mean and standard deviation, one slice in memory at a time."""
    lowest, highest, total, squares = np.inf, -np.inf, 0.0, 0.0
    for plane in voxels:
        values = plane.astype(np.float64)
        lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
        total += float(values.sum())
        squares += float(np.square(values).sum())
    mean = total / voxels.size
    return lowest, highest, mean, float(np.sqrt(max(squares / voxels.size - mean**2, 0.0)))


def _reserve(path: Path, size_bytes: int) -> None:
    """Make a file of zeros whose space is really there: a memory map on a full disk would crash."""
    with path.open("wb") as handle:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle.fileno(), 0, size_bytes)
        else:
            handle.truncate(size_bytes)
