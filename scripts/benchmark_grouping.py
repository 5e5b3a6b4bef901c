"""How well does each way of grouping tell membranes apart? Phantoms of several presets.

    python scripts/benchmark_grouping.py FOLDER [--seeds 1,2] [--json FILE] [--figure FILE]
    python scripts/benchmark_grouping.py FOLDER --speed

FOLDER keeps the phantoms and the network's probability, which are made on the first call. Every
method starts from the probability of the shipped network, and again from a perfect mask of what
the missing wedge leaves visible. Scores as in `membraneseg.evaluate.grouping`.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from membraneseg.coords import angstrom_to_index
from membraneseg.evaluate.grouping import GroupScores, score_groups
from membraneseg.group.config import VolumeGeometry
from membraneseg.group.fragments import FragmentConfig, trace_fragments
from membraneseg.group.merging import GroupConfig, group_membranes
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.progress import BarReporter
from membraneseg.scene_file import load_scene
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.simulate import SimulateRequest, simulate_to_folder
from membraneseg.training_data import visible_labels
from membraneseg.types import Bool, Float32, Float64, Int64
from synth2d.slices import MEMBRANE

PRESETS = ("liposomes", "nested", "synapse", "mitochondrion", "cell", "tubes")
INPUTS = ("network", "perfect mask")
Grouped = tuple[Float64, Int64]
Method = Callable[[Float32, VolumeGeometry], Grouped]


@dataclass(frozen=True)
class Phantom:
    """A phantom, and what the methods are given of it."""

    preset: str
    seed: int
    instances: npt.NDArray[np.integer]
    visible: Bool
    probability: dict[str, Float32]
    geometry: VolumeGeometry


@dataclass(frozen=True)
class Outcome:
    """Scores of one method on one phantom."""

    preset: str
    seed: int
    source: str
    method: str
    scores: GroupScores
    seconds: float


def connected_components(probability: Float32, geometry: VolumeGeometry) -> Grouped:
    """Components of the thresholded probability of at least 400 voxels, corners touching."""
    labels, _ = ndimage.label(probability > 0.5, np.ones((3, 3, 3)))
    large = np.bincount(labels.ravel()) >= 400
    large[0] = False
    voxels = np.argwhere(large[labels])
    return voxels.astype(np.float64), labels[tuple(voxels.T)].astype(np.int64)


def curves_grouped(probability: Float32, geometry: VolumeGeometry) -> Grouped:
    """Curves of each slice, merged as pieces."""
    fragments = trace_fragments(probability, FragmentConfig())
    groups = group_membranes(fragments, probability, geometry, GroupConfig())
    if not groups:
        return np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
    points_A = np.concatenate([g.points_zyx_A for g in groups])
    labels = np.concatenate([np.full(len(g.points_zyx_A), g.label) for g in groups])
    return angstrom_to_index(points_A, geometry.voxel_size_A, geometry.origin_zyx_A), labels


METHODS: dict[str, Method] = {
    "connected components": connected_components,
    "merge": curves_grouped,
}


def read_phantom(folder: Path, preset: str, seed: int) -> Phantom:
    """Simulate and segment what is missing, and read it."""
    place = folder / f"{preset}_{seed}"
    scene = load_scene(preset, options={"seed": seed})
    request = SimulateRequest(place, resume=True)
    simulate_to_folder(request, scene, BarReporter(Console(stderr=True)))
    tomogram, _ = read_tomogram(place / "tomogram.mrc")
    kept = folder / f"{preset}_{seed}_{DEFAULT_WEIGHTS.stem}.npy"
    if not kept.exists():
        network, unet = load_weights(DEFAULT_WEIGHTS)
        found = predict(tomogram, network, unet, SegmentConfig())
        np.save(kept, found.membrane.astype(np.float16))
    instances = np.asarray(read_tomogram(place / "truth_instances.mrc")[0].voxels)
    visible = visible_labels(place) == MEMBRANE
    tilt_deg = float(read_truth(place)["tilt_range_deg"])
    geometry = VolumeGeometry(tomogram.voxel_size_A, tomogram.origin_zyx_A, tilt_deg)
    given = (np.load(kept).astype(np.float32), visible.astype(np.float32))
    probability = dict(zip(INPUTS, given, strict=True))
    return Phantom(preset, seed, instances, visible, probability, geometry)


def outcomes(phantom: Phantom, sources: list[str], methods: list[str]) -> Iterator[Outcome]:
    """Run and score the methods on a phantom."""
    for source in sources:
        for name in methods:
            started = time.monotonic()
            points, labels = METHODS[name](phantom.probability[source], phantom.geometry)
            seconds = time.monotonic() - started
            scores = score_groups(points, labels, phantom.instances, phantom.visible)
            yield Outcome(phantom.preset, phantom.seed, source, name, scores, seconds)


def to_table(rows: list[Outcome]) -> Table:
    """Draw up one line per preset, seed, input and method."""
    heads = ("true", "found", "groups", "false", "Rand", "split", "merge", "covered", "seconds")
    table = Table("preset", "seed", "input", "method", *heads)
    for row in rows:
        s = row.scores
        counts = (f"{n}" for n in (s.true, s.found, s.groups, s.false))
        shares = (s.adjusted_rand_index, s.split_bits, s.merge_bits, s.covered)
        numbers = (f"{value:.3f}" for value in shares)
        told = (row.preset, f"{row.seed}", row.source, row.method)
        table.add_row(*told, *counts, *numbers, f"{row.seconds:.1f}")
    return table


def main() -> None:
    """Score, print a table, and write numbers and figure if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="1,2", help="of the phantoms")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--inputs", default=",".join(INPUTS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args()
    rows: list[Outcome] = []
    for seed in map(int, options.seeds.split(",")):
        for preset in options.presets.split(","):
            phantom = read_phantom(options.folder, preset, seed)
            rows += outcomes(phantom, options.inputs.split(","), options.methods.split(","))
    Console(width=140).print(to_table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
