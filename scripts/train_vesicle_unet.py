"""Train CryoVesNet's small 3-D U-Net on phantoms, and score its probability beside ours.

    python scripts/train_vesicle_unet.py train WEIGHTS PHANTOM... [--minutes 15]
    python scripts/train_vesicle_unet.py predict WEIGHTS PHANTOM FILE.npy

Two down-samplings, two convolutions a level, patches of 32 voxels, tiles of 64 of which the inner
part is kept. It is no part of the package: `membraneseg vesicles` turns the membrane probability of
the slice network into a vesicle probability instead, and `benchmark_vesicles.py` compares the two.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from membraneseg.evaluate.vesicle_truth import read_vesicle_truth
from membraneseg.io.mrc import read_tomogram

PATCH, TILE, MARGIN, BATCH, CHANNELS = 32, 64, 4, 8, 8
LEAST_INSIDE = 1000


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


def phantom(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Normalised densities, and 1 in all vesicles."""
    voxels = np.asarray(read_tomogram(folder / "tomogram.mrc")[0].voxels, dtype=np.float32)
    truth = read_vesicle_truth(folder)
    inside = (truth.labels > 0) | truth.neutral
    return (voxels - voxels.mean()) / voxels.std(), inside.astype(np.float32)


def train(path: Path, folders: list[Path], minutes: float) -> None:
    """Train for so many minutes of processor time."""
    rng = np.random.default_rng(1)
    torch.manual_seed(1)
    volumes = [phantom(folder) for folder in folders]
    network = SmallUNet()
    optimiser = torch.optim.Adam(network.parameters())
    started, step = time.process_time(), 0
    while (spent := (time.process_time() - started) / 60.0) < minutes:
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * max(0.02, np.cos(0.5 * np.pi * spent / minutes))
        pairs = [drawn(*volumes[rng.integers(len(volumes))], rng) for _ in range(BATCH)]
        images, targets = (torch.from_numpy(np.stack(p))[:, None] for p in zip(*pairs, strict=True))
        loss = F.binary_cross_entropy_with_logits(network(images), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 50 == 0:
            print(f"{spent:.1f} min, step {step}: loss {loss.item():.3f}", flush=True)
            torch.save(network.state_dict(), path)
    torch.save(network.state_dict(), path)


def drawn(
    voxels: np.ndarray, inside: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patch, three in four of them with vesicles in it, mirrored at random."""
    wanted = rng.random() < 0.75
    while True:
        corner = [int(rng.integers(n - PATCH + 1)) for n in voxels.shape]
        box = tuple(slice(c, c + PATCH) for c in corner)
        if not wanted or inside[box].sum() > LEAST_INSIDE:
            break
    axes = tuple(int(axis) for axis in np.flatnonzero(rng.random(3) < 0.5))
    return np.flip(voxels[box], axes).copy(), np.flip(inside[box], axes).copy()


def predict(path: Path, folder: Path, target: Path) -> None:
    """Predict in tiles whose outer voxels are thrown away."""
    network = SmallUNet()
    network.load_state_dict(torch.load(path))
    voxels, _ = phantom(folder)
    kept = TILE - 2 * MARGIN
    room = [(MARGIN, MARGIN + (-n) % kept) for n in voxels.shape]
    padded = np.pad(voxels, room, mode="reflect")
    result = np.zeros([n + (-n) % kept for n in voxels.shape], dtype=np.float32)
    started = time.process_time()
    with torch.inference_mode():
        for z, y, x in np.ndindex(*[n // kept for n in result.shape]):
            at = [kept * k for k in (z, y, x)]
            tile = padded[tuple(slice(a, a + TILE) for a in at)]
            likely = torch.sigmoid(network(torch.from_numpy(tile)[None, None]))[0, 0].numpy()
            core = likely[(slice(MARGIN, -MARGIN),) * 3]
            result[tuple(slice(a, a + kept) for a in at)] = core
    print(f"{folder}: {time.process_time() - started:.1f} s of processor time")
    z, y, x = voxels.shape
    np.save(target, result[:z, :y, :x].astype(np.float16))


def main() -> None:
    """Train or predict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "predict"))
    parser.add_argument("weights", type=Path)
    parser.add_argument("paths", type=Path, nargs="+", help="phantoms, or a phantom and a file")
    parser.add_argument("--minutes", type=float, default=15.0, help="of processor time")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        train(options.weights, options.paths, options.minutes)
    else:
        predict(options.weights, *options.paths)


if __name__ == "__main__":
    main()
