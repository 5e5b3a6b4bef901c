"""The stages of a run with one sphere, as the slice viewers read them, made without a run."""

from pathlib import Path

import mrcfile
import numpy as np
import trimesh

from membraneseg import stage_values
from membraneseg.io.stages import save_slices, save_stage
from membraneseg.surface.neighbours import Separated
from membraneseg.types import MembraneGroup, Mesh, SliceFragments

SHAPE = (20, 60, 90)
SCALE = 10  # the viewers draw about 900 pixels wide
VOXEL_SIZE_A = 12.5
ORIGIN_A = np.array([250.0, -500.0, 1000.0])
CENTRE_PX = np.array([10.0, 40.0, 25.0])
RADIUS_PX = 14.0


def make_stages(folder: Path) -> Path:
    """Write tomogram and stages with one sphere around CENTRE_PX; return the folder."""
    folder.mkdir(exist_ok=True)
    with mrcfile.new(folder / "tomogram.mrc") as file:
        file.set_data(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32))
        file.voxel_size = VOXEL_SIZE_A
        file.header.origin = tuple(ORIGIN_A[::-1])
    ball = trimesh.creation.icosphere(subdivisions=5, radius=RADIUS_PX)
    vertices = (np.array(ball.vertices)[:, ::-1] + CENTRE_PX) * VOXEL_SIZE_A + ORIGIN_A
    count = len(vertices)
    mesh = Mesh(vertices, np.array(ball.faces), np.zeros(count), np.ones(count, dtype=bool))
    group = MembraneGroup(4, np.zeros((1, 2), dtype=np.int64), vertices, True)
    probability = np.zeros(SHAPE, dtype=np.float32)
    probability[10, 38:43, 23:28] = 1.0
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = CENTRE_PX[1:] + RADIUS_PX * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    stages = {
        "fragments": stage_values.fragments_to_arrays(
            [SliceFragments(10, (circle,), np.array([True]))]
        ),
        "groups": stage_values.groups_to_arrays([group]),
        "selected": stage_values.groups_to_arrays([group]),
        "meshes": stage_values.meshes_to_arrays(Separated([(4, mesh)], 0, 0)),
    }
    planes = zip(probability, np.zeros(SHAPE, dtype=np.int8), strict=True)
    stream = stage_values.segmentation_to_slices(SHAPE, planes)
    save_slices(folder / "stages" / "segment.npz", stream, "key")
    for name, arrays in stages.items():
        save_stage(folder / "stages" / f"{name}.npz", arrays, "key")
    return folder
