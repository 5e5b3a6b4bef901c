"""Touching closed membranes in one region: split by their ellipsoids, and nothing else is."""

import numpy as np
import pytest

from membraneseg.group.config import GroupConfig
from membraneseg.group.evidence import sphere_directions
from membraneseg.group.splitting import split_touching
from synth2d.wedge import wedge_depth_deg

SHAPE, TILT = (100, 140, 140), 60.0
CONFIG = GroupConfig()


def seen_ball(centre, radius, count=400):
    """Points and normals of the part of a sphere that the wedge leaves."""
    normal = sphere_directions(count)
    normal = normal[wedge_depth_deg(normal, TILT) < 0.0]
    return np.asarray(centre) + radius * normal, normal


def seen_tube(length, radius):
    """Points and normals of the visible part of a cylinder along x through the middle."""
    along, turn = np.meshgrid(np.arange(0.0, length, 4.0), np.linspace(0.0, 2 * np.pi, 24, False))
    normal = np.stack([np.sin(turn), np.cos(turn), np.zeros_like(turn)], axis=-1).reshape(-1, 3)
    middle = np.stack([np.full(turn.size, 50.0), np.full(turn.size, 70.0), along.ravel() + 20], 1)
    seen = wedge_depth_deg(normal, TILT) < 0.0
    return (middle + radius * normal)[seen], normal[seen]


def together(*bodies):
    return tuple(np.concatenate(part) for part in zip(*bodies, strict=True))


def split(patches, region=None):
    region = np.zeros(len(patches[0]), dtype=np.int64) if region is None else region
    return split_touching(patches, region, SHAPE, TILT, CONFIG)


@pytest.mark.parametrize("second", [((62.0, 92.0, 70.0), 17.0), ((50.0, 60.0, 108.0), 12.0)])
def test_touching_vesicles_of_one_region_become_two(second):
    bodies = seen_ball((50.0, 54.0, 70.0), 24.0), seen_ball(*second)
    found = split(together(*bodies))
    first, other = found[: len(bodies[0][0])], found[len(bodies[0][0]) :]
    names, counts = np.unique(first, return_counts=True)
    assert len(np.unique(found)) == 2
    assert counts.max() / len(first) > 0.95
    assert (other != names[counts.argmax()]).mean() > 0.95


def test_three_in_a_row_become_three():
    bodies = [seen_ball((50.0, 70.0, x), 18.0) for x in (30.0, 67.0, 104.0)]
    assert len(np.unique(split(together(*bodies)))) == 3


@pytest.mark.parametrize("patches", [seen_ball((50.0, 70.0, 70.0), 25.0), seen_tube(100.0, 12.0)])
def test_one_membrane_stays_one(patches):
    assert (split(patches) == 0).all()


def sheet(first, last, height=40.0):
    """Points and normals of an upright sheet between two places (y, x)."""
    first, last = np.array(first), np.array(last)
    along = np.arange(0.0, np.linalg.norm(last - first), 4.0)
    step = (last - first) / np.linalg.norm(last - first)
    z, way = np.meshgrid(50.0 + np.arange(-height / 2, height / 2, 4.0), along, indexing="ij")
    place = np.stack([z, first[0] + way * step[0], first[1] + way * step[1]], axis=-1).reshape(
        -1, 3
    )
    return place, np.broadcast_to([0.0, -step[1], step[0]], place.shape).copy()


def test_a_sheet_that_hangs_from_a_whole_vesicle_is_another_membrane():
    ball, wing = seen_ball((50.0, 60.0, 50.0), 25.0), sheet((60.0, 80.0), (90.0, 115.0))
    found = split(together(ball, wing))
    assert (found[: len(ball[0])] == 0).all()
    assert (found[len(ball[0]) :] == 1).mean() > 0.85  # its root lies in the vesicle's wall


def test_two_sheets_on_either_side_become_two_membranes():
    ball = seen_ball((50.0, 70.0, 70.0), 28.0, count=700)
    wings = sheet((70.0, 104.0), (70.0, 136.0)), sheet((70.0, 4.0), (70.0, 36.0))
    assert len(np.unique(split(together(ball, *wings)))) == 3


def test_half_a_vesicle_keeps_its_sheet():
    place, normal = seen_ball((50.0, 60.0, 50.0), 25.0)
    half = place[:, 2] > 48.0
    patches = together((place[half], normal[half]), sheet((60.0, 80.0), (90.0, 115.0)))
    assert (split(patches) == 0).all()


def test_a_tube_that_a_vesicle_touches_stays_as_it_is():
    patches = together(seen_tube(100.0, 12.0), seen_ball((50.0, 98.0, 70.0), 14.0))
    assert (split(patches) == 0).all()  # no second closed body: the tube ends nowhere


def test_patches_without_region_and_other_regions_keep_their_numbers():
    pair = together(seen_ball((50.0, 40.0, 40.0), 20.0), seen_ball((50.0, 82.0, 40.0), 20.0))
    alone = seen_ball((50.0, 70.0, 110.0), 20.0)
    patches = together(pair, alone)
    region = np.r_[np.full(len(pair[0]), 1), np.full(len(alone[0]), 0)]
    region[::7] = -1
    found = split(patches, region)
    assert (found[region == -1] == -1).all()
    assert (found[region == 0] == 0).all()
    assert set(np.unique(found[region == 1])) == {1, 2}
