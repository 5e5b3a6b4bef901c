"""The slice U-Net, and weight files of any network: safetensors with a description beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from membraneseg.errors import MembraneSegError
from membraneseg.segment.residual_unet import BLOCKS_PER_LAYER, ResidualUNet

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
DEFAULT_WEIGHTS = WEIGHTS_FOLDER / "slice_unet_v3.safetensors"

Config = TypeVar("Config")


@dataclass(frozen=True)
class UNetConfig:
    """Architecture of the slice U-Net, and the pixel sizes it was trained for."""

    encoder: str = field(
        default="resnet18", metadata={"help": "resnet18, resnet34, or another one of smp.Unet"}
    )
    depth: int = field(default=4, metadata={"help": "number of down-samplings"})
    decoder_channels: tuple[int, ...] = field(
        default=(128, 64, 32, 32), metadata={"help": "widths"}
    )
    context: int = field(default=3, metadata={"help": "adjacent slices seen at once, odd"})
    classes: int = field(default=3, metadata={"help": "background, protein, membrane"})
    pixel_size_A: tuple[float, float] = field(
        default=(7.0, 20.0), metadata={"help": "range of pixel sizes it was trained on"}
    )
    working_pixel_size_A: tuple[float, float] = field(
        default=(12.0, 16.0),
        metadata={"help": "where it works best; others are brought to the nearer end"},
    )

    def __post_init__(self) -> None:
        if len(self.decoder_channels) != self.depth:
            raise MembraneSegError(
                f"decoder_channels has {len(self.decoder_channels)} entries, the depth is "
                f"{self.depth}: give one width per level."
            )


def build_unet(config: UNetConfig) -> torch.nn.Module:
    """An untrained U-Net: (B, context, H, W) to logits (B, classes, H, W); H, W multiples of 16."""
    if config.encoder in BLOCKS_PER_LAYER:
        return ResidualUNet(config.encoder, config.decoder_channels, config.context, config.classes)
    # Here, as it imports all encoders there are, which the shipped network does not need.
    import segmentation_models_pytorch as smp

    network: torch.nn.Module = smp.Unet(
        config.encoder,
        encoder_depth=config.depth,
        encoder_weights=None,
        decoder_channels=config.decoder_channels,
        in_channels=config.context,
        classes=config.classes,
    )
    return network


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(path: Path, network: torch.nn.Module, config: Any) -> None:
    """Write float16 weights, and the configuration with the file's hash as JSON beside them."""
    state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    state = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(state, path)
    card = {"config": asdict(config), "sha256": file_sha256(path)}
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def load_weights(path: Path = DEFAULT_WEIGHTS) -> tuple[torch.nn.Module, UNetConfig]:
    """Read the weight file of a slice U-Net, ready to predict; see `load_network`."""
    return load_network(path, UNetConfig, build_unet, "slice U-Net")


def load_network(
    path: Path,
    described_by: type[Config],
    build: Callable[[Config], torch.nn.Module],
    name: str,
) -> tuple[torch.nn.Module, Config]:
    """Read a weight file and build its network, ready to predict.

    Parameters
    ----------
    path : Path
        A `.safetensors` file with its `.json` beside it.
    described_by : type
        Dataclass of the architecture.
    build : callable
        From one of these to an untrained network.
    name : str
        What the network is called.

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode, float32, on the CPU.
    config : of the type `described_by`

    Raises
    ------
    MembraneSegError
        If a file is missing, is no safetensors file, or does not match its hash or shape.
    """
    described = path.with_suffix(".json")
    for needed in (path, described):
        if not needed.is_file():
            raise MembraneSegError(
                f"The weight file {needed} does not exist: give an existing .safetensors file "
                "with its .json beside it, or leave --weights out to use the shipped ones."
            )
    try:
        card = json.loads(described.read_text())
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in card["config"].items()
        }
        config = described_by(**values)
        expected = card["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise MembraneSegError(
            f"{described} does not describe a {name} ({error}): use the .json that was written "
            "together with the weights."
        ) from error
    if file_sha256(path) != expected:
        raise MembraneSegError(
            f"{path} does not have the sha256 that {described.name} states: the file is damaged "
            "or belongs to another description; fetch both again."
        )
    network = build(config)
    try:
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
        )
    except (RuntimeError, SafetensorError) as error:
        raise MembraneSegError(
            f"{path} does not fit the network that {described.name} describes: use files that "
            "were written together."
        ) from error
    return network.eval(), config
