"""Training of the slice U-Net on synthetic slices and crops of labelled volumes: one loop."""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from membraneseg.errors import MembraneSegError
from membraneseg.segment.labelled import LabelledVolume, draw_crop
from membraneseg.segment.looks import Looks, another_look
from membraneseg.segment.normalise import normalise
from membraneseg.segment.scores import Standing, after_checkpoint, is_over, membrane_scores
from membraneseg.segment.unet import UNetConfig, build_unet, load_weights, save_weights
from synth2d.appearance import Appearance
from synth2d.config import SliceConfig
from synth2d.slices import IGNORE, make_slice

log = logging.getLogger(__name__)

ImageAndLabels = tuple[torch.Tensor, torch.Tensor]
Batches = DataLoader[ImageAndLabels]

VALIDATION_SEED = 10_000_019
"""Seed of the held-out slices; never used for training (training seeds are below 10⁶)."""


@dataclass(frozen=True)
class TrainConfig:
    """How long and how to train."""

    steps: int = field(default=4000, metadata={"help": "optimiser steps"})
    batch: int = field(default=8, metadata={"help": "slices per step"})
    learning_rate: float = field(default=1.5e-3, metadata={"help": "peak learning rate"})
    weight_decay: float = field(default=1e-2, metadata={"help": "AdamW weight decay"})
    average_decay: float = field(default=0.995, metadata={"help": "decay of the averaged weights"})
    validation_slices: int = field(default=64, metadata={"help": "held-out slices"})
    checkpoint_every: int = field(default=200, metadata={"help": "steps between checkpoints"})
    patience: int = field(
        default=0,
        metadata={
            "help": "stop after so many checkpoints without a better membrane Dice; 0: never"
        },
    )
    workers: int = field(default=1, metadata={"help": "processes that draw slices"})
    seed: int = field(default=1, metadata={"help": "seed of slices and weights, below 1000000"})
    device: str = field(default="cpu", metadata={"help": "cpu or cuda"})

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "validation_slices", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected 1 or more; correct training.{name}"
                )
        if self.patience < 0:
            raise MembraneSegError(
                f"patience is {self.patience}, expected 0 (off) or more; correct training.patience"
            )
        if self.learning_rate <= 0 or not 0 <= self.seed < 1_000_000:
            raise MembraneSegError(
                f"learning_rate is {self.learning_rate} and seed {self.seed}, expected a positive "
                "number and 0 to 999999; correct them under training"
            )


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear rise over the first 6 % of the steps, then half a cosine down to 1 % of the peak."""
    rise = 0.06 * config.steps
    if step < rise:
        return config.learning_rate * (step + 1) / (rise + 1)
    share = (step - rise) / (config.steps - rise)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


@dataclass(frozen=True)
class Examples:
    """What a network learns from.

    Parameters
    ----------
    slices : SliceConfig
        Synthetic slices, drawn on the fly.
    volumes : tuple of LabelledVolume
        Phantoms, or tomograms with labels.
    volume_share : float
        Share of the examples that are crops of the volumes, where there are any.
    looks : Looks
        How far these crops are changed.
    appearance : Appearance, optional
        Of a tomogram that synthetic slices shall look like.
    matched_share : float
        Share of the synthetic slices that do, where there is an appearance.
    """

    slices: SliceConfig
    volumes: tuple[LabelledVolume, ...] = ()
    volume_share: float = 0.6
    looks: Looks = field(default_factory=Looks)
    appearance: Appearance | None = None
    matched_share: float = 0.7


class MixedDataset(Dataset[ImageAndLabels]):
    """Example number i of a seed: equal seeds and numbers give equal examples, in any process."""

    def __init__(self, examples: Examples, seed: int, span: range) -> None:
        self.examples, self.seed, self.span = examples, seed, span

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.span)

    def __getitem__(self, index: int) -> ImageAndLabels:
        """Return the normalised image (C, H, W) and its labels (H, W)."""
        rng = np.random.default_rng([self.seed, self.span[index]])
        slices, volumes = self.examples.slices, self.examples.volumes
        if volumes and rng.random() < self.examples.volume_share:
            volume = volumes[int(rng.integers(len(volumes)))]
            image, labels = draw_crop(volume, slices.size_px, slices.context, rng)
            image = another_look(image, self.examples.looks, rng)
        else:
            like = self.examples.appearance
            matched = like is not None and rng.random() < self.examples.matched_share
            drawn = make_slice(slices, rng, like if matched else None)
            image, labels = normalise(drawn.image), drawn.labels
        image = image * np.float32(rng.uniform(0.8, 1.25))
        return torch.from_numpy(image), torch.from_numpy(labels.astype(np.int64))


def segmentation_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus one minus the soft Dice of protein and membrane over the batch.

    Parameters
    ----------
    logits : (B, 3, H, W) float
    labels : (B, H, W) int64
        255 counts nowhere.
    """
    known = labels != IGNORE
    entropy = F.cross_entropy(logits, labels, ignore_index=IGNORE)
    probability = logits.softmax(1) * known[:, None]
    truth = F.one_hot(labels.where(known, torch.zeros_like(labels)), logits.shape[1])
    truth = truth.permute(0, 3, 1, 2) * known[:, None]
    overlap = (probability * truth).sum((0, 2, 3))
    total = probability.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    dice = (2 * overlap + 10.0) / (total + 10.0)
    return entropy + 1.0 - 0.25 * dice[1] - 0.75 * dice[2]


def _batches(
    loader: Batches,
) -> Iterator[ImageAndLabels]:
    for image, labels in loader:
        yield image.contiguous(memory_format=torch.channels_last), labels


def train(
    folder: Path,
    unet: UNetConfig,
    examples: Examples,
    config: TrainConfig,
    start: Path | None = None,
    report: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Train a slice U-Net and write its weights.

    Parameters
    ----------
    folder : Path
        Gets `checkpoint.pt` (resumed from when present), `curve.csv`, and at every checkpoint
        `slice_unet.safetensors` with its `.json`: the running average of the weights (with
        `patience`, at every checkpoint that is the best so far).
    unet, examples, config
        Architecture, data and schedule.
    start : Path, optional
        Weight file that this training starts from.
    report : callable, optional
        Told the number of steps done.

    Returns
    -------
    dict
        Scores of the weights that were kept on the held-out slices: Dice per class, accuracy,
        precision, recall.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    state = _fresh_state(unet, config)
    network, average, optimiser = state.values()
    done, standing = _resume(folder / "checkpoint.pt", state, start)
    steps = done if is_over(standing, config.patience) else config.steps
    data = MixedDataset(examples, config.seed, range(done * config.batch, steps * config.batch))
    kept_out = range(config.validation_slices)
    held_out = MixedDataset(replace(examples, volumes=()), VALIDATION_SEED, kept_out)
    losses: list[float] = []
    started = time.monotonic()
    for image, labels in _batches(_loader(data, config)):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(done, config)
        losses.append(_step(network, optimiser, image.to(config.device), labels.to(config.device)))
        average.update_parameters(network)
        done += 1
        if done % config.checkpoint_every == 0 or done == config.steps:
            scores = membrane_scores(average.module.to("cpu"), _loader(held_out, config))
            average.module.to(config.device)
            standing = after_checkpoint(standing, scores, config.patience)
            if standing.waited == 0:
                save_weights(folder / "slice_unet.safetensors", average.module, unet)
            _save_checkpoint(folder, state, done, standing)
            row = {"step": done, "loss": float(np.mean(losses)), **scores}
            append_row(folder / "curve.csv", row)
            log.info("%s, %.2f s per step", row, (time.monotonic() - started) / len(losses))
            losses, started = [], time.monotonic()
        if report is not None:
            report(done)
        if is_over(standing, config.patience):
            log.info("stopped after %d steps: no better for %d checkpoints", done, standing.waited)
            break
    return standing.scores


def _fresh_state(unet: UNetConfig, config: TrainConfig) -> dict[str, Any]:
    """All that a checkpoint holds of the network: its weights, their average, the optimiser."""
    network = build_unet(unet).to(config.device).to(memory_format=torch.channels_last)
    average = running_average(network, config.average_decay)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    return {"network": network, "average": average, "optimiser": optimiser}


def running_average(network: torch.nn.Module, decay: float) -> torch.optim.swa_utils.AveragedModel:
    """Exponential average of the weights and statistics, updated at every step."""
    mean = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=mean, use_buffers=True)


def _loader(data: MixedDataset, config: TrainConfig) -> Batches:
    return DataLoader(
        data,
        batch_size=config.batch,
        num_workers=config.workers,
        prefetch_factor=6 if config.workers else None,
    )


def _step(
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    image: torch.Tensor,
    labels: torch.Tensor,
) -> float:
    network.train()
    with torch.autocast(image.device.type, torch.bfloat16):
        logits = network(image)
    loss = segmentation_loss(logits.float(), labels)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _resume(path: Path, state: dict[str, Any], start: Path | None) -> tuple[int, Standing]:
    """Load everything from the checkpoint at `path`, or just the weights from `start`."""
    if path.is_file():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in state.items():
            part.load_state_dict(saved[name])
        log.info("resumed from %s at step %d", path, saved["done"])
        return int(saved["done"]), Standing(saved.get("scores", {}), saved.get("waited", 0))
    if start is not None:
        weights = load_weights(start)[0].state_dict()
        state["network"].load_state_dict(weights)
        state["average"].module.load_state_dict(weights)
    return 0, Standing()


def _save_checkpoint(folder: Path, state: dict[str, Any], done: int, standing: Standing) -> None:
    saved = {name: part.state_dict() for name, part in state.items()}
    partial = folder / "checkpoint.pt.partial"
    torch.save({**saved, "done": done, **asdict(standing)}, partial)
    partial.replace(folder / "checkpoint.pt")


def append_row(path: Path, row: dict[str, float]) -> None:
    """Add a row to a learning curve (CSV); the first one brings the header."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row.keys())
        if new:
            writer.writeheader()
        writer.writerow(row)
