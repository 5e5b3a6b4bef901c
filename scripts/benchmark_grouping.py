"""How well does each way of grouping tell membranes apart? Phantoms of several presets.

    python scripts/benchmark_grouping.py FOLDER [--seeds 9211] [--json FILE] [--figure FILE]
    python scripts/benchmark_grouping.py --speed

FOLDER keeps the phantoms and the network's probability, which are made on the first call. Every
method starts from the probability of the shipped network, and again from a perfect mask of what
the missing wedge leaves visible. Nearest end, co-circular matching and walker link curves slice by
slice; groups of neighbouring slices that overlap become one membrane. Scores as in
`membraneseg.evaluate.grouping`, against the parts of membranes that hang together inside the
volume; "whole" is the adjusted Rand index against the membranes as they were drawn, of which the
volume may show several parts.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from scipy import ndimage
from slice_methods import nearest_ends

from membraneseg.colours import membrane_colour, unit_rgb
from membraneseg.coords import angstrom_to_index
from membraneseg.evaluate.grouping import GroupScores, score_groups
from membraneseg.evaluate.parts import voxel_parts
from membraneseg.group.config import VolumeGeometry
from membraneseg.group.faint import Volume
from membraneseg.group.following import follow_membranes
from membraneseg.group.fragments import FragmentConfig, trace_fragments
from membraneseg.group.merging import GroupConfig, group_membranes
from membraneseg.group.slice_links import Linker, co_circular, walker
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.progress import BarReporter
from membraneseg.scene_file import load_scene
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.simulate import SimulateRequest, simulate_to_folder
from membraneseg.training_data import visible_labels
from membraneseg.types import Bool, Float32, Float64, Int64
from rl_agent.policy import load_policy
from rl_agent.scene import Scene
from synth2d.slices import MEMBRANE

PRESETS = ("liposomes", "nested", "synapse", "mitochondrion", "cell", "tubes")
INPUTS = ("network", "perfect mask")
Grouped = tuple[Float64, Int64]
Method = Callable[[Float32, Volume, VolumeGeometry], Grouped]


@dataclass(frozen=True)
class Phantom:
    """A phantom, and what the methods are given of it."""

    preset: str
    seed: int
    instances: npt.NDArray[np.integer]
    visible: Bool
    probability: dict[str, Float32]
    density: Volume
    geometry: VolumeGeometry


@dataclass(frozen=True)
class Outcome:
    """Scores of one method on one phantom."""

    preset: str
    seed: int
    source: str
    method: str
    scores: GroupScores
    whole: float
    seconds: float


def connected_components(
    probability: Float32, density: Volume, geometry: VolumeGeometry
) -> Grouped:
    """Components of the thresholded probability of at least 400 voxels, corners touching."""
    del density, geometry
    labels, _ = ndimage.label(probability > 0.5, np.ones((3, 3, 3)))
    large = np.bincount(labels.ravel()) >= 400
    large[0] = False
    voxels = np.argwhere(large[labels])
    return voxels.astype(np.float64), labels[tuple(voxels.T)].astype(np.int64)


def greedy_nearest(scene: Scene, generator: np.random.Generator) -> Int64:
    """Link the two free ends nearest to each other, again and again."""
    del generator
    return nearest_ends([], scene)[0]


def grouped_by(method: str, linker: Linker, *, followed: bool = True) -> Method:
    """One of our own groupings, with what links the curves of a slice; as the pipeline does."""

    def run(probability: Float32, density: Volume, geometry: VolumeGeometry) -> Grouped:
        fragments = [] if method == "merge" else trace_fragments(probability, FragmentConfig())
        config = GroupConfig(method=method)
        groups = group_membranes(fragments, probability, geometry, config, linker=linker)
        if followed:
            groups = follow_membranes(groups, [probability, density], geometry, config)
        if not groups:
            return np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
        points_A = np.concatenate([g.points_zyx_A for g in groups])
        labels = np.concatenate([np.full(len(g.points_zyx_A), g.label) for g in groups])
        return angstrom_to_index(points_A, geometry.voxel_size_A, geometry.origin_zyx_A), labels

    return run


METHODS: dict[str, Method] = {
    "connected components": connected_components,
    "nearest end": grouped_by("rl", greedy_nearest, followed=False),
    "co-circular matching": grouped_by("rl", co_circular, followed=False),
    "walker": grouped_by("rl", walker(load_policy())),
    "walker + merging": grouped_by("both", walker(load_policy())),
    "region merging": grouped_by("merge", co_circular),
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
    return Phantom(preset, seed, instances, visible, probability, tomogram.voxels, geometry)


def outcomes(phantom: Phantom, sources: list[str], methods: list[str]) -> Iterator[Outcome]:
    """Run and score the methods on a phantom."""
    parts = voxel_parts(phantom.instances)
    in_one_part = int(parts.max()) == len(np.unique(phantom.instances[phantom.instances > 0]))
    for source in sources:
        for name in methods:
            started, given = time.process_time(), phantom.probability[source]
            points, labels = METHODS[name](given, phantom.density, phantom.geometry)
            seconds = time.process_time() - started
            scores = score_groups(points, labels, parts, phantom.visible)
            whole = scores.adjusted_rand_index
            if not in_one_part:
                drawn = score_groups(points, labels, phantom.instances, phantom.visible)
                whole = drawn.adjusted_rand_index
            yield Outcome(phantom.preset, phantom.seed, source, name, scores, whole, seconds)


def to_table(rows: list[Outcome]) -> Table:
    """Draw up one line per preset, seed, input and method."""
    heads = ("true", "found", "groups", "false", "Rand", "whole", "split", "merge", "covered")
    table = Table("preset", "seed", "input", "method", *heads, "processor s")
    for row in rows:
        s = row.scores
        counts = (f"{n}" for n in (s.true, s.found, s.groups, s.false))
        rand = (s.adjusted_rand_index, row.whole)
        shares = (*rand, s.split_bits, s.merge_bits, s.covered)
        numbers = (f"{value:.3f}" for value in shares)
        told = (row.preset, f"{row.seed}", row.source, row.method)
        table.add_row(*told, *counts, *numbers, f"{row.seconds:.1f}")
    return table


def draw(rows: list[Outcome], path: Path) -> None:
    """Draw the adjusted Rand index of every method, preset by preset, one panel per input."""
    sources = [source for source in INPUTS if any(row.source == source for row in rows)]
    presets = [preset for preset in PRESETS if any(row.preset == preset for row in rows)]
    methods = [name for name in METHODS if any(row.method == name for row in rows)]
    figure, panels = plt.subplots(1, len(sources), figsize=(11, 3.6), sharey=True, squeeze=False)
    for panel, source in zip(panels[0], sources, strict=True):
        for number, method in enumerate(methods):
            chosen = [row for row in rows if (row.source, row.method) == (source, method)]
            found = [
                [r.scores.adjusted_rand_index for r in chosen if r.preset == p] for p in presets
            ]
            at = np.arange(len(presets)) + 0.8 * (number + 0.5) / len(methods) - 0.4
            means = [float(np.mean(values)) if values else 0.0 for values in found]
            colour = unit_rgb(membrane_colour(number + 1))
            panel.bar(at, means, 0.72 / len(methods), color=colour, label=method)
        panel.set_title(f"from the {source}", fontsize=11)
        panel.set_xticks(range(len(presets)), presets, fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", alpha=0.3)
        panel.set_axisbelow(True)
    panels[0][0].set_ylabel("adjusted Rand index")
    handles = panels[0][0].get_legend_handles_labels()
    figure.legend(*handles, fontsize=9, ncols=len(methods), loc="lower center", frameon=False)
    figure.tight_layout(rect=(0.0, 0.08, 1.0, 1.0))
    figure.savefig(path, dpi=140)


def shells() -> Float32:
    """Two times ten million voxels, a million of them in 144 shells, three voxels thick."""
    volume = np.zeros((200, 320, 320), dtype=np.float32)
    box = np.indices((33, 33, 33)) - 16.0
    shell = (np.abs(np.sqrt((box**2).sum(axis=0)) - 14.0) < 1.5).astype(np.float32)
    for z, y, x in np.ndindex(4, 6, 6):
        corner = (z * 48 + 8, y * 52 + 8, x * 52 + 8)
        volume[tuple(slice(c, c + 33) for c in corner)] = shell
    return volume


def measure_speed() -> None:
    """Print seconds and memory of region merging beside connected components."""
    volume = shells()
    geometry = VolumeGeometry(10.0, np.zeros(3), 60.0)
    rivals: dict[str, Callable[[], object]] = {
        "scipy.ndimage.label": lambda: ndimage.label(volume > 0.5, np.ones((3, 3, 3))),
        "merge": lambda: group_membranes([], volume, geometry, GroupConfig()),
    }
    try:
        import cc3d
    except ImportError:
        print("connected-components-3d is not installed: pip install connected-components-3d")
    else:
        rivals = {"cc3d": lambda: cc3d.connected_components(volume > 0.5), **rivals}
    print(f"{volume.size:.3g} voxels, {int((volume > 0.5).sum()):.3g} of them membrane")
    scale = 2.0**30 if sys.platform == "darwin" else 2.0**20
    for name, run in rivals.items():
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        run()
        after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - started
        worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        peak = after.ru_maxrss / scale
        print(f"{name:<22}{seconds:6.1f} s{worked:6.1f} processor s{peak:6.2f} GB peak, all in")


def main() -> None:
    """Score, print a table, and write numbers and figure if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("grouping_phantoms"))
    parser.add_argument("--seeds", default="9211", help="of the phantoms")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--inputs", default=",".join(INPUTS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--json", type=Path, help="also write the scores here")
    parser.add_argument("--figure", type=Path, help="also draw the adjusted Rand index here")
    parser.add_argument("--speed", action="store_true", help="only time it on a large volume")
    options = parser.parse_args()
    if options.speed:
        measure_speed()
        return
    rows: list[Outcome] = []
    for seed in map(int, options.seeds.split(",")):
        for preset in options.presets.split(","):
            phantom = read_phantom(options.folder, preset, seed)
            rows += outcomes(phantom, options.inputs.split(","), options.methods.split(","))
    Console(width=140).print(to_table(rows))
    if options.figure:
        draw(rows, options.figure)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
