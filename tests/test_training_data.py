"""Phantoms as training examples: what the wedge hides is no membrane for a network."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.phantom.files import write_phantom
from membraneseg.phantom.liposomes import LiposomesConfig
from membraneseg.phantom.simulate import simulate_phantom
from membraneseg.scene_file import load_scene, recipe_of
from membraneseg.segment.unet import UNetConfig
from membraneseg.training_data import find_phantoms, read_example, visible_labels
from synth2d.slices import IGNORE, MEMBRANE
from synth2d.wedge import SURE_DEG, UNSEEN_DEG, wedge_depth_deg

SETTINGS = (
    "shape_zyx=60,60,60",
    "liposomes.count=1",
    "liposomes.deformation=0",
    "liposomes.radius_min_nm=18",
    "liposomes.radius_max_nm=18.1",
    "tilts.step_deg=20",
    "crowd.gold_count=0",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    scene = load_scene("liposomes", SETTINGS)
    assert isinstance(scene.liposomes, LiposomesConfig)
    phantom = simulate_phantom(scene, scene.generator)
    place = tmp_path_factory.mktemp("set") / "phantom_0001"
    write_phantom(phantom, place, recipe_of(scene))
    return place


def test_labels_of_a_sphere_follow_the_wedge(folder):
    labels = visible_labels(folder)
    instances, _ = read_tomogram(folder / "truth_instances.mrc")
    shell = np.argwhere(instances.voxels > 0)
    normals = shell - shell.mean(axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    depth = wedge_depth_deg(normals, 60.0)
    given = labels[tuple(shell.T)]
    clear = 4.0  # degrees that the vertices of the mesh are apart
    assert (given[depth < SURE_DEG - clear] == MEMBRANE).mean() > 0.99
    assert (
        given[(depth > SURE_DEG + clear) & (depth < UNSEEN_DEG - clear)] == IGNORE
    ).mean() > 0.97
    assert not (given[depth > UNSEEN_DEG + clear] == MEMBRANE).any()


def test_examples_are_found_in_sets_and_brought_to_the_networks_pixel_sizes(folder):
    assert find_phantoms([folder.parent]) == find_phantoms([folder]) == [folder]
    native = read_example(folder, UNetConfig())
    finer = read_example(folder, UNetConfig(working_pixel_size_A=(5.0, 6.75)))
    assert native.labels.shape == (60, 60, 60)
    assert finer.labels.shape == (120, 120, 120)
    volumes = [(v.labels == MEMBRANE).mean() for v in (native, finer)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.1)


def test_a_folder_without_phantoms_is_refused(tmp_path):
    with pytest.raises(MembraneSegError, match="holds no phantom"):
        find_phantoms([tmp_path])
