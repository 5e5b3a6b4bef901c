"""The comparison without truth, on volumes whose truth is known."""

import numpy as np
import pytest

from membraneseg.segment.truth_free import compare_predictions

VOXEL_A, SHAPE = 12.0, (32, 96, 120)


def sheets():
    """Distance (Z, Y, X) in voxels from the nearest of three slanted sheets."""
    z, y, x = np.indices(SHAPE, dtype=float)
    slants = ((25, 0.3, 0.2), (62, -0.4, -0.1), (95, 0.0, 0.3))
    flat = [
        (x - c - a * (z - 16) - b * (y - 48)) / np.sqrt(1 + a * a + b * b) for c, a, b in slants
    ]
    return np.min(np.abs(flat), axis=0)


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    distance = sheets()
    voxels = rng.standard_normal(SHAPE) - 2.0 * np.exp(-0.5 * (distance / 1.3) ** 2)
    return voxels, distance <= 2.0


def false_sheets(true):
    """Pieces of membrane, some slices thick, where there is none."""
    false = np.zeros(SHAPE, dtype=bool)
    for k, z in enumerate(range(2, 28, 3)):
        false[z : z + 3, 10 * k : 10 * k + 12, 40:44] = True
    return false & ~true


def dice(called, true):
    return 2 * (called & true).sum() / (called.sum() + true.sum())


def compared(voxels, first, second):
    return compare_predictions(voxels, first.astype(np.float32), second.astype(np.float32), VOXEL_A)


def test_false_membranes_make_a_prediction_worse_by_what_they_cost(world):
    voxels, true = world
    more = true | false_sheets(true)
    found = compared(voxels, true, more)
    assert found.verdict == "worse"
    assert found.second_dice - found.first_dice == pytest.approx(dice(more, true) - 1.0, abs=0.02)
    assert found.second_only_real < 0.2
    assert compared(voxels, more, true).verdict == "better"


def test_a_missed_membrane_makes_a_prediction_worse_by_what_it_costs(world):
    voxels, true = world
    less = true.copy()
    less[:, :40] = False
    found = compared(voxels, true, less)
    assert found.verdict == "worse"
    assert found.second_dice - found.first_dice == pytest.approx(dice(less, true) - 1.0, abs=0.05)
    assert found.first_only_real > 0.8


def test_equal_predictions_do_not_differ(world):
    voxels, true = world
    found = compared(voxels, true, true)
    assert found.verdict == "no clear difference"
    assert found.first_dice == found.second_dice == 1.0
    nothing = np.zeros(SHAPE, dtype=bool)
    assert compared(voxels, nothing, nothing).verdict == "no clear difference"


def test_grey_values_units_do_not_matter(world):
    voxels, true = world
    more = true | false_sheets(true)
    one, other = compared(voxels, true, more), compared(40.0 * voxels + 900.0, true, more)
    assert other.second_dice == pytest.approx(one.second_dice, abs=1e-4)
