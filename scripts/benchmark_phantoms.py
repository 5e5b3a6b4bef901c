"""How long a phantom takes, step by step, and how that grows with its size and its particles.

    python scripts/benchmark_phantoms.py

The reference scene is 400 × 400 × 50 voxels of 12 Å in 61 tilts. Each phantom is simulated and
written in a process of its own, so that its peak memory is its own too.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import torch

from membraneseg.phantom.files import write_phantom
from membraneseg.phantom.ranges import Ranges, draw_settings
from membraneseg.phantom.simulate import STEPS, simulate_phantom
from membraneseg.scene_file import SceneSettings, load_scene, recipe_of

WRITING = "writing"
QUICK_FACTOR = 0.2
DEPTH = 50


@dataclass(frozen=True)
class Cost:
    """What one phantom took."""

    title: str
    particles: int
    seconds: dict[str, float]
    peak_memory_GB: float


@dataclass(frozen=True)
class Job:
    """One phantom to make."""

    title: str
    settings: SceneSettings
    device: str
    threads: int


def measure(job: Job) -> Cost:
    """Simulate and write one phantom, timing each step."""
    torch.set_num_threads(job.threads)
    started: dict[str, float] = {}
    ended: dict[str, float] = {}

    def told(step: str, share: float) -> None:
        now = time.monotonic()
        started.setdefault(step, max(ended.values(), default=now))
        ended[step] = now

    told(STEPS[0], 0.0)
    phantom = simulate_phantom(job.settings, job.settings.generator, told, job.device)
    told(WRITING, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(phantom, Path(folder), recipe_of(job.settings))
    told(WRITING, 1.0)
    seconds = {step: ended[step] - started[step] for step in (*STEPS, WRITING)}
    scale = 1024.0**3 if sys.platform == "darwin" else 1024.0**2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    particles = sum(len(group.centres_zyx_A) for group in phantom.scene.particles)
    return Cost(job.title, particles, seconds, peak)


def scene(preset: str, side: int) -> SceneSettings:
    """Settings of a preset in a box of side × side × 50 voxels of 12 Å, in 61 tilts."""
    settings = [f"shape_zyx={DEPTH},{side},{side}", "voxel_size_A=12", "tilts.step_deg=2"]
    return load_scene(preset, settings)


def with_density(settings: SceneSettings, factor: float) -> SceneSettings:
    """Return the scene with so many times its crowd, everything else as it is."""
    nothing = Ranges(**dict.fromkeys(Ranges.__dataclass_fields__, ()))
    only = replace(nothing, density_factor=(factor, factor))
    return draw_settings(settings, only, settings.generator)


def jobs_of(options: argparse.Namespace) -> list[Job]:
    """List the sizes first, then the densities."""
    factor = QUICK_FACTOR if options.quick else 1.0
    sides = [round(factor * side) for side in (200, 400, 600)]
    jobs = [(f"{side} × {side} × {DEPTH}", scene(options.preset, side)) for side in sides]
    reference = jobs[1][1]
    jobs += [(f"crowd × {f:g}", with_density(reference, f)) for f in (0.25, 0.5, 2.0)]
    return [Job(title, settings, options.device, options.threads) for title, settings in jobs]


def measured(jobs: list[Job]) -> Iterable[Cost]:
    """One process after the other."""
    for job in jobs:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield pool.submit(measure, job).result()


def main() -> None:
    """Measure and print one line per phantom."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="cell", help="what stands in the ice")
    parser.add_argument("--threads", type=int, default=2, help="processor cores to use")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--quick", action="store_true", help="boxes a fifth as wide, to try it out")
    options = parser.parse_args()
    names = [*STEPS, WRITING]
    head = f"{'seconds':<18}{'particles':>10}" + "".join(f"{name:>16}" for name in names)
    print(f"preset {options.preset}, {options.threads} cores, {options.device}")
    print(f"{head}{'all':>8}{'peak GB':>9}", flush=True)
    for cost in measured(jobs_of(options)):
        steps = "".join(f"{cost.seconds[name]:>16.1f}" for name in names)
        total = sum(cost.seconds.values())
        line = f"{cost.title:<18}{cost.particles:>10}{steps}{total:>8.1f}"
        print(f"{line}{cost.peak_memory_GB:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
