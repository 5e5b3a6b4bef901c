"""The whole phantom: reproducible, dark where matter is, every part from a stream of its own."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.atoms import AtomModel
from membraneseg.phantom.build import molecule_kinds
from membraneseg.phantom.carbon import CarbonConfig
from membraneseg.phantom.config import PhantomConfig
from membraneseg.phantom.crowd import CrowdConfig, LayerConfig
from membraneseg.phantom.drawing import box_in_ice, ice_mask
from membraneseg.phantom.embed import EmbeddedConfig
from membraneseg.phantom.ice import IceConfig
from membraneseg.phantom.liposomes import LiposomesConfig
from membraneseg.phantom.molecules import BUILT_IN
from membraneseg.phantom.presets import PRESETS
from membraneseg.phantom.reconstruction import ReconstructionConfig
from membraneseg.phantom.simulate import STEPS, simulate_phantom
from membraneseg.phantom.tilt_scheme import TiltScheme
from membraneseg.scene_file import load_scene

CONFIG = PhantomConfig(
    shape_zyx=(48, 72, 80),
    origin_zyx_A=(-50.0, 300.0, 12.5),
    liposomes=LiposomesConfig(count=2, radius_max_nm=22.0, nested_share=0.0),
    tilts=TiltScheme(step_deg=6.0),
)
EMPTY = dataclasses.replace(
    CONFIG,
    liposomes=LiposomesConfig(count=0),
    crowd=CrowdConfig(LayerConfig(), LayerConfig(), LayerConfig(), gold_count=0),
)


def simulated(config=CONFIG, seed=3, **options):
    return simulate_phantom(config, np.random.default_rng(seed), **options)


@pytest.fixture(scope="module")
def phantom():
    return simulated()


def test_the_same_seed_gives_the_same_phantom_and_another_seed_another(phantom):
    again, other = simulated(), simulated(seed=4)
    assert np.array_equal(again.tomogram.voxels, phantom.tomogram.voxels)
    assert np.array_equal(again.series.counts, phantom.series.counts)
    assert np.array_equal(again.truth.atlas, phantom.truth.atlas)
    assert not np.array_equal(other.truth.instances, phantom.truth.instances)


def test_another_crowd_leaves_the_membranes_and_other_noise_leaves_the_scene(phantom):
    crowd = CrowdConfig(small_distractors=LayerConfig(("rod",), 0.03), gold_count=0)
    crowded = simulated(dataclasses.replace(CONFIG, crowd=crowd))
    assert np.array_equal(crowded.truth.instances, phantom.truth.instances)
    dose = dataclasses.replace(CONFIG.microscope, dose_e_per_A2=40.0)
    noisier = simulated(dataclasses.replace(CONFIG, microscope=dose))
    assert np.array_equal(noisier.truth.atlas, phantom.truth.atlas)


def test_matter_is_darker_than_ice_and_no_molecule_stands_in_a_membrane(phantom):
    voxels, truth = phantom.tomogram.voxels, phantom.truth
    ice = (truth.membranes == 0) & (truth.proteins == 0)
    assert voxels.mean() == pytest.approx(0.0, abs=1e-4)
    assert voxels.std() == pytest.approx(1.0, rel=1e-4)
    assert voxels[truth.membranes > 0].mean() < voxels[ice].mean() - 0.2
    assert not (truth.membranes & truth.proteins).any()
    soluble = np.concatenate([g.centres_zyx_A for g in phantom.scene.particles])
    for membrane in phantom.scene.membranes:
        assert np.abs(membrane.shape.signed_distance(soluble)).min() > 27.0


def test_every_step_is_told_and_ends_at_one():
    seen = {}
    config = dataclasses.replace(EMPTY, shape_zyx=(24, 32, 32), tilts=TiltScheme(step_deg=30.0))
    simulated(config, progress=lambda step, share: seen.update({step: share}))
    assert tuple(seen) == STEPS
    assert set(seen.values()) == {1.0}


def test_a_finer_tilt_series_shows_the_same_scene_in_the_same_place(phantom):
    config = dataclasses.replace(CONFIG, reconstruction=ReconstructionConfig(binning=2))
    fine = simulated(config)
    assert fine.series.pixel_size_A == CONFIG.voxel_size_A / 2
    assert np.array_equal(fine.truth.instances, phantom.truth.instances)
    assert fine.tomogram.voxels.shape == CONFIG.shape_zyx
    # correlation with the truth is best without any shift
    mask = -(phantom.truth.membranes - phantom.truth.membranes.mean())
    shifts = [(axis, step) for axis in range(3) for step in (-1, 1)]
    at_rest = (fine.tomogram.voxels * mask).sum()
    for axis, step in shifts:
        assert (np.roll(fine.tomogram.voxels, step, axis) * mask).sum() < at_rest


def test_an_atomic_model_becomes_classes_of_its_parts_where_it_was_placed():
    offsets = np.random.default_rng(0).uniform(-25, 25, (6000, 3))  # as dense as protein
    model = (offsets[:, 0] > 0).astype(np.int64)
    atoms = AtomModel(
        "block", offsets, np.full(6000, 2.5), np.full(6000, 13.0), model, ("low", "high")
    )
    layer = LayerConfig(("block.pdb",), 0.01)
    crowd = dataclasses.replace(EMPTY.crowd, targets=layer)
    config = dataclasses.replace(EMPTY, constraint="box", crowd=crowd)
    assert molecule_kinds(config) == ("block.pdb",)
    phantom = simulated(config, structures={"block.pdb": atoms})
    (group,) = phantom.scene.particles
    assert phantom.truth.class_names == ("background", "membrane", "low", "high", "carbon")
    labels = phantom.truth.atlas
    assert (labels == 2).sum() > 1000
    assert (labels == 2).sum() == pytest.approx((labels == 3).sum(), rel=0.1)
    voxels = phantom.scene.box.to_angstrom(np.argwhere((labels == 2) | (labels == 3)))
    distances, owners = cKDTree(group.centres_zyx_A).query(voxels)
    assert distances.max() < group.molecule.radius_A + CONFIG.voxel_size_A
    assert len(np.unique(owners)) == len(group.centres_zyx_A)


def test_membranes_and_molecules_stay_in_thin_ice_and_off_the_carbon():
    config = dataclasses.replace(
        CONFIG,
        shape_zyx=(64, 72, 80),
        ice=IceConfig(thickness_nm=62.0, variation=0.05),
        carbon=CarbonConfig(width_nm=20.0),
    )
    phantom = simulated(config)
    ice = ice_mask(phantom.scene.ice, phantom.scene.box)
    labels, names = phantom.truth.atlas, phantom.truth.class_names
    assert 0.6 < ice.mean() < 0.8
    assert not labels[~ice & (labels != names.index("carbon"))].any()
    assert (labels == names.index("carbon")).sum() > 1000
    layers = box_in_ice(phantom.scene.box, phantom.scene.ice)
    for mesh in phantom.truth.meshes:
        assert mesh.vertices_zyx_A[:, 0].min() >= layers.low_A[0]
        assert mesh.vertices_zyx_A[:, 0].max() <= layers.high_A[0]


def test_a_membrane_protein_stands_on_its_membrane_along_the_normal():
    embedded = EmbeddedConfig(("spike",), ("liposome",), ("outside",), (2.0,))
    phantom = simulated(dataclasses.replace(EMPTY, liposomes=CONFIG.liposomes, embedded=embedded))
    (group,) = phantom.scene.particles
    assert len(group.centres_zyx_A) > 5
    for centre, turn, label in zip(
        group.centres_zyx_A, group.rotations, group.membrane, strict=True
    ):
        shape = phantom.scene.membranes[label - 1].shape
        assert shape.signed_distance(centre[None])[0] == pytest.approx(0.0, abs=0.1)
        above = centre + 30.0 * turn[:, 0]  # the molecule's +z
        assert shape.signed_distance(above[None])[0] == pytest.approx(30.0, abs=1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_scene_of_known_molecules(name):
    config = load_scene(name)
    assert set(molecule_kinds(config)) <= set(BUILT_IN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape_zyx": (4, 64, 64)},
        {"voxel_size_A": 0.0},
        {"origin_zyx_A": (0.0, 0.0)},
        {"constraint": "walls"},
    ],
)
def test_impossible_settings_are_refused_by_name(wrong):
    with pytest.raises(MembraneSegError, match=next(iter(wrong))):
        PhantomConfig(**wrong)
