"""The slice U-Net on a residual encoder, in plain torch.

Layers and their names are those of `segmentation_models_pytorch.Unet`, so weights fit either. That
library imports all its encoders, with timm and torchvision: 190 MB resident and some seconds for
every command, which the shipped network does not need.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

BLOCKS_PER_LAYER = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
"""Residual blocks in each layer of the encoders that are built here."""
STEM_WIDTH = 64
"""Channels after the first convolution; every layer after the first doubles them."""


class ResidualUNet(nn.Module):
    """U-Net whose encoder is a residual network.

    Parameters
    ----------
    encoder : str
        Of `BLOCKS_PER_LAYER`.
    decoder_channels : sequence of int
        Width of the decoder's levels, the coarsest first; their number is that of down-samplings.
    slices, classes : int
        Channels in and out.

    References
    ----------
    Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28; He et al. 2016,
    doi:10.1109/CVPR.2016.90.
    """

    def __init__(
        self, encoder: str, decoder_channels: Sequence[int], slices: int, classes: int
    ) -> None:
        super().__init__()
        depth = len(decoder_channels)
        self.encoder = Encoder(BLOCKS_PER_LAYER[encoder][: depth - 1], slices)
        self.decoder = Decoder(self.encoder.widths, decoder_channels)
        head = nn.Conv2d(decoder_channels[-1], classes, 3, 1, 1)
        nn.init.xavier_uniform_(head.weight)
        if head.bias is not None:
            nn.init.zeros_(head.bias)
        self.segmentation_head = nn.Sequential(head)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, slices, H, W) to logits (B, classes, H, W); H and W multiples of 2^depth."""
        logits: torch.Tensor = self.segmentation_head(self.decoder(self.encoder(images)))
        return logits


class Encoder(nn.Module):
    """Residual network without its classifier: a stem, and a layer per further down-sampling."""

    def __init__(self, blocks: Sequence[int], slices: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(slices, STEM_WIDTH, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        self.widths = [STEM_WIDTH] + [STEM_WIDTH << number for number in range(len(blocks))]
        self.layers = []
        for number, (count, (before, after)) in enumerate(
            zip(blocks, pairwise(self.widths), strict=True), start=1
        ):
            first = ResidualBlock(before, after, stride=1 if number == 1 else 2)
            rest = [ResidualBlock(after, after) for _ in range(count - 1)]
            self.layers.append(f"layer{number}")
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps at 1/2, 1/4, … of the edges of the images."""
        found = [F.relu(self.bn1(self.conv1(images)), inplace=True)]
        for name in self.layers:
            pooled = F.max_pool2d(found[-1], 3, 2, 1) if len(found) == 1 else found[-1]
            found.append(self.get_submodule(name)(pooled))
        return found


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = None
        if stride != 1 or before != after:
            projection = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(after))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, before, H, W) to (B, after, H / stride, W / stride)."""
        kept = features if self.downsample is None else self.downsample(features)
        changed = F.relu(self.bn1(self.conv1(features)), inplace=True)
        changed = self.bn2(self.conv2(changed))
        changed += kept
        return F.relu(changed, inplace=True)


class Decoder(nn.Module):
    """Back to full resolution, level by level, with what the encoder saw on the way."""

    def __init__(self, encoder_widths: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        skipped = [*encoder_widths[-2::-1], 0]
        inputs = [encoder_widths[-1], *widths[:-1]]
        self.blocks = nn.ModuleList(
            DecoderBlock(deeper + skip, width)
            for deeper, skip, width in zip(inputs, skipped, widths, strict=True)
        )

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Feature maps of the encoder, the finest first, to one at full resolution."""
        up = features[-1]
        skipped: list[torch.Tensor | None] = [*features[-2::-1], None]
        for block, skip in zip(self.blocks, skipped, strict=True):
            up = block(up, skip)
        return up


class DecoderBlock(nn.Module):
    """Twice as fine, joined with the encoder's features of that size, then two convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = _convolution(before, after)
        self.conv2 = _convolution(after, after)

    def forward(self, deeper: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        """(B, C, H, W) and (B, C', 2H, 2W), if any, to (B, after, 2H, 2W)."""
        joined = F.interpolate(deeper, scale_factor=2.0, mode="nearest")
        if skip is not None:
            joined = torch.cat([joined, skip], dim=1)
        features: torch.Tensor = self.conv2(self.conv1(joined))
        return features


def _convolution(before: int, after: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, 1, 1, bias=False)
    nn.init.kaiming_uniform_(convolution.weight, mode="fan_in", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))
