"""From a tomogram to the probability of membrane, slice by slice, in overlapping tiles."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from membraneseg.errors import MembraneSegError
from membraneseg.segment.normalise import context_stack, flat_slices
from membraneseg.segment.unet import UNetConfig
from membraneseg.types import Float32, Tomogram

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
PROTEIN_CLASS, MEMBRANE_CLASS = 1, 2


@dataclass(frozen=True)
class SegmentConfig:
    """How the network is run over a tomogram."""

    weights: str = field(default="", metadata={"help": "weight file; empty: the shipped one"})
    tile_px: int = field(default=448, metadata={"help": "edge of a tile, multiple of 16"})
    halo_px: int = field(default=32, metadata={"help": "border of a tile that is thrown away"})
    flips: bool = field(default=True, metadata={"help": "average over mirrored copies"})
    batch: int = field(default=4, metadata={"help": "tiles per forward pass"})
    device: str = field(default="auto", metadata={"help": "auto, cpu or cuda"})

    def __post_init__(self) -> None:
        if self.tile_px % 16 or self.tile_px <= 2 * self.halo_px:
            raise MembraneSegError(
                f"segment.tile_px is {self.tile_px}: give a multiple of 16 that is larger than "
                f"twice segment.halo_px ({self.halo_px})."
            )
        if self.device not in ("auto", "cpu", "cuda"):
            raise MembraneSegError(f"segment.device is '{self.device}': give auto, cpu or cuda.")


@dataclass(frozen=True)
class Segmentation:
    """What the network saw.

    Parameters
    ----------
    membrane : (Z, Y, X) float32
        Probability of membrane, 0–1.
    protein : (Z, Y, X) int8
        1 where protein is the likeliest class.
    """

    membrane: Float32
    protein: npt.NDArray[np.int8]


def working_scale(voxel_size_A: float, config: UNetConfig) -> float:
    """Factor by which a volume is enlarged so that its voxels lie in the network's range."""
    low, high = config.pixel_size_A
    target = float(np.clip(voxel_size_A, low, high))
    return voxel_size_A / target


def predict(
    tomogram: Tomogram,
    network: torch.nn.Module,
    unet: UNetConfig,
    config: SegmentConfig,
    progress: Progress | None = None,
) -> Segmentation:
    """Run the slice U-Net over a whole tomogram.

    Parameters
    ----------
    tomogram : Tomogram
        Dark membranes; any voxel size (rescaled if outside the network's range).
    network, unet
        As returned by `load_weights`.
    config : SegmentConfig
    progress : callable, optional
        Told the share done, 0–1.

    Returns
    -------
    Segmentation
        On the tomogram's own grid.
    """
    scale = working_scale(tomogram.voxel_size_A, unet)
    voxels = tomogram.voxels
    if not np.isclose(scale, 1.0):
        log.info("rescaled by %.3f to reach the network's pixel sizes", scale)
        voxels = ndimage.zoom(np.asarray(voxels, dtype=np.float32), scale, order=1)
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).to(memory_format=torch.channels_last)
    flat, deviation = flat_slices(voxels)
    shape = voxels.shape
    membrane = np.zeros(shape, dtype=np.float32)
    protein = np.zeros(shape, dtype=np.int8)
    for z in range(shape[0]):
        stack = context_stack(flat, deviation, z, unet.context)
        probability = _predict_slice(network, stack, config, device)
        membrane[z] = probability[MEMBRANE_CLASS]
        protein[z] = probability.argmax(0) == PROTEIN_CLASS
        if progress is not None:
            progress((z + 1) / shape[0])
    if not np.isclose(scale, 1.0):
        membrane = _resize(membrane, tomogram.voxels.shape, 1)
        protein = _resize(protein, tomogram.voxels.shape, 0)
    return Segmentation(np.clip(membrane, 0.0, 1.0), protein)


def _tiles(length: int, tile: int, halo: int) -> Iterator[tuple[int, int]]:
    """Start of each tile in the padded row, and the end of the part of the row that it decides."""
    core = tile - 2 * halo
    for first in range(0, length, core):
        yield first, min(first + core, length)


def _predict_slice(
    network: torch.nn.Module, stack: Float32, config: SegmentConfig, device: str
) -> Float32:
    """Class probabilities (3, Y, X) of one slice given its context (C, Y, X)."""
    _, height, width = stack.shape
    halo = config.halo_px
    tile_y = min(config.tile_px, _up_to_16(height + 2 * halo))
    tile_x = min(config.tile_px, _up_to_16(width + 2 * halo))
    pad = ((0, 0), (halo, tile_y), (halo, tile_x))
    padded = np.pad(stack, pad, mode="symmetric")
    jobs = [(y, x) for y in _tiles(height, tile_y, halo) for x in _tiles(width, tile_x, halo)]
    out = np.zeros((3, height, width), dtype=np.float32)
    for first in range(0, len(jobs), config.batch):
        some = jobs[first : first + config.batch]
        crops = [padded[:, y[0] : y[0] + tile_y, x[0] : x[0] + tile_x] for y, x in some]
        batch = torch.from_numpy(np.stack(crops)).to(device)
        result = _probabilities(network, batch, config.flips)
        for (y, x), tile in zip(some, result, strict=True):
            rows, columns = y[1] - y[0], x[1] - x[0]
            out[:, y[0] : y[1], x[0] : x[1]] = tile[:, halo : halo + rows, halo : halo + columns]
    return out


def _up_to_16(length: int) -> int:
    return -(-length // 16) * 16


def _has_bfloat16(batch: torch.Tensor) -> bool:
    """Whether bfloat16 is fast where the batch lies; processors without it would emulate it."""
    if batch.device.type != "cpu":
        return True
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(supported is not None and supported())


@torch.inference_mode()
def _probabilities(network: torch.nn.Module, batch: torch.Tensor, flips: bool) -> Float32:
    """Softmax of the network; with `flips` averaged over mirrors in x, y, and z with both."""
    views: list[tuple[list[int], bool]] = [([], False)]
    if flips:  # every mirror of a single-axis tilt series is again one
        views += [([-1], True), ([-2], False), ([-1, -2], True)]
    total: torch.Tensor | None = None
    for axes, turn_context in views:
        view = batch.flip(axes) if axes else batch
        view = view.flip(1) if turn_context else view
        view = view.contiguous(memory_format=torch.channels_last)
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=_has_bfloat16(batch)):
            logits = network(view)
        probability = logits.float().softmax(1).flip(axes) if axes else logits.float().softmax(1)
        total = probability if total is None else total + probability
    assert total is not None
    return np.asarray((total / len(views)).cpu().numpy(), dtype=np.float32)


def _resize(volume: npt.NDArray[np.generic], shape: tuple[int, ...], order: int) -> npt.NDArray:  # type: ignore[type-arg]
    """Bring a volume back to exactly the given shape (grid points at both ends coincide)."""
    factors = [wanted / have for wanted, have in zip(shape, volume.shape, strict=True)]
    return np.asarray(ndimage.zoom(volume, factors, order=order))
