import numpy as np
import pytest

from membraneseg.group.contraction import contract
from membraneseg.group.crest import find_crest, trace_crest
from membraneseg.group.neighbours import find_neighbours
from membraneseg.group.surface_patches import components

CENTRE = np.array([24.3, 23.6, 24.1])


def shell(radius=15.4, shape=(48, 48, 48), width=1.5):
    places = np.moveaxis(np.indices(shape), 0, -1) - CENTRE
    distance = np.linalg.norm(places, axis=-1) - radius
    return np.exp(-((distance / width) ** 2)).astype(np.float32)


def test_crest_points_lie_on_the_sphere_and_look_outward():
    crest = find_crest(shell(), 0.4, 0.02)
    apart = crest.place - CENTRE
    radius = np.linalg.norm(apart, axis=1)
    assert np.abs(radius - 15.4).max() < 0.2
    assert abs(radius.mean() - 15.4) < 0.05
    assert np.abs((apart / radius[:, None] * crest.normal).sum(axis=1)).min() > 0.99


def test_one_crest_point_stands_for_one_voxel_of_a_column():
    crest = find_crest(shell(), 0.4, 0.02)
    area = (1.0 / np.abs(crest.normal).max(axis=1)).sum()
    assert area == pytest.approx(4 * np.pi * 15.4**2, rel=0.25)


def test_slab_by_slab_gives_what_the_whole_gives():
    probability = shell()
    slabs = trace_crest(probability, 1.0, 0.35, 0.02, lambda _: None)
    from scipy.ndimage import gaussian_filter

    whole = find_crest(gaussian_filter(probability, 1.0), 0.35, 0.02)
    assert np.array_equal(slabs.voxel, whole.voxel)
    np.testing.assert_allclose(slabs.place, whole.place, atol=1e-4)


def test_a_quarter_turn_about_the_beam_turns_the_crest():
    probability = shell()
    one = find_crest(probability, 0.4, 0.02)
    turned = find_crest(np.ascontiguousarray(np.rot90(probability, axes=(1, 2))), 0.4, 0.02)
    back = np.column_stack([turned.voxel[:, 0], turned.voxel[:, 2], 47 - turned.voxel[:, 1]])
    assert set(map(tuple, back.tolist())) == set(map(tuple, one.voxel.tolist()))


def test_walls_apart_are_stacked_and_a_wall_is_its_own_neighbour():
    probability = np.zeros((20, 20, 30), dtype=np.float32)
    x = np.arange(30)
    for at in (12, 16):
        probability += np.exp(-(((x - at) / 1.2) ** 2)).astype(np.float32)
    crest = find_crest(probability, 0.4, 0.02)
    neighbours = find_neighbours(crest, probability.shape, (2.0, 7.0))
    at = np.rint(crest.place[:, 2])
    assert set(at.tolist()) == {12.0, 16.0}
    assert (at[neighbours.pairs[:, 0]] == at[neighbours.pairs[:, 1]]).all()
    assert (at[neighbours.stacked[:, 0]] != at[neighbours.stacked[:, 1]]).all()
    assert len(neighbours.stacked) == len(crest)  # each sees the other wall once
    assert components(neighbours.pairs, len(crest)).max() == 1


def test_evidence_adds_up_between_regions():
    pairs = np.array([[0, 1], [1, 2], [2, 3], [0, 2], [0, 3]])
    evidence = np.array([3.0, 2.0, 3.0, -1.5, -1.0])  # 01 and 23 first: then 2 − 1.5 − 1 < 0
    assert contract(pairs, evidence, 4).tolist() == [0, 0, 1, 1]
    evidence[4] = -0.4
    assert contract(pairs, evidence, 4).tolist() == [0, 0, 0, 0]


def test_new_numbers_of_the_regions_permute_the_answer():
    rng = np.random.default_rng(2)
    pairs = rng.integers(0, 30, (120, 2))
    evidence = rng.normal(0.2, 1.0, 120)
    label = contract(pairs, evidence, 30)
    new = rng.permutation(30)
    again = contract(new[pairs], evidence, 30)
    same = label[:, None] == label[None]
    assert np.array_equal(again[new][:, None] == again[new][None], same)


def test_nothing_to_join_leaves_all_apart():
    none = np.zeros((0, 2), dtype=np.int64)
    assert contract(none, np.zeros(0), 3).tolist() == [0, 1, 2]
