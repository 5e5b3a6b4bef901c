"""Scores of voxels against closed forms and hand-counted cases."""

import numpy as np
import pytest

from membraneseg.evaluate.voxels import (
    adjusted_rand_index,
    boundary,
    dice,
    mean_slice_dice,
    slice_dice,
    surface_dice_of_shells,
)


def box(shape, low, high):
    mask = np.zeros(shape, dtype=np.int8)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    return mask


def test_dice_of_shifted_cubes_is_their_overlap():
    first, second = box((20,) * 3, (2,) * 3, (12,) * 3), box((20,) * 3, (5, 2, 2), (15, 12, 12))
    assert dice(first, second) == pytest.approx(0.7)
    assert dice(second, first) == pytest.approx(0.7)


def test_nothing_against_nothing_is_one_and_against_something_zero():
    empty, something = np.zeros((6, 6, 6), dtype=np.int8), box((6, 6, 6), (2,) * 3, (4,) * 3)
    for score in (
        dice,
        mean_slice_dice,
        adjusted_rand_index,
        lambda a, b: surface_dice_of_shells(a, b, (1.0,))[0],
    ):
        assert score(empty, empty) == 1.0
        assert score(empty, something) == 0.0
        assert score(something, empty) == 0.0


def test_slice_dice_leaves_out_the_slices_without_anything():
    first, second = box((5, 8, 8), (1, 0, 0), (3, 4, 8)), box((5, 8, 8), (2, 0, 0), (4, 2, 8))
    scores = slice_dice(first, second)
    assert np.isnan(scores[[0, 4]]).all()
    assert scores[1:4] == pytest.approx([0.0, 2 / 3, 0.0])
    assert mean_slice_dice(first, second) == pytest.approx(2 / 9)


def test_boundary_of_a_cube_is_what_its_inside_leaves():
    assert boundary(box((9,) * 3, (2,) * 3, (7,) * 3)).sum() == 5**3 - 3**3


def test_parallel_plates_are_within_tolerance_exactly_from_their_distance_on():
    first, second = box((12, 9, 9), (3, 0, 0), (4, 9, 9)), box((12, 9, 9), (6, 0, 0), (7, 9, 9))
    assert surface_dice_of_shells(first, second, (2.0, 2.9, 3.0)) == (0.0, 0.0, 1.0)


def test_half_of_a_plate_found_scores_by_both_surfaces():
    true, half = box((7, 40, 9), (3, 0, 0), (4, 40, 9)), box((7, 40, 9), (3, 0, 0), (4, 20, 9))
    # all 20 rows of the half, and 20 + 2 rows of the whole one, are within 2 voxels
    assert surface_dice_of_shells(half, true, (2.0,))[0] == pytest.approx((20 + 22) / 60)


def test_rand_index_does_not_care_for_names_but_for_merging():
    true = np.repeat([1, 2, 3], 30).reshape(9, 10, 1)
    renamed = np.array([0, 7, 5, 6])[true]
    assert adjusted_rand_index(renamed, true) == 1.0
    merged = np.where(true == 2, 1, true)
    # pair counts: Σ C(n_ij,2) = 1305, rows 3·435, columns C(60,2) + C(30,2) = 2205, all C(90,2)
    expected = 1305 * 2205 / 4005
    assert adjusted_rand_index(merged, true) == pytest.approx(
        (1305 - expected) / (0.5 * (1305 + 2205) - expected)
    )


def test_rand_index_looks_only_at_voxels_that_both_call_membrane():
    true = np.repeat([1, 2], 50).reshape(10, 10, 1)
    predicted = true.copy()
    predicted[::2] = 0
    assert adjusted_rand_index(predicted, true) == 1.0
