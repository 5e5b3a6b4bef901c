"""Simulated synapses for the benchmarks of vesicles; no command of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from membraneseg.progress import SilentReporter
from membraneseg.scene_file import load_scene
from membraneseg.simulate import SimulateRequest, simulate_to_folder

EMPTY = {"vesicle_count_min": 0, "vesicle_count_max": 0, "endosome_count": 0}
CROWDED = {"vesicle_count_min": 200, "vesicle_count_max": 300}


@dataclass(frozen=True)
class Recipe:
    """One synapse: seed, dose in electrons per Å², half the tilt range, and what else differs.

    `synapse` are settings of that name; `shape_zyx` is that of the preset if missing.
    """

    seed: int
    dose: float
    tilt_deg: float
    synapse: dict[str, int] | None = None
    shape_zyx: tuple[int, int, int] | None = None


def phantom(folder: Path, recipe: Recipe) -> Path:
    """Simulate a synapse in FOLDER/phantom_SEED, unless it is there."""
    place = folder / f"phantom_{recipe.seed}"
    if place.exists():
        return place
    options: dict[str, object] = {
        "seed": recipe.seed,
        "tilts": {"min_deg": -recipe.tilt_deg, "max_deg": recipe.tilt_deg},
        "microscope": {"dose_e_per_A2": recipe.dose},
    }
    if recipe.synapse is not None:
        options["synapse"] = recipe.synapse
    if recipe.shape_zyx is not None:
        options["shape_zyx"] = list(recipe.shape_zyx)
    simulate_to_folder(SimulateRequest(place), load_scene("synapse", (), options), SilentReporter())
    return place
