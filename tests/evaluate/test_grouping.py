import numpy as np
import pytest

from membraneseg.evaluate.grouping import (
    score_groups,
    variation_of_information,
)
from membraneseg.evaluate.parts import voxel_parts


def walls(*labels_at_x):
    """Walls of 20 × 20 voxels at the given x, labelled."""
    instances = np.zeros((20, 20, 40), dtype=np.int64)
    for label, x in labels_at_x:
        instances[:, :, x] = label
    return instances


def test_two_halves_of_one_membrane_are_one_bit_of_split_and_the_other_way_round_of_merge():
    halves, whole = np.array([1, 1, 2, 2]), np.array([5, 5, 5, 5])
    assert variation_of_information(halves, whole) == (1.0, 0.0)
    assert variation_of_information(whole, halves) == (0.0, 1.0)


def test_three_to_one_costs_its_entropy():
    split, merge = variation_of_information(np.array([1, 1, 1, 2]), np.ones(4, dtype=int))
    assert split == pytest.approx(0.75 * np.log2(4 / 3) + 0.25 * np.log2(4))
    assert merge == 0.0


def test_new_names_change_nothing_and_what_only_one_side_names_does_not_count():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, 500), rng.integers(0, 5, 500)
    renamed = np.array([0, 7, 3, 9])[one]
    assert variation_of_information(renamed, other) == variation_of_information(one, other)
    both = (one > 0) & (other > 0)
    assert variation_of_information(one[both], other[both]) == variation_of_information(one, other)


def test_the_truth_itself_scores_one():
    instances = walls((3, 10), (8, 25))
    points = np.argwhere(instances > 0).astype(float)
    scores = score_groups(points, instances[instances > 0], instances, instances > 0)
    assert (scores.true, scores.found, scores.groups, scores.false) == (2, 2, 2, 0)
    assert (scores.adjusted_rand_index, scores.split_bits, scores.merge_bits) == (1.0, 0.0, 0.0)
    assert scores.covered == 1.0


def test_one_group_over_two_walls_finds_neither_and_a_group_on_nothing_is_false():
    instances = walls((1, 10), (2, 25))
    points = np.argwhere(instances > 0).astype(float)
    nowhere = np.array([[10.0, 10.0, 35.0]] * 5)
    labels = np.concatenate([np.ones(len(points), int), np.full(5, 2)])
    scores = score_groups(np.concatenate([points, nowhere]), labels, instances, instances > 0)
    assert (scores.found, scores.groups, scores.false) == (0, 2, 1)
    assert scores.adjusted_rand_index == 0.0
    assert scores.merge_bits == 1.0


def test_a_group_of_three_quarters_of_a_membrane_does_not_find_it():
    instances = walls((1, 10))
    points = np.argwhere(instances > 0).astype(float)
    some = points[points[:, 1] < 12]  # reaches 14 of 20 rows
    scores = score_groups(some, np.ones(len(some), int), instances, instances > 0)
    assert scores.found == 0
    assert scores.covered == pytest.approx(14 / 20)
    more = points[points[:, 1] < 14]
    assert score_groups(more, np.ones(len(more), int), instances, instances > 0).found == 1


def test_a_membrane_that_the_volume_cuts_in_two_is_two_parts():
    instances = walls((4, 10), (4, 25), (6, 30))
    parts = voxel_parts(instances)
    assert len(np.unique(parts[parts > 0])) == 3
    assert ((parts > 0) == (instances > 0)).all()
    assert len(np.unique(parts[:, :, 10])) == 1


def test_parts_that_touch_by_a_corner_hang_together():
    instances = np.zeros((3, 3, 3), dtype=int)
    instances[0, 0, 0] = instances[1, 1, 1] = 2
    assert voxel_parts(instances).max() == 1
