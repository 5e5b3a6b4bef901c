"""A finished result's folder with two spheres, made without a run."""

import json
from pathlib import Path

import mrcfile
import numpy as np
import trimesh

from membraneseg.io.meshes import membrane_name, write_vertices
from membraneseg.io.rows import MembraneRow
from membraneseg.io.tables import write_membranes_csv
from membraneseg.types import Mesh

SHAPE = (30, 50, 70)
VOXEL_A = 12.5
ORIGIN_ZYX_A = np.array([250.0, -500.0, 1000.0])
SPHERES = {1: ((15.0, 20.0, 25.0), 10.0), 4: ((14.0, 30.0, 55.0), 6.0)}
"""Label: centre and radius in voxels."""


def sphere_mesh(label: int) -> Mesh:
    """Mesh in Å; its lower half is inferred."""
    centre, radius = SPHERES[label]
    ball = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    index = np.array(ball.vertices)[:, ::-1] + centre
    seen = index[:, 0] > centre[0]
    sigma = np.where(seen, 2.0, 9.0)
    return Mesh(index * VOXEL_A + ORIGIN_ZYX_A, np.array(ball.faces), sigma, seen)


def _volume(path: Path, voxels: np.ndarray) -> None:
    with mrcfile.new(path) as file:
        file.set_data(voxels)
        file.voxel_size = VOXEL_A
        file.header.origin = tuple(ORIGIN_ZYX_A[::-1])


def make_result(folder: Path) -> Path:
    """Write tomogram, labels, meshes, table and run.json; return the folder of the result."""
    result = folder / "out"
    (result / "meshes").mkdir(parents=True)
    _volume(folder / "tomo.mrc", np.random.default_rng(4).normal(size=SHAPE).astype(np.float32))
    z, y, x = np.indices(SHAPE)
    labels = np.zeros(SHAPE, dtype=np.int16)
    for label, ((cz, cy, cx), radius) in SPHERES.items():
        distance = np.sqrt((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2)
        labels[np.abs(distance - radius) < 1.5] = label
        write_vertices(result / "meshes" / f"{membrane_name(label)}.npz", sphere_mesh(label))
    _volume(result / "instances.mrc", labels)
    write_membranes_csv(result / "membranes.csv", [MembraneRow(k, True) for k in SPHERES])
    facts = {
        "command": "membraneseg run tomo.mrc",
        "tomogram": str(folder / "tomo.mrc"),
        "voxel_size_A": VOXEL_A,
        "versions": {"membraneseg": "0"},
        "stages": [{"name": "s", "seconds": 1.0, "peak_memory_MB": 2.0, "resumed": False}],
        "warnings": ["look"],
    }
    (result / "run.json").write_text(json.dumps(facts))
    return result
