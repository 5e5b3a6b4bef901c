"""Headers that would put results at the wrong place or size are refused, with the remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.io.headers import RawHeader, raw_steps
from membraneseg.types import Float64

SMALLEST_SIDE_PX = 8
"""Thinner than this there is no third dimension to find a surface in."""
LARGEST_SIDE_PX = 8192
"""Twice the common 4096-pixel camera, and above an unbinned K3 frame (5760): a wider volume is an
unbinned super-resolution one, whose pixels are far below the 1 Å that we accept anyway."""
VOXEL_SIZE_RANGE_A = (1.0, 100.0)
LARGEST_ANISOTROPY = 0.01
LARGEST_DRIFT_PX = 0.5
"""One voxel size for unequal axes moves the far corner of the volume; by no more than this."""
_RIGHT_ANGLE_TOLERANCE_DEG = 0.1


def check_size(raw: RawHeader, path: Path) -> None:
    """Refuse single slices, tilt series of a few images, and absurdly wide volumes."""
    x, y, z = raw.size_xyz
    shape = f"{x} × {y} × {z} voxels (x, y, z)"
    if min(x, y, z) < SMALLEST_SIDE_PX:
        raise MembraneSegError(
            f"{path} is not a tomogram: it has {shape} and every side must have at least "
            f"{SMALLEST_SIDE_PX}; give the reconstructed volume, not an image or a tilt series."
        )
    if max(x, y, z) > LARGEST_SIDE_PX:
        raise MembraneSegError(
            f"{path} is too wide: it has {shape} and no side may exceed {LARGEST_SIDE_PX}; "
            "bin the tomogram to 8–20 Å per voxel first."
        )
    if int(raw.fields["ispg"]) >= 401:
        raise MembraneSegError(
            f"{path} is a stack of volumes (space group {int(raw.fields['ispg'])}), but one "
            "tomogram is expected: split the stack and give one volume."
        )


def check_angles(raw: RawHeader, path: Path) -> None:
    """Refuse skewed cells; angles that make no cell count as never set, as in ChimeraX."""
    angles = np.array([raw.fields["cellb"][a] for a in ("alpha", "beta", "gamma")], dtype=float)
    makes_a_cell = bool(
        ((angles > 0) & (angles < 180)).all()
        and angles.sum() < 360
        and angles.max() < angles.sum() / 2
    )
    if makes_a_cell and np.abs(angles - 90).max() > _RIGHT_ANGLE_TOLERANCE_DEG:
        found = ", ".join(f"{angle:g}°" for angle in angles)
        raise MembraneSegError(
            f"{path} has cell angles {found}, but voxels must be rectangular (90°, 90°, 90°): "
            "resample the volume, or correct the header if it is wrong."
        )


def find_voxel_size_A(raw: RawHeader, given_A: float | None, path: Path) -> float:
    """Edge of a voxel in Å: what the user gave, else what the header credibly says.

    Parameters
    ----------
    raw : RawHeader
    given_A : float or None
        The user's ``--voxel-size``.
    path : Path
        Named in the error.

    Returns
    -------
    float

    Raises
    ------
    MembraneSegError
        If no credible size is left, or if the voxels are no cubes.
    """
    steps = raw_steps(raw)
    known = bool((steps > 0).all())
    if known:
        _check_cubes(steps, raw, path)
    smallest, largest = VOXEL_SIZE_RANGE_A
    if given_A is not None:
        if not smallest <= given_A <= largest:
            raise MembraneSegError(
                f"--voxel-size {given_A:g} is out of range: expected {smallest:g} to {largest:g} Å "
                "(ångström, not nanometre); give the tomogram's voxel size in Å."
            )
        return float(given_A)
    size = float(steps.mean()) if known else 0.0
    never_set = round(size, 4) in (0.0, 1.0)
    if not never_set and smallest <= size <= largest:
        return size
    reason = ", which only means that nobody set it" if never_set else ""
    raise MembraneSegError(
        f"{path} says that its voxel size is {size:.4g} Å{reason}; expected {smallest:g} to "
        f"{largest:g} Å: give the true one in Å, for example --voxel-size 13.5."
    )


def _check_cubes(steps: Float64, raw: RawHeader, path: Path) -> None:
    mean = float(steps.mean())
    difference = float(np.ptp(steps)) / mean
    drift_px = float((np.abs(steps / mean - 1.0) * np.array(raw.size_xyz)).max())
    if difference > LARGEST_ANISOTROPY or drift_px > LARGEST_DRIFT_PX:
        found = " × ".join(f"{step:.5g}" for step in steps)
        raise MembraneSegError(
            f"{path} has voxels of {found} Å (x, y, z), which are no cubes: expected equal sides "
            f"(the far corner would land {drift_px:.1f} voxels off); resample the tomogram to "
            "cubic voxels, or correct the cell lengths in its header."
        )
