"""The small 3-D U-Net that sees vesicles, lumen and membrane, and its weight file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from membraneseg.errors import MembraneSegError
from membraneseg.segment.unet import WEIGHTS_FOLDER, load_network

NORM_GROUPS = 4
VESICLE_WEIGHTS = WEIGHTS_FOLDER / "vesicle_unet_v1.safetensors"


@dataclass(frozen=True)
class VolumeUNetConfig:
    """Architecture of the 3-D U-Net, and the voxel size it was trained for."""

    channels: int = field(
        default=8, metadata={"help": "at full resolution; twice and four times as many below"}
    )
    voxel_size_A: float = field(default=24.0, metadata={"help": "volumes are brought to it"})

    def __post_init__(self) -> None:
        if self.channels % NORM_GROUPS or self.channels < 1 or self.voxel_size_A <= 0.0:
            raise MembraneSegError(
                f"channels is {self.channels} and voxel_size_A {self.voxel_size_A}, expected a "
                f"multiple of {NORM_GROUPS} and a positive number: correct them in the description "
                "of the weights."
            )


class VolumeUNet(nn.Module):
    """U-Net of two down-samplings: (B, 1, D, H, W) densities to logits of the same shape.

    Edges are multiples of 4.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169.
    """

    def __init__(self, config: VolumeUNetConfig) -> None:
        super().__init__()
        n = config.channels
        self.down = nn.ModuleList([_twice(1, n), _twice(n, 2 * n), _twice(2 * n, 4 * n)])
        self.up = nn.ModuleList([_twice(6 * n, 2 * n), _twice(3 * n, n)])
        self.last = nn.Conv3d(n, 1, 1)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """Down, and up again with what was seen on the way."""
        fine = self.down[0](volume)
        middle = self.down[1](F.max_pool3d(fine, 2))
        coarse = self.down[2](F.max_pool3d(middle, 2))
        middle = self.up[0](torch.cat([F.interpolate(coarse, scale_factor=2.0), middle], 1))
        fine = self.up[1](torch.cat([F.interpolate(middle, scale_factor=2.0), fine], 1))
        logits: torch.Tensor = self.last(fine)
        return logits


def load_vesicle_network(path: Path = VESICLE_WEIGHTS) -> tuple[nn.Module, VolumeUNetConfig]:
    """Read the weight file of a 3-D U-Net, ready to predict; see `unet.load_network`."""
    return load_network(path, VolumeUNetConfig, VolumeUNet, "3-D U-Net")


def _twice(before: int, after: int) -> nn.Sequential:
    """Two convolutions of one level."""
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [
            nn.Conv3d(inputs, after, 3, padding=1),
            nn.GroupNorm(NORM_GROUPS, after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
