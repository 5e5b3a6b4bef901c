"""Train CryoVesNet's small 3-D U-Net on phantoms, to score its probability beside ours.

    python scripts/train_vesicle_unet.py FOLDER [--minutes 20]

makes twelve simulated synapses in FOLDER (seeds 61 to 72, dose and tilt range drawn from the seed,
two of them without vesicles) and trains on them, writing FOLDER/unet3d.pt as it goes; started
again, it goes on. Minutes are those of one processor.

As in the paper (doi:10.1083/jcb.202402169): two down-samplings, two convolutions a level, patches
of 32 voxels whose inner 24 count, Adam on the binary cross-entropy, tiles of 64 voxels of which the
inner part is kept. Chosen here: the volume is binned to voxels of 24 Å, so that a patch holds a
vesicle (18 voxels) and what surrounds it; width, batch, learning rate, and mirrored patches.
It is no part of the package: `membraneseg vesicles` turns the membrane probability of the slice
network into a vesicle probability instead, and `benchmark_vesicles.py --unet` compares the two.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import zoom
from synapse_phantoms import drawn_recipe, phantom
from torch import nn
from torch.nn import functional as F

from membraneseg.evaluate.vesicle_truth import read_vesicle_truth
from membraneseg.io.mrc import read_tomogram
from membraneseg.vesicles.evidence import binned

SEEDS = range(61, 73)
BINNING = 2
PATCH, TILE, MARGIN, BATCH, CHANNELS = 32, 64, 4, 8, 8
LEARNING_RATE = 3e-3
LAYOUT = torch.channels_last_3d
"""A third faster than the usual one on a processor."""
LEAST_INSIDE = 500
WITH_VESICLES = 0.75
SAVED_EVERY = 50


def twice(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions of one level."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1),
        nn.GroupNorm(4, outputs),
        nn.ReLU(),
        nn.Conv3d(outputs, outputs, 3, padding=1),
        nn.GroupNorm(4, outputs),
        nn.ReLU(),
    )


class SmallUNet(nn.Module):
    """(B, 1, D, H, W) densities to (B, 1, D, H, W) logits; edges are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        n = CHANNELS
        self.down = nn.ModuleList([twice(1, n), twice(n, 2 * n), twice(2 * n, 4 * n)])
        self.up = nn.ModuleList([twice(6 * n, 2 * n), twice(3 * n, n)])
        self.last = nn.Conv3d(n, 1, 1)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """Down, and up again with what was seen on the way."""
        fine = self.down[0](volume)
        middle = self.down[1](F.max_pool3d(fine, 2))
        coarse = self.down[2](F.max_pool3d(middle, 2))
        middle = self.up[0](torch.cat([F.interpolate(coarse, scale_factor=2.0), middle], 1))
        fine = self.up[1](torch.cat([F.interpolate(middle, scale_factor=2.0), fine], 1))
        return self.last(fine)


def densities(folder: Path) -> np.ndarray:
    """Binned voxels of a phantom, mean 0 and standard deviation 1."""
    voxels = binned(read_tomogram(folder / "tomogram.mrc")[0].voxels, BINNING)
    return (voxels - voxels.mean()) / voxels.std()


def examples(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Densities, and the share of each voxel that lies in a vesicle, whole or cut."""
    truth = read_vesicle_truth(folder)
    inside = ((truth.labels > 0) | truth.neutral).astype(np.float32)
    return densities(folder), binned(inside, BINNING)


def train(folder: Path, minutes: float) -> None:
    """Train for so many minutes of processor time, those of earlier calls included."""
    path = folder / "unet3d.pt"
    network, rng = SmallUNet().to(memory_format=LAYOUT), np.random.default_rng(1)
    optimiser = torch.optim.Adam(network.parameters())
    before, step = 0.0, 0
    if path.exists():
        saved = torch.load(path)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        before, step = saved["minutes"], saved["step"]
        rng = np.random.default_rng([1, step])
    volumes = [examples(phantom(folder, drawn_recipe(seed))) for seed in SEEDS]
    started, losses = time.process_time(), []
    while (spent := before + (time.process_time() - started) / 60.0) < minutes:
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * max(0.02, math.cos(0.5 * math.pi * spent / minutes))
        losses.append(one_step(network, optimiser, volumes, rng))
        step += 1
        if step % SAVED_EVERY == 0:
            print(f"{spent:.1f} min, step {step}: loss {np.mean(losses):.4f}", flush=True)
            losses.clear()
            save(path, network, optimiser, (spent, step))
    save(path, network, optimiser, (minutes, step))


def one_step(
    network: SmallUNet,
    optimiser: torch.optim.Optimizer,
    volumes: list[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> float:
    """Take one step on a batch of patches; return the loss on their inner part."""
    pairs = [drawn(*volumes[rng.integers(len(volumes))], rng) for _ in range(BATCH)]
    images, targets = (torch.from_numpy(np.stack(p))[:, None] for p in zip(*pairs, strict=True))
    inner = (..., *[slice(MARGIN, -MARGIN)] * 3)
    logits = network(images.contiguous(memory_format=LAYOUT))
    loss = F.binary_cross_entropy_with_logits(logits[inner], targets[inner])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.item())


def save(
    path: Path, network: SmallUNet, optimiser: torch.optim.Optimizer, spent: tuple[float, int]
) -> None:
    """Write weights and what going on needs, whole or not at all."""
    partial = path.with_suffix(".partial")
    saved = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(saved | {"minutes": spent[0], "step": spent[1]}, partial)
    partial.replace(path)


def drawn(
    voxels: np.ndarray, inside: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patch, three in four of them with vesicles if there are any, mirrored at random."""
    wanted = rng.random() < WITH_VESICLES and inside.any()
    while True:
        corner = [int(rng.integers(n - PATCH + 1)) for n in voxels.shape]
        box = tuple(slice(c, c + PATCH) for c in corner)
        if not wanted or inside[box].sum() > LEAST_INSIDE:
            break
    axes = tuple(int(axis) for axis in np.flatnonzero(rng.random(3) < 0.5))
    return np.flip(voxels[box], axes).copy(), np.flip(inside[box], axes).copy()


def predict(weights: Path, folder: Path) -> np.ndarray:
    """Probability of vesicle of a phantom, in tiles whose outer voxels are thrown away."""
    network = SmallUNet()
    network.load_state_dict(torch.load(weights)["network"])
    shape = read_tomogram(folder / "tomogram.mrc")[0].voxels.shape
    voxels = densities(folder)
    kept = TILE - 2 * MARGIN
    room = [(MARGIN, MARGIN + (-n) % kept) for n in voxels.shape]
    padded = np.pad(voxels, room, mode="reflect")
    result = np.zeros([n + (-n) % kept for n in voxels.shape], dtype=np.float32)
    with torch.inference_mode():
        for index in np.ndindex(*[n // kept for n in result.shape]):
            at = [kept * k for k in index]
            tile = padded[tuple(slice(a, a + TILE) for a in at)]
            likely = torch.sigmoid(network(torch.from_numpy(tile)[None, None]))[0, 0].numpy()
            core = likely[(slice(MARGIN, -MARGIN),) * 3]
            result[tuple(slice(a, a + kept) for a in at)] = core
    fine = zoom(result, BINNING, order=1, mode="nearest", grid_mode=True)
    z, y, x = shape
    return fine[:z, :y, :x]


def main() -> None:
    """Make the phantoms and train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0, help="of processor time")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    train(options.folder, options.minutes)


if __name__ == "__main__":
    main()
