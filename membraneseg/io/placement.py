"""Where a volume stands in space, by ChimeraX's rule, and the header that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from membraneseg import __version__
from membraneseg.io.headers import MODES, RawHeader, float3, int3, integers, raw_steps, vector
from membraneseg.types import Float64


@dataclass(frozen=True)
class MrcHeader:
    """What an output must carry so that it lands on its tomogram.

    Parameters
    ----------
    voxel_size_A : float
        Edge of a voxel in Å.
    origin_zyx_A : (3,) float64
        Where ChimeraX puts the centre of voxel (0, 0, 0).
    size_xyz : tuple of int
        Number of voxels along x, y, z.
    cella_xyz_A : tuple of float
        Raw cell lengths; the step along x is ``cella[0] / sampling[0]``.
    sampling_xyz : tuple of int
        Raw mx, my, mz (not always the size).
    header_origin_xyz_A : tuple of float
        Raw origin field; (0, 0, 0) means that `start_xyz` counts instead.
    start_xyz : tuple of int
        nstart in x, y, z order (a file stores it in column, row, section order).
    voxel_size_given : bool
        True if the user gave the voxel size, so that the tomogram's own header says otherwise.
    """

    voxel_size_A: float
    origin_zyx_A: Float64
    size_xyz: tuple[int, int, int]
    cella_xyz_A: tuple[float, float, float]
    sampling_xyz: tuple[int, int, int]
    header_origin_xyz_A: tuple[float, float, float]
    start_xyz: tuple[int, int, int]
    voxel_size_given: bool = False

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Shape of the voxel array."""
        x, y, z = self.size_xyz
        return z, y, x


def new_header(
    shape_zyx: tuple[int, int, int], voxel_size_A: float, origin_zyx_A: Float64
) -> MrcHeader:
    """Return the header of a volume that comes from no file (a simulated one).

    Parameters
    ----------
    shape_zyx : tuple of int
        Shape of the voxel array.
    voxel_size_A : float
        Edge of a voxel in Å.
    origin_zyx_A : (3,) float64
        Position in Å of the centre of voxel (0, 0, 0).

    Returns
    -------
    MrcHeader
        With nstart 0 and the place in the origin field.
    """
    size = int3(shape_zyx[::-1])
    origin = np.asarray(origin_zyx_A, dtype=np.float64)
    return MrcHeader(
        voxel_size_A=float(voxel_size_A),
        origin_zyx_A=origin,
        size_xyz=size,
        cella_xyz_A=float3(np.array(size) * voxel_size_A),
        sampling_xyz=size,
        header_origin_xyz_A=float3(origin[::-1]),
        start_xyz=(0, 0, 0),
    )


def place(raw: RawHeader, voxel_size_A: float, given: bool) -> MrcHeader:
    """Work out where the volume stands, by ChimeraX's rule.

    Parameters
    ----------
    raw : RawHeader
    voxel_size_A : float
        Edge of a voxel in Å, already checked.
    given : bool
        Whether the user gave it; then it replaces the cell lengths of the header.

    Returns
    -------
    MrcHeader

    Notes
    -----
    A non-zero origin field of a file that says "MAP " is the place in Å; otherwise the place is
    nstart times the step. Absurd values count as never set.
    """
    size, sampling = raw.size_xyz, integers(raw, ("mx", "my", "mz"))
    sampling = np.where(sampling > 0, sampling, size)
    steps = np.full(3, voxel_size_A) if given else raw_steps(raw)
    start = integers(raw, ("nxstart", "nystart", "nzstart"))[list(raw.crs_of_axis)]
    if np.abs(start).max() > 10 * max(sampling.max(), max(size)):
        start = np.zeros(3, dtype=np.int64)
    origin = vector(raw.fields["origin"])
    if not (raw.new_style and np.isfinite(origin).all() and (origin + steps != origin).all()):
        origin = np.zeros(3)
    origin = origin + 0.0  # turns -0.0 into 0.0
    place_xyz = origin if origin.any() else start * steps
    return MrcHeader(
        voxel_size_A=voxel_size_A,
        origin_zyx_A=np.ascontiguousarray(place_xyz[::-1]),
        size_xyz=size,
        cella_xyz_A=float3(steps * sampling),
        sampling_xyz=int3(sampling),
        header_origin_xyz_A=float3(origin),
        start_xyz=int3(start),
        voxel_size_given=given,
    )


def encode_header(
    header: MrcHeader,
    dtype: np.dtype[Any],
    statistics: tuple[float, float, float, float],
    note: str,
) -> bytes:
    """Write the 1024 bytes of a header: standard axis order, little endian, one label line.

    Parameters
    ----------
    header : MrcHeader
    dtype : numpy dtype
        int8, int16, uint16, float16 or float32.
    statistics : tuple of float
        Minimum, maximum, mean and standard deviation of the voxels.
    note : str
        Goes into the label line, after the program's name and version.

    Returns
    -------
    bytes
    """
    fields = np.zeros((), dtype=HEADER_DTYPE.newbyteorder("<"))
    fields["mode"] = next(mode for mode, kind in MODES.items() if dtype == kind)
    for i, axis in enumerate("xyz"):
        fields[f"n{axis}"] = header.size_xyz[i]
        fields[f"m{axis}"] = header.sampling_xyz[i]
        fields[f"n{axis}start"] = header.start_xyz[i]
        fields["cella"][axis] = header.cella_xyz_A[i]
        fields["origin"][axis] = header.header_origin_xyz_A[i]
        fields[f"map{'crs'[i]}"] = i + 1
    for name in ("alpha", "beta", "gamma"):
        fields["cellb"][name] = 90.0
    for name, value in zip(("dmin", "dmax", "dmean", "rms"), statistics, strict=True):
        fields[name] = value
    fields["ispg"], fields["nversion"], fields["nlabl"] = 1, 20141, 1
    fields["map"], fields["machst"] = b"MAP ", (0x44, 0x44, 0, 0)
    line = f"membraneseg {__version__} {note}".encode("ascii", errors="replace")
    fields["label"][0] = line[:80].ljust(80)
    return fields.tobytes()
