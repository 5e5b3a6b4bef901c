"""The whole phantom: reproducible, dark where the membranes are, and written in the right place."""

import csv
import tomllib

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.glb import read_glb
from membraneseg.io.mrc import read_tomogram
from membraneseg.phantom.files import write_phantom
from membraneseg.phantom.scene import LiposomesConfig
from membraneseg.phantom.simulate import PhantomConfig, simulate_liposomes

CONFIG = PhantomConfig(
    shape_zyx=(48, 72, 80),
    origin_zyx_A=(-50.0, 300.0, 12.5),
    vesicle_count=2,
    tilt_step_deg=6.0,
    liposomes=LiposomesConfig(radius_max_nm=22.0, nested_share=0.0),
)


@pytest.fixture(scope="module")
def phantom():
    return simulate_liposomes(CONFIG, np.random.default_rng(3))


def test_the_same_seed_gives_the_same_tomogram_and_another_seed_another(phantom):
    again = simulate_liposomes(CONFIG, np.random.default_rng(3))
    other = simulate_liposomes(CONFIG, np.random.default_rng(4))
    assert np.array_equal(again.tomogram.voxels, phantom.tomogram.voxels)
    assert np.array_equal(again.instances, phantom.instances)
    assert not np.array_equal(other.instances, phantom.instances)


def test_membranes_are_darker_than_the_ice(phantom):
    voxels = phantom.tomogram.voxels
    ice = (phantom.membranes == 0) & (phantom.proteins == 0)
    assert voxels.mean() == pytest.approx(0.0, abs=1e-4)
    assert voxels.std() == pytest.approx(1.0, rel=1e-4)
    assert voxels[phantom.membranes > 0].mean() < voxels[ice].mean() - 0.2


def test_progress_ends_each_step_at_one():
    seen = {}
    config = PhantomConfig(shape_zyx=(40, 40, 40), vesicle_count=0, tilt_step_deg=30.0)
    simulate_liposomes(
        config, np.random.default_rng(0), lambda step, share: seen.update({step: share})
    )
    assert seen == {"scene": 1.0, "tilt series": 1.0, "reconstruction": 1.0}


def test_files_hold_the_phantom_in_its_place(phantom, tmp_path):
    write_phantom(phantom, tmp_path, seed=3)
    tomogram, _ = read_tomogram(tmp_path / "tomogram.mrc")
    assert np.array_equal(tomogram.voxels, phantom.tomogram.voxels)
    assert tomogram.origin_zyx_A == pytest.approx([-50.0, 300.0, 12.5], abs=1e-3)
    instances, _ = read_tomogram(tmp_path / "truth_instances.mrc")
    truth = tomllib.loads((tmp_path / "truth.toml").read_text())
    assert truth["tilt_range_deg"] == 60.0
    assert truth["seed"] == 3
    meshes = read_glb(tmp_path / "truth_meshes.glb")
    with (tmp_path / "truth_vesicles.csv").open() as source:
        rows = list(csv.DictReader(source))
    assert len(meshes) == len(rows) == len(phantom.scene.vesicles)
    for row, (_, mesh, _) in zip(rows, meshes, strict=True):
        shell = np.argwhere(instances.voxels == int(row["id"]))
        centroid = shell.mean(axis=0) * 13.5 + tomogram.origin_zyx_A
        centre = [float(row[name]) for name in ("z_A", "y_A", "x_A")]
        assert centroid == pytest.approx(centre, abs=7.0)
        radii = np.linalg.norm(mesh.vertices_zyx_A - centre, axis=1)
        assert radii.mean() == pytest.approx(float(row["radius_A"]), rel=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape_zyx": (4, 64, 64)},
        {"voxel_size_A": 0.0},
        {"tilt_range_deg": 85.0},
        {"tilt_step_deg": 0.0},
        {"vesicle_count": -1},
    ],
)
def test_impossible_settings_are_refused_by_name(wrong):
    with pytest.raises(MembraneSegError, match=next(iter(wrong))):
        PhantomConfig(**wrong)
