"""From a tomogram to the probability of vesicle, by a 3-D network in overlapping tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from membraneseg.errors import MembraneSegError
from membraneseg.segment.areas import resampled
from membraneseg.segment.mirrors import has_bfloat16
from membraneseg.segment.normalise import flat_slices, unit_stack
from membraneseg.segment.tiles import MULTIPLE_PX, tile_spans
from membraneseg.segment.volume_unet import VESICLE_WEIGHTS, VolumeUNetConfig
from membraneseg.types import Float32, Tomogram

Progress = Callable[[float], None]


@dataclass(frozen=True)
class VolumeConfig:
    """How a 3-D network is run over a tomogram."""

    weights: str = field(default="", metadata={"help": "weight file; empty: the shipped one"})
    tile_px: int = field(default=64, metadata={"help": "longest edge of a tile, multiple of 16"})
    halo_px: int = field(default=8, metadata={"help": "rim of a tile that is thrown away"})

    def __post_init__(self) -> None:
        if self.halo_px < 0 or self.tile_px % MULTIPLE_PX or self.tile_px <= 2 * self.halo_px:
            raise MembraneSegError(
                f"tile_px is {self.tile_px} and halo_px {self.halo_px}, expected a multiple of 16 "
                "that is larger than twice the rim; correct them under vesicle_network"
            )

    @property
    def weights_file(self) -> Path:
        """The weight file that was asked for, or the shipped one."""
        return Path(self.weights) if self.weights else VESICLE_WEIGHTS


@dataclass(frozen=True, eq=False)
class CoarseProbability:
    """What a 3-D network says, at its own voxel size; `on_grid_of` brings it to the tomogram's.

    Parameters
    ----------
    likely : (Z, Y, X) float32
        Probability, 0–1.
    voxel_size_A : float
    """

    likely: Float32
    voxel_size_A: float


def predicted_volume(
    tomogram: Tomogram,
    loaded: tuple[torch.nn.Module, VolumeUNetConfig],
    config: VolumeConfig,
    device: str = "cpu",
    progress: Progress | None = None,
) -> CoarseProbability:
    """Run a 3-D network over a whole tomogram.

    Parameters
    ----------
    tomogram : Tomogram
        Dark membranes; any voxel size. May be a memory map.
    loaded : (torch.nn.Module, VolumeUNetConfig)
        As returned by `load_vesicle_network`.
    config : VolumeConfig
    device : str
        cpu or cuda.
    progress : callable, optional
        Told the share done, 0–1.

    Returns
    -------
    CoarseProbability

    Notes
    -----
    Memory: the volume at the network's voxel size, twice, and the activations of one tile.
    """
    network, unet = loaded
    coarse = unit_volume(at_voxel_size(tomogram.voxels, tomogram.voxel_size_A, unet.voxel_size_A))
    network = network.to(device).to(memory_format=torch.channels_last_3d)
    cuts = [tile_spans(n, config.tile_px, config.halo_px) for n in coarse.shape]
    spans, edges = [some for some, _ in cuts], [edge for _, edge in cuts]
    halo = config.halo_px
    room = [
        (halo, some[-1][0] + edge - halo - n)
        for some, edge, n in zip(spans, edges, coarse.shape, strict=True)
    ]
    padded = np.pad(coarse, room, mode="symmetric")
    likely = np.empty(coarse.shape, dtype=np.float32)
    tiles = list(product(*spans))
    for done, tile in enumerate(tiles, start=1):
        around = tuple(
            slice(first, first + edge) for (first, _), edge in zip(tile, edges, strict=True)
        )
        inner = tuple(slice(halo, halo + stop - first) for first, stop in tile)
        said = _probability(network, padded[around], device)
        likely[tuple(slice(*span) for span in tile)] = said[inner]
        if progress is not None:
            progress(done / len(tiles))
    return CoarseProbability(likely, unet.voxel_size_A)


def at_voxel_size(voxels: npt.NDArray[np.generic], voxel_size_A: float, wanted_A: float) -> Float32:
    """Bring a volume (Z, Y, X) to another voxel size, as means over what each voxel covers."""
    edge = wanted_A / voxel_size_A
    shape = tuple(max(round(n / edge), 1) for n in voxels.shape)
    return np.stack(list(resampled(voxels, shape, edge)))


def on_grid_of(found: CoarseProbability, tomogram: Tomogram) -> Float32:
    """Bring what a 3-D network says to the tomogram's own grid (Z, Y, X), linearly."""
    shape, edge = tomogram.voxels.shape, tomogram.voxel_size_A / found.voxel_size_A
    back = np.empty(shape, dtype=np.float32)
    for z, plane in enumerate(resampled(found.likely, shape, edge)):
        back[z] = plane
    return back


def unit_volume(voxels: npt.NDArray[np.generic]) -> Float32:
    """Normalise all slices of a volume: flat background, unit deviation, outliers cut."""
    flat, deviation = flat_slices(voxels)
    for plane, own in zip(flat, deviation, strict=True):
        plane[:] = unit_stack(plane, float(own))
    return flat


def _probability(network: torch.nn.Module, tile: Float32, device: str) -> npt.NDArray[Any]:
    """Probability of one tile (D, H, W)."""
    volume = torch.from_numpy(tile)[None, None].to(device)
    volume = volume.contiguous(memory_format=torch.channels_last_3d)
    fast = has_bfloat16(device)
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=fast):
        logits = network(volume)
    return np.asarray(torch.sigmoid(logits.float())[0, 0].cpu().numpy())
