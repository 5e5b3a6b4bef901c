"""Real segmentations: closed ones are closed, sheets stay sheets, all of the mask is followed."""

import csv
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial import cKDTree

from membraneseg.cli import main
from membraneseg.coords import angstrom_to_index
from membraneseg.io.meshes import read_glb
from membraneseg.io.mrc import read_tomogram

FOLDER = Path(os.environ.get("MEMBRANESEG_DATA", "does-not-exist")) / "segmentations"
NEAR_PX = 3.0


class Expected(NamedTuple):
    """What a mask holds: labels of membranes, how many membranes, how many of them closed."""

    labels: tuple[int, ...]
    membranes: tuple[int, int]
    closed: tuple[int, int]
    voxel_size_A: float | None = None


MASKS = {
    "AP_middle_labels_crop.mrc.gz": Expected((1, 2), (2, 2), (0, 0)),
    "FIB112_l2_t6_GolgiFilled_crop.mrc.gz": Expected((1,), (10, 14), (0, 0)),
    "FIB112_l2_t6_VesiclesFilled_crop.mrc.gz": Expected((1,), (28, 32), (25, 30)),
    "Phagophore_middle_labels_crop.mrc.gz": Expected((1, 2), (4, 4), (0, 0)),
    "TE1_labels_crop.mrc.gz": Expected((1, 2, 3), (24, 30), (0, 2)),
    "TF1_labels_crop.mrc.gz": Expected((1, 2, 3), (25, 34), (0, 3)),
    "t74_vesicle3_bin6.Labels.mrc": Expected((1,), (1, 1), (1, 1), 25.26),
}


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason="MEMBRANESEG_DATA is not set")
@pytest.mark.parametrize("name", MASKS)
def test_membranes_of_a_real_mask_are_found_whole_and_followed_everywhere(
    tmp_path, monkeypatch, name
):
    labels, membranes, closed, voxel_size_A = MASKS[name]
    options = ["-o", tmp_path, "--force", "--jobs", 1]
    options += ["--voxel-size", voxel_size_A] if voxel_size_A else []
    words = ["membraneseg", "close", FOLDER / name, *options]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code in (0, None)
    with (tmp_path / "membranes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert membranes[0] <= len(rows) <= membranes[1]
    assert closed[0] <= sum(row["closed"] == "true" for row in rows) <= closed[1]
    mask, _ = read_tomogram(FOLDER / name, voxel_size_A)
    meshes = [mesh for _, mesh, _ in read_glb(tmp_path / "membranes.glb")]
    middles = np.concatenate([m.vertices_zyx_A[m.faces].mean(axis=1) for m in meshes])
    surface = cKDTree(angstrom_to_index(middles, mask.voxel_size_A, mask.origin_zyx_A))
    drawn = np.argwhere(np.isin(mask.voxels, labels))[::11]
    assert np.mean(surface.query(drawn, distance_upper_bound=NEAR_PX)[0] < np.inf) > 0.98
