"""What the 1024 bytes of an MRC header say, in whichever byte order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64, Int64

ByteOrder = Literal["<", ">"]
HEADER_BYTES = 1024
IMOD_STAMP = 1146047817
MODES: dict[int, type[np.generic]] = {
    0: np.int8,
    1: np.int16,
    2: np.float32,
    6: np.uint16,
    12: np.float16,
}
_REFUSED_MODES = {3: "complex 16-bit integers", 4: "complex numbers", 101: "4-bit integers"}
_IMOD_FIELDS_AT = 40  # byte offset of IMOD's stamp and flags inside the field extra2


@dataclass(frozen=True)
class RawHeader:
    """The 1024 bytes of a header, decoded with the byte order that makes sense of them.

    Parameters
    ----------
    fields : structured scalar of mrcfile's HEADER_DTYPE
    byte_order : str
        "<" or ">".
    """

    fields: Any
    byte_order: ByteOrder

    @property
    def new_style(self) -> bool:
        """Whether the file declares itself MRC2000 or later: only then the origin field counts."""
        return bytes(self.fields["map"].tobytes()) == b"MAP "

    @property
    def size_crs(self) -> tuple[int, int, int]:
        """Number of columns, rows and sections."""
        return int3([self.fields[name] for name in ("nx", "ny", "nz")])

    @property
    def axis_of_crs(self) -> tuple[int, int, int]:
        """Spatial axis (0 x, 1 y, 2 z) of columns, rows, sections; x, y, z if the file is mute."""
        axes = [int(self.fields[name]) - 1 for name in ("mapc", "mapr", "maps")]
        return int3(axes if sorted(axes) == [0, 1, 2] else [0, 1, 2])

    @property
    def crs_of_axis(self) -> tuple[int, int, int]:
        """Inverse of `axis_of_crs`: which of columns, rows, sections runs along x, y, z."""
        return int3(np.argsort(self.axis_of_crs))

    @property
    def size_xyz(self) -> tuple[int, int, int]:
        """Number of voxels along x, y, z."""
        return int3([self.size_crs[c] for c in self.crs_of_axis])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one voxel as it lies in the file."""
        kind = MODES[int(self.fields["mode"])]
        if kind is np.int8 and self._bytes_are_unsigned():
            kind = np.uint8
        return np.dtype(kind).newbyteorder(self.byte_order)

    def _bytes_are_unsigned(self) -> bool:
        """IMOD's flag decides; else old files are unsigned, and newer ones if they say so."""
        extra = self.fields["extra2"].tobytes()[_IMOD_FIELDS_AT : _IMOD_FIELDS_AT + 8]
        stamp, flags = np.frombuffer(extra, dtype=np.dtype(np.int32).newbyteorder(self.byte_order))
        if stamp == IMOD_STAMP:
            return not int(flags) & 1
        if not self.new_style:
            return True
        return bool(self.fields["dmin"] >= 0 and 127 < self.fields["dmax"] <= 255)


def decode_header(content: bytes, path: Path) -> RawHeader:
    """Decode the first bytes of a file, in whichever byte order they are an MRC header.

    Parameters
    ----------
    content : bytes
        At least the first 1024 bytes, if the file has them.
    path : Path
        Named in the error.

    Returns
    -------
    RawHeader

    Raises
    ------
    MembraneSegError
        If this is no MRC header, or one of voxels that are no real numbers.

    Notes
    -----
    The machine stamp is often wrong, so the number of columns decides (it is below 65536 in one
    byte order only), as in ChimeraX.
    """
    if len(content) < HEADER_BYTES:
        raise MembraneSegError(
            f"{path} is not an MRC file: it has {len(content)} bytes and the header alone needs "
            f"{HEADER_BYTES}; give a reconstructed tomogram in MRC format."
        )
    orders: tuple[ByteOrder, ByteOrder] = ("<", ">")
    for byte_order in orders:
        dtype = HEADER_DTYPE.newbyteorder(byte_order)
        raw = RawHeader(np.frombuffer(content[:HEADER_BYTES], dtype=dtype)[0], byte_order)
        if _is_plausible(raw):
            _refuse_odd_mode(int(raw.fields["mode"]), path)
            return raw
    raise MembraneSegError(
        f"{path} is not an MRC file: its first {HEADER_BYTES} bytes make no MRC header; "
        "give a reconstructed tomogram in MRC format."
    )


def raw_steps(raw: RawHeader) -> Float64:
    """Voxel edges (3,) along x, y, z in Å as the header says, cella/mx; 0 where it says nothing."""
    cella, sampling = vector(raw.fields["cella"]), integers(raw, ("mx", "my", "mz"))
    known = np.isfinite(cella) & (cella > 0) & (sampling > 0)
    return np.where(known, cella, 0.0) / np.where(known, sampling, 1.0)


def _is_plausible(raw: RawHeader) -> bool:
    size_fits = 0 < raw.size_crs[0] < 65536 and min(raw.size_crs) > 0
    mode_known = int(raw.fields["mode"]) in MODES or int(raw.fields["mode"]) in _REFUSED_MODES
    axes = [int(raw.fields[name]) for name in ("mapc", "mapr", "maps")]
    named = raw.fields["map"].tobytes()[:3] == b"MAP"
    return size_fits and mode_known and (named or sorted(axes) in ([0, 0, 0], [1, 2, 3]))


def _refuse_odd_mode(mode: int, path: Path) -> None:
    if mode in _REFUSED_MODES:
        raise MembraneSegError(
            f"{path} holds {_REFUSED_MODES[mode]} (MRC mode {mode}), not densities; expected "
            "mode 0, 1, 2, 6 or 12: convert it to 32-bit floats (mode 2)."
        )


def integers(raw: RawHeader, names: tuple[str, str, str]) -> Int64:
    """Three integer fields of a header as (3,) int64."""
    return np.array([raw.fields[name] for name in names], dtype=np.int64)


def vector(field: Any) -> Float64:
    """One field with members x, y, z as (3,) float64."""
    return np.array([field[axis] for axis in "xyz"], dtype=np.float64)


def int3(values: Any) -> tuple[int, int, int]:
    """Three Python integers."""
    x, y, z = (int(value) for value in values)
    return x, y, z


def float3(values: Any) -> tuple[float, float, float]:
    """Three Python floats."""
    x, y, z = (float(value) for value in values)
    return x, y, z
