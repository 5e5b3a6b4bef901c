"""What prediction costs: memory, ways to run the network, tiles, and the peer's 3-D U-Net.

    python scripts/benchmark_prediction.py [--parts memory backends tiles peer]

Every measurement runs in a process of its own. "processor" seconds are summed over the threads;
they are the ones to compare when the machine is busy. Backends and the peer that are not
installed (onnx with onnxruntime, openvino, monai) are left out; none of them is needed otherwise.
`--phantom` is a folder of `membraneseg simulate`, on which membranes are scored.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import peer_unet
import torch
from prediction_backends import BACKENDS, build
from prediction_costs import Memory, Seconds, apart, best_seconds
from rich.console import Console
from rich.table import Table

from membraneseg.io.mrc import create_volume, new_header, read_tomogram
from membraneseg.io.stages import save_slices
from membraneseg.segment.labelled import UInt8
from membraneseg.segment.mirrors import class_probabilities
from membraneseg.segment.predict import SegmentConfig, predict, predicted_slices
from membraneseg.segment.tiles import in_tiles
from membraneseg.segment.unet import load_weights
from membraneseg.stage_values import segmentation_to_slices
from membraneseg.training_data import visible_labels
from membraneseg.types import Tomogram
from synth2d.slices import IGNORE, MEMBRANE

SLICE_PX = 512
REPEATS = 3
EDGE_PX = 1000
PEER = ((False, "peer, float32 (as it is)"), (True, "peer, bfloat16"))
PEER_VOLUME = (300, 1000, 1000)
MEMORY_CASES = (
    # slices, edge, stored as, voxel size in Å, network
    (8, 1000, "float32", 13.5, "shipped"),
    (60, 500, "float32", 5.0, "stand-in"),
    (300, 1000, "float32", 13.5, "shipped"),
)
TILES = (  # tile, halo, batch, mirrored
    (256, 32, 1, False),
    (448, 32, 1, False),
    (448, 32, 2, False),
    (448, 32, 4, False),
    (576, 32, 1, False),
    (576, 16, 1, False),
    (1088, 32, 1, False),
    (1088, 16, 1, False),
)
HALOS = ((512, 0), (512, 16), (512, 32), (128, 0), (128, 16), (128, 32))
console = Console(width=150)
Truth = tuple[Tomogram, UInt8]


def add(table: Table, *values: str) -> None:
    """Add a row, and show it at once: the next one may take minutes."""
    table.add_row(*values)
    console.print("  ".join(values), style="dim")


class StandIn(torch.nn.Module):
    """Three classes by one convolution: a network whose cost does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 3, H, W)."""
        return self.layer(images)


def write_noise(path: Path, shape: tuple[int, int, int], dtype: str, voxel_size_A: float) -> None:
    """Make a tomogram of noise, slice by slice."""
    rng = np.random.default_rng(1)
    header = new_header(shape, voxel_size_A, np.zeros(3))
    with create_volume(path, shape, dtype, header, "noise") as target:
        for z in range(shape[0]):
            target[z] = rng.normal(0.0, 20.0, shape[1:]).clip(-127, 127)


def predict_to_disk(path: Path, network_name: str, config: SegmentConfig) -> Seconds:
    """Predict a tomogram from its memory map to stage files, as `membraneseg run` does."""
    tomogram, _ = read_tomogram(path)
    network, unet = load_weights()
    network = StandIn() if network_name == "stand-in" else network
    begun = time.perf_counter(), time.process_time()
    planes = predicted_slices(tomogram, network, unet, config)
    stream = segmentation_to_slices(tomogram.voxels.shape, planes)
    save_slices(path.parent / "segment.npz", stream, "key")
    return Seconds(time.perf_counter() - begun[0], time.process_time() - begun[1])


def memory_table(options: argparse.Namespace) -> None:
    """Peak memory of prediction from disk to disk."""
    columns = ("tomogram", "stored", "voxel Å", "network", "as float32 MB")
    table = Table(*columns, "private MB", "resident MB", "s/slice", "processor s/slice")
    for slices, edge, dtype, voxel_size_A, network in MEMORY_CASES:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            path = Path(folder) / "noise.mrc"
            shape = (slices, edge, edge)
            write_noise(path, shape, dtype, voxel_size_A)
            config = SegmentConfig(flips=False)
            took, memory = apart(predict_to_disk, options.threads, path, network, config)
            add(
                table,
                f"{edge}×{edge}×{slices}",
                dtype,
                f"{voxel_size_A:g}",
                network,
                f"{4e-6 * slices * edge * edge:.0f}",
                f"{memory.private:.0f}",
                f"{memory.resident:.0f}",
                f"{took.clock / slices:.2f}",
                f"{took.processor / slices:.2f}",
            )
    table.title = f"memory, {options.threads} threads"
    console.print(table)


def phantom_part(folder: Path, slices: int) -> Truth:
    """Middle slices of a phantom, and their visible labels."""
    tomogram, _ = read_tomogram(folder / "tomogram.mrc")
    first = max((len(tomogram.voxels) - slices) // 2, 0)
    chosen = slice(first, first + slices)
    voxels = np.array(tomogram.voxels[chosen])
    return replace(tomogram, voxels=voxels), visible_labels(folder)[chosen]


def membrane_dice(truth: Truth | None, network: torch.nn.Module, config: SegmentConfig) -> float:
    """Voxel Dice of visible membrane."""
    if truth is None:
        return float("nan")
    tomogram, labels = truth
    called = predict(tomogram, network, load_weights()[1], config).membrane > 0.5
    called &= labels != IGNORE
    true = labels == MEMBRANE
    return float(2 * (called & true).sum() / (called.sum() + true.sum()))


def run_backend(name: str, repeats: int, truth: Truth | None) -> tuple[Seconds, float] | str:
    """Cost of one 512² slice, and Dice on the phantom; or what is missing."""
    network, _ = load_weights()
    try:
        built = build(name, network, torch.get_num_threads())
    except ImportError as error:
        return str(error)
    image = np.random.default_rng(1).normal(size=(1, 3, SLICE_PX, SLICE_PX)).astype(np.float32)
    class_probabilities(built, image, "cpu", False)  # a trial run: some compile now
    took = best_seconds(lambda: class_probabilities(built, image, "cpu", False), repeats)
    return took, membrane_dice(truth, built, SegmentConfig(flips=False))


def backends_table(options: argparse.Namespace) -> None:
    """Every way to run the network."""
    table = Table("backend", "ms per 512²", "processor ms", "times faster", "private MB", "Dice")
    truth = phantom_part(options.phantom, options.slices) if options.phantom else None
    first: Seconds | None = None
    for name in options.backends:
        found, memory = apart(run_backend, options.threads, name, options.repeats, truth)
        if isinstance(found, str):
            console.print(f"{name}: left out, it needs {found}")
            continue
        took, dice = found
        first = first or took
        add(
            table,
            name,
            f"{1000 * took.clock:.0f}",
            f"{1000 * took.processor:.0f}",
            f"{first.processor / took.processor:.2f}",
            f"{memory.private:.0f}",
            f"{dice:.4f}",
        )
    table.title = f"backends, {options.threads} threads, phantom {options.phantom}"
    console.print(table)


def run_tiles(tile: tuple[int, int, int, bool], repeats: int) -> Seconds:
    """Cost of one 1000² slice in some tiling."""
    tile_px, halo_px, batch, mirrored = tile
    network, unet = load_weights()
    network = network.to(memory_format=torch.channels_last)
    stack = (
        np.random.default_rng(1).normal(size=(unet.context, EDGE_PX, EDGE_PX)).astype(np.float32)
    )

    def forward(images: Any) -> Any:
        return class_probabilities(network, images, "cpu", mirrored)

    in_tiles(forward, stack[:, :256, :256], tile_px, halo_px, batch)  # a trial run
    return best_seconds(lambda: in_tiles(forward, stack, tile_px, halo_px, batch), repeats)


def tiles_table(options: argparse.Namespace) -> None:
    """Tile size, rim, batch and mirrors: cost on a 1000² slice, and Dice on the phantom."""
    table = Table("tile", "halo", "batch", "mirrored", "s/slice", "processor s", "private MB")
    for tile in TILES:
        took, memory = apart(run_tiles, options.threads, tile, 1)
        values = (f"{took.clock:.2f}", f"{took.processor:.2f}", f"{memory.private:.0f}")
        add(table, *map(str, tile), *values)
    table.title = f"tiles of a 1000×1000 slice, {options.threads} threads"
    console.print(table)
    if options.phantom is None:
        return
    truth = phantom_part(options.phantom, options.slices)
    scores = Table("tile", "halo", "mirrored", "Dice", title=f"phantom {options.phantom}")
    network, _ = load_weights()
    for tile_px, halo_px, mirrored in (*((*halo, False) for halo in HALOS), (512, 32, True)):
        config = SegmentConfig(tile_px=tile_px, halo_px=halo_px, flips=mirrored)
        dice, _ = apart(membrane_dice, options.threads, truth, network, config)
        add(scores, str(tile_px), str(halo_px), str(mirrored), f"{dice:.4f}")
    console.print(scores)


def peer_table(options: argparse.Namespace) -> None:
    """Voxels per second of the peer and of us."""
    if find_spec("monai") is None:
        console.print("peer: left out, it needs monai")
        return
    columns = ("network", "µs/voxel", "processor µs/voxel", "private MB")
    table = Table(*columns, "times ours, 1 view", "times ours, 4 views")
    ours: list[float] = []
    default = SegmentConfig()

    def row(title: str, took: Seconds, times: float, memory: Memory) -> None:
        spent = [f"{1e6 * times * one:.2f}" for one in (took.clock, took.processor)]
        ratios = [f"{1e6 * times * took.processor / own:.1f}" for own in ours]
        add(table, title, *spent, f"{memory.private:.0f}", *ratios)

    for mirrored, title in ((False, "ours, 1 view"), (True, "ours, 4 views")):
        tile = (default.tile_px, default.halo_px, default.batch, mirrored)
        took, memory = apart(run_tiles, options.threads, tile, 1)
        row(title, took, 1 / EDGE_PX**2, memory)
        ours.append(1e6 * took.processor / EDGE_PX**2)
    windows = peer_unet.windows_in(PEER_VOLUME)
    share = windows / float(np.prod(PEER_VOLUME))
    for bfloat16, name in PEER:
        took, memory = apart(peer_unet.window_seconds, options.threads, 1, bfloat16)
        for views in (1, peer_unet.MIRRORS):
            row(f"{name}, {views} views", took, views * share, memory)
    table.title = f"{windows} windows of {peer_unet.WINDOW_PX}³ over {PEER_VOLUME}; "
    table.title += f"{options.threads} threads"
    console.print(table)


PARTS = {
    "memory": memory_table,
    "backends": backends_table,
    "tiles": tiles_table,
    "peer": peer_table,
}


def main() -> None:
    """Measure the parts asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--phantom", type=Path, help="folder of membraneseg simulate")
    parser.add_argument("--slices", type=int, default=32, help="of the phantom, from its middle")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--scratch", type=Path, help="folder for large files, some GB")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    console.print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for part in options.parts:
        PARTS[part](options)


if __name__ == "__main__":
    main()
