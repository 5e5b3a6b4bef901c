"""Labelled volumes as training examples: crops of phantoms, or of tomograms with a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.segment.normalise import context_stack, flat_slices
from membraneseg.types import Float32, Int64
from synth2d.slices import IGNORE, MEMBRANE

UInt8 = npt.NDArray[np.uint8]
MEMBRANE_FIRST = 0.85
"""Share of the crops that are drawn around a voxel of membrane, where a volume has any."""


@dataclass(frozen=True)
class LabelledVolume:
    """A volume ready to be cut into training examples.

    Parameters
    ----------
    flat : (Z, Y, X) float16
        Slices without their slow background, see `flat_slices`.
    deviation : (Z,) float32
    labels : (Z, Y, X) uint8
        0 background, 1 protein, 2 membrane, 255 unknown.
    known_z : (K,) int64
        Slices of which anything is known.
    """

    flat: npt.NDArray[np.float16]
    deviation: Float32
    labels: UInt8
    known_z: Int64


def labelled_volume(voxels: npt.NDArray[np.generic], labels: UInt8) -> LabelledVolume:
    """Normalise a volume as prediction does, and keep it with its labels.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Dark membranes, at a pixel size within the network's range.
    labels : (Z, Y, X) uint8
        0 background, 1 protein, 2 membrane, 255 unknown.

    Raises
    ------
    MembraneSegError
        If the two differ in shape, or nothing is known.
    """
    if voxels.shape != labels.shape:
        raise MembraneSegError(
            f"the tomogram has {voxels.shape} voxels and its labels {labels.shape}, expected the "
            "same: give labels that were made on this tomogram."
        )
    known_z = np.flatnonzero((labels != IGNORE).any(axis=(1, 2)))
    if not len(known_z):
        raise MembraneSegError(
            "the labels are unknown everywhere, expected at least one labelled slice: give labels "
            "with 1 or 2 on membranes."
        )
    flat, deviation = flat_slices(voxels)
    scale = float(np.median(deviation))  # keeps float16 in its range, whatever the grey values
    small = (flat / scale).astype(np.float16)
    return LabelledVolume(small, deviation / np.float32(scale), labels, known_z)


def draw_crop(
    volume: LabelledVolume, size_px: int, context: int, rng: np.random.Generator
) -> tuple[Float32, UInt8]:
    """Cut a random example, mirrored at random: every mirror of a tilt series is one again.

    Parameters
    ----------
    volume : LabelledVolume
    size_px : int
        Edge of the crop; a smaller volume is mirrored at its walls.
    context : int
        Adjacent slices, odd.
    rng : numpy.random.Generator

    Returns
    -------
    image : (context, size_px, size_px) float32
    labels : (size_px, size_px) uint8
        Of the middle slice.
    """
    z = int(rng.choice(volume.known_z))
    y, x = _corner(volume.labels[z], size_px, rng)
    # a slab of the crop's rows and columns alone: the whole slice is not needed
    rows, columns = slice(y, y + size_px), slice(x, x + size_px)
    image = context_stack(volume.flat[:, rows, columns], volume.deviation, z, context)
    labels = volume.labels[z, rows, columns]
    missing = [(0, size_px - n) for n in labels.shape]
    image = np.pad(image, [(0, 0), *missing], mode="symmetric")
    labels = np.pad(labels, missing, mode="symmetric")
    flips = rng.random(3) < 0.5
    steps = [-1 if flip else 1 for flip in flips]
    image = image[:: steps[0], :: steps[1], :: steps[2]]
    return np.ascontiguousarray(image), np.ascontiguousarray(labels[:: steps[1], :: steps[2]])


def _corner(labels: UInt8, size_px: int, rng: np.random.Generator) -> tuple[int, int]:
    """First row and column of a crop of (Y, X) labels: mostly around a voxel of membrane."""
    high = [max(0, n - size_px) for n in labels.shape]
    places = np.flatnonzero(labels == MEMBRANE)
    if not len(places) or rng.random() >= MEMBRANE_FIRST:
        return int(rng.integers(high[0] + 1)), int(rng.integers(high[1] + 1))
    middle = divmod(int(rng.choice(places)), labels.shape[1])
    start = [m - int(rng.integers(size_px)) for m in middle]
    return int(np.clip(start[0], 0, high[0])), int(np.clip(start[1], 0, high[1]))
