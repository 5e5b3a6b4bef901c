"""From a tomogram to the probability of membrane: slice in, slice out, whatever its size."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.segment.mirrors import class_probabilities
from membraneseg.segment.normalise import context_rows, flat_slice, slice_deviations, unit_stack
from membraneseg.segment.rescale import (
    Prediction,
    brought_back,
    rescaled_shape,
    rescaled_slice,
)
from membraneseg.segment.tiles import MULTIPLE_PX, in_tiles
from membraneseg.segment.unet import DEFAULT_WEIGHTS, UNetConfig
from membraneseg.types import Float32, Tomogram

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
PROTEIN_CLASS, MEMBRANE_CLASS = 1, 2


@dataclass(frozen=True)
class SegmentConfig:
    """How the network is run over a tomogram."""

    weights: str = field(default="", metadata={"help": "weight file; empty: the shipped one"})
    tile_px: int = field(default=576, metadata={"help": "longest edge of a tile, multiple of 16"})
    halo_px: int = field(default=16, metadata={"help": "border of a tile that is thrown away"})
    flips: bool = field(default=True, metadata={"help": "average over mirrored copies"})
    batch: int = field(default=1, metadata={"help": "tiles per forward pass"})
    device: str = field(default="auto", metadata={"help": "auto, cpu or cuda"})

    def __post_init__(self) -> None:
        if self.tile_px % MULTIPLE_PX or self.tile_px <= 2 * self.halo_px:
            raise MembraneSegError(
                f"segment.tile_px is {self.tile_px}: give a multiple of 16 that is larger than "
                f"twice segment.halo_px ({self.halo_px})."
            )
        if self.device not in ("auto", "cpu", "cuda"):
            raise MembraneSegError(f"segment.device is '{self.device}': give auto, cpu or cuda.")

    @property
    def weights_file(self) -> Path:
        """The weight file that was asked for, or the shipped one."""
        return Path(self.weights) if self.weights else DEFAULT_WEIGHTS


@dataclass(frozen=True)
class Segmentation:
    """What the network saw.

    Parameters
    ----------
    membrane : (Z, Y, X) float32 or float16
        Probability of membrane, 0–1; may be a memory map.
    protein : (Z, Y, X) int8
        1 where protein is the likeliest class; may be a memory map.
    """

    membrane: npt.NDArray[np.floating[Any]]
    protein: npt.NDArray[np.int8]


def working_scale(voxel_size_A: float, config: UNetConfig) -> float:
    """Factor by which a volume is enlarged so that its voxels lie where the network works best."""
    low, high = config.working_pixel_size_A
    target = float(np.clip(voxel_size_A, low, high))
    return voxel_size_A / target


def predict(
    tomogram: Tomogram,
    network: torch.nn.Module,
    unet: UNetConfig,
    config: SegmentConfig,
    progress: Progress | None = None,
) -> Segmentation:
    """Run the slice U-Net over a whole tomogram; the result is held in memory.

    Parameters
    ----------
    tomogram, network, unet, config, progress
        See `predicted_slices`.

    Returns
    -------
    Segmentation
        On the tomogram's own grid.
    """
    membrane = np.empty(tomogram.voxels.shape, dtype=np.float32)
    protein = np.empty(tomogram.voxels.shape, dtype=np.int8)
    for z, planes in enumerate(predicted_slices(tomogram, network, unet, config, progress)):
        membrane[z], protein[z] = planes
    return Segmentation(membrane, protein)


def predicted_slices(
    tomogram: Tomogram,
    network: torch.nn.Module,
    unet: UNetConfig,
    config: SegmentConfig,
    progress: Progress | None = None,
) -> Iterator[Prediction]:
    """Run the slice U-Net over a tomogram, one slice after the other.

    Parameters
    ----------
    tomogram : Tomogram
        Dark membranes; any voxel size (rescaled if outside the network's range). May be a memory
        map: it is read twice, a few slices at a time.
    network, unet
        As returned by `load_weights`.
    config : SegmentConfig
    progress : callable, optional
        Told the share done, 0–1.

    Yields
    ------
    membrane : (Y, X) float32
        Probability of membrane, 0–1, in the slices of the tomogram, in order of z.
    protein : (Y, X) int8
        1 where protein is the likeliest class.

    Notes
    -----
    The first pass measures the deviation of every slice, the second predicts. Memory: some slices
    and the network's activations in `batch` tiles, independent of the number of slices.
    """
    shape = tomogram.voxels.shape
    scale = working_scale(tomogram.voxel_size_A, unet)
    working = shape
    if not np.isclose(scale, 1.0):
        log.info("rescaled by %.3f to reach the network's pixel sizes", scale)
        working = rescaled_shape(shape, scale)
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).to(memory_format=torch.channels_last)
    forward = partial(class_probabilities, network, device=device, mirrored=config.flips)
    predictions = (
        _most_likely(in_tiles(forward, stack, config.tile_px, config.halo_px, config.batch))
        for stack in _stacks(tomogram.voxels, working, unet.context)
    )
    back = predictions if working == shape else brought_back(predictions, working[0], shape)
    for done, planes in enumerate(back, start=1):
        yield planes
        if progress is not None:
            progress(done / shape[0])


def _stacks(
    voxels: npt.NDArray[np.generic], shape: tuple[int, ...], context: int
) -> Iterator[Float32]:
    """Normalised slices with their context (C, Y, X), of a volume brought to another shape."""

    def flat(z: int) -> Float32:
        return flat_slice(rescaled_slice(voxels, z, shape))

    deviation = slice_deviations(flat(z) for z in range(shape[0]))
    held: dict[int, Float32] = {}
    for z in range(shape[0]):
        rows = context_rows(z, shape[0], context)
        held = {row: held[row] if row in held else flat(row) for row in rows}
        yield unit_stack(np.stack([held[row] for row in rows]), float(deviation[z]))


def _most_likely(probability: Float32) -> Prediction:
    """Probability of membrane and mask of protein, from class probabilities (K, Y, X)."""
    membrane = np.clip(probability[MEMBRANE_CLASS], 0.0, 1.0)
    return membrane, (probability.argmax(0) == PROTEIN_CLASS).astype(np.int8)
