"""How a result was made: what run.json says of it."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from membraneseg import __version__
from membraneseg.config import RunConfig
from membraneseg.coords import zyx_to_xyz
from membraneseg.ledger import StageRecord
from membraneseg.segment.unet import file_sha256
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface_stages import Surfaces

REPORTED_PACKAGES = ("torch", "segmentation-models-pytorch", "numpy", "scipy", "scikit-image")


@dataclass(frozen=True)
class RunFacts:
    """How it was found; without weights, no network took part, without density no refinement."""

    command: str
    tomogram: Path
    weights: Path | None
    stages: tuple[StageRecord, ...]
    has_density: bool = True


def versions(weights: Path | None) -> dict[str, str]:
    """What the result depends on besides input and settings."""
    found = {"membraneseg": __version__, "python": platform.python_version()}
    found |= {name: metadata.version(name) for name in REPORTED_PACKAGES}
    if weights is None:
        return found
    return found | {f"weights {weights.name}": "sha256 " + file_sha256(weights)}


def run_json(
    surfaces: Surfaces,
    frame: VolumeFrame,
    config: RunConfig,
    facts: RunFacts,
    warnings: tuple[str, ...],
) -> str:
    """versions, hashes, seconds and memory per stage, counts and warnings."""
    content = {
        "command": facts.command,
        "tomogram": str(facts.tomogram.resolve()),
        "density": facts.has_density,
        "voxel_size_A": frame.voxel_size_A,
        "origin_xyz_A": [float(v) for v in zyx_to_xyz(frame.origin_zyx_A)],
        "tilt_range_deg": config.tilt_range_deg,
        "versions": versions(facts.weights),
        "seeds": {} if config.group.method == "merge" else {"walker": "the index of each slice"},
        "membranes": len(surfaces.meshes.meshes),
        "crossing_pairs": {
            "before_repair": surfaces.meshes.crossings_before,
            "after_repair": surfaces.meshes.crossings_after,
        },
        "stages": [asdict(record) for record in facts.stages],
        "warnings": list(warnings),
    }
    return json.dumps(content, indent=2) + "\n"
