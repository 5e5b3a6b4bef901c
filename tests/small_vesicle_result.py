"""A finished result of `membraneseg vesicles` with four drawn vesicles, made without a search."""

import json
from pathlib import Path

import numpy as np
from drawn_vesicles import VOXEL_A, bilayers

from membraneseg.io.mrc import new_header, read_tomogram, write_volume
from membraneseg.settings import to_toml
from membraneseg.types import Tomogram
from membraneseg.vesicle_command import CONFIG, FACTS
from membraneseg.vesicle_config import VesicleRunConfig
from membraneseg.vesicle_files import Setting, write_vesicles
from membraneseg.vesicles.spheres import Vesicle

SHAPE = (64, 90, 110)
ORIGIN_ZYX_A = np.array([50.0, -300.0, 777.0])
TILT_DEG = 55.0
THICKNESS_A = 40.0
DRAWN = [
    ((30.0, 25.0, 25.0), 180.0),
    ((33.0, 25.0, 66.0), 165.0),
    ((31.0, 62.0, 30.0), 200.0),
    ((29.0, 63.0, 75.0), 190.0),
]
"""Centre in voxels, radius in Å."""


def make_vesicle_result(folder: Path) -> Path:
    """Write tomogram, table, meshes, settings and facts; return the folder of the result."""
    path, result = folder / "tomo.mrc", folder / "out"
    noise = np.random.default_rng(1).normal(0, 0.3, SHAPE)
    voxels = (bilayers(SHAPE, DRAWN, TILT_DEG) + noise).astype(np.float32)
    write_volume(path, voxels, new_header(SHAPE, VOXEL_A, ORIGIN_ZYX_A), "drawn")
    result.mkdir()
    vesicles = [
        Vesicle(
            k,
            np.array(centre) * VOXEL_A + ORIGIN_ZYX_A,
            radius_A,
            outer_radius_A=radius_A + THICKNESS_A / 2,
            thickness_A=THICKNESS_A,
        )
        for k, (centre, radius_A) in enumerate(DRAWN, start=1)
    ]
    tomogram: Tomogram
    tomogram, header = read_tomogram(path)
    write_vesicles(result, vesicles, Setting(path, tomogram, header, TILT_DEG))
    config = VesicleRunConfig(tilt_range_deg=TILT_DEG, contrast="dark")
    (result / CONFIG).write_text(to_toml(config))
    facts = {
        "command": "membraneseg vesicles tomo.mrc",
        "tomogram": str(path),
        "region": None,
        "tilt_range_deg": TILT_DEG,
        "bright": False,
        "vesicles": len(vesicles),
        "dropped": 0,
        "corrections": [],
        "stages": [{"name": "segment", "seconds": 9.0, "peak_memory_MB": 700.0, "resumed": False}],
        "processor_seconds": {"threshold": 0.5, "all": 12.0},
        "peak_memory_MB": 800.0,
        "versions": {"membraneseg": "0"},
        "warnings": ["made for a test"],
    }
    (result / FACTS).write_text(json.dumps(facts))
    return result
