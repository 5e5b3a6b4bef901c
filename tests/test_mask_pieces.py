"""Loose pieces of a mask: parts of one large body are one membrane, others are not."""

import numpy as np
import pytest

from membraneseg.group.config import GroupConfig
from membraneseg.mask_pieces import adopted, joined_pieces, loose_pieces

CENTRE = np.array([40.0, 150.0, 150.0])


def wall(radius, side, offset=(0.0, 0.0, 0.0), noise=0.3):
    """Points a voxel apart on one side of a ball's belt: caps and the flanks along y are hidden."""
    generator = np.random.default_rng(int(radius) + side)
    height = np.arange(-25.0, 26.0)[:, None]
    turn = np.linspace(-1.42, 1.42, int(2.84 * radius))[None]
    flat = side * np.sqrt(radius**2 - height**2)
    ring = np.stack(np.broadcast_arrays(height, flat * np.sin(turn), flat * np.cos(turn)), axis=-1)
    points = ring.reshape(-1, 3) + CENTRE + offset
    return points + generator.normal(scale=noise, size=points.shape)


def joined(*walls):
    """Number of membranes among some walls, which hang together with themselves alone."""
    points = np.concatenate(walls)
    names = loose_pieces(points)
    assert len(np.unique(names)) == len(walls)
    return joined_pieces(points, names, GroupConfig())


def test_two_sides_of_a_large_body_are_one_membrane():
    assert len(np.unique(joined(wall(100.0, 1), wall(100.0, -1)))) == 1


def test_the_sides_of_nested_bodies_are_joined_each_with_its_own():
    walls = [wall(100.0, 1), wall(90.0, 1), wall(100.0, -1), wall(90.0, -1)]
    names = joined(*walls)
    outer, inner, outer_too, inner_too = np.split(names, np.cumsum([len(w) for w in walls])[:-1])
    assert len(np.unique(outer)) == len(np.unique(inner)) == 1
    assert outer[0] == outer_too[0]
    assert inner[0] == inner_too[0]
    assert outer[0] != inner[0]


@pytest.mark.parametrize("offset", [(0.0, 0.0, -12.0), (0.0, 60.0, 0.0)], ids=["behind", "beside"])
def test_walls_of_two_bodies_stay_apart(offset):
    assert len(np.unique(joined(wall(100.0, 1), wall(100.0, -1, offset)))) == 2


def test_sheets_stay_as_they_are():
    height, along = np.meshgrid(np.arange(40.0), np.arange(80.0), indexing="ij")
    sheets = [
        np.stack([height, along + far, 3.0 * np.sin(along / 12.0)], axis=-1).reshape(-1, 3)
        for far in (0.0, 90.0)
    ]
    assert len(np.unique(joined(*sheets))) == 2


def test_points_without_a_name_take_that_of_their_neighbours_and_loose_ones_a_new_one():
    line = np.column_stack([np.zeros(10), np.zeros(10), np.arange(10.0)])
    apart = np.array([[0.0, 9.0, 0.0]])
    names = np.array([3, *[-1] * 8, 5, -1])
    assert adopted(np.concatenate([line, apart]), names).tolist() == [3] * 5 + [5] * 5 + [6]
