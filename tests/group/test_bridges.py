import numpy as np
import pytest

from membraneseg.group.bridges import Bridges, find_bridges, join_over_gaps
from membraneseg.group.rims import Rims, find_rims
from membraneseg.group.surface_patches import Patches


def arc_ends(turn_deg, axis):
    """Ends of an arc of radius 20 in the plane of x and an axis, a gap of `turn_deg` between."""
    half = np.deg2rad(turn_deg) / 2
    rows = {"place": [], "normal": [], "outward": []}
    for side in (-1.0, 1.0):
        for along in (0.0, 4.0, 8.0):
            radial, ahead = np.zeros(3), np.zeros(3)
            radial[axis], radial[2] = np.cos(half), side * np.sin(half)
            ahead[axis], ahead[2] = np.sin(half), -side * np.cos(half)
            place = 50 + 20 * radial
            place[1 - axis] += along
            rows["place"].append(place)
            rows["normal"].append(radial)
            rows["outward"].append(ahead)
    arrays = {name: np.array(values) for name, values in rows.items()}
    return Rims(**arrays, region=np.repeat([0, 1], 3))


@pytest.mark.parametrize("turn_deg", [30.0, 60.0])
def test_the_two_sides_of_a_hidden_cap_are_joined(turn_deg):
    rims = arc_ends(turn_deg, axis=0)  # the gap looks along the beam
    bridges = find_bridges(rims, 60.0, 60.0)
    straight = (bridges.pairs[:, 1] - bridges.pairs[:, 0]) == 3
    assert straight.sum() == 3
    assert join_over_gaps(rims, bridges, 0.5, 2).tolist() == [0, 0]


def test_a_gap_where_the_membrane_would_be_seen_is_not_bridged():
    rims = arc_ends(60.0, axis=0)
    swap = [2, 1, 0]  # now it looks along x
    seen = Rims(rims.place[:, swap], rims.normal[:, swap], rims.outward[:, swap], rims.region)
    assert len(find_bridges(seen, 60.0, 60.0).pairs) == 0


def test_rims_that_do_not_aim_at_each_other_are_not_joined():
    rims = arc_ends(60.0, axis=0)
    away = Rims(rims.place, rims.normal, -rims.outward, rims.region)
    assert len(find_bridges(away, 60.0, 60.0).pairs) == 0
    wall = np.repeat([[0.0, 0.0, 1.0]], 6, axis=0)  # outward on the line, normals not of an arc
    assert (
        len(find_bridges(Rims(rims.place, wall, rims.outward, rims.region), 60.0, 60.0).pairs) == 0
    )


def test_a_small_share_of_a_rim_does_not_join():
    place = np.zeros((8, 3))
    region = np.array([0] * 4 + [1] * 4)
    rims = Rims(place, place, place, region)
    bridges = Bridges(np.array([[0, 4]]), np.array([1.0]))  # two votes; asked for: half of four
    assert join_over_gaps(rims, bridges, 0.6, 2).tolist() == [0, 1]
    assert join_over_gaps(rims, bridges, 0.4, 2).tolist() == [0, 0]
    more = (np.array([[1, 0]] * 3), np.full(3, 0.2))
    assert join_over_gaps(rims, bridges, 0.6, 2, more).tolist() == [0, 0]


def test_a_rim_votes_for_its_cheapest_bridge_only():
    place = np.zeros((3, 3))
    rims = Rims(place, place, place, np.array([0, 1, 2]))
    bridges = Bridges(np.array([[0, 1], [0, 2]]), np.array([2.0, 1.0]))
    assert join_over_gaps(rims, bridges, 1.5, 3).tolist() == [0, 1, 0]


def test_a_rim_that_goes_on_into_its_own_region_is_not_to_be_had_by_another():
    place = np.zeros((4, 3))
    rims = Rims(place, place, place, np.array([0, 0, 1, 1]))
    own = Bridges(np.array([[0, 1], [0, 2], [1, 3]]), np.array([1.0, 2.0, 2.0]))
    assert join_over_gaps(rims, own, 0.5, 2).tolist() == [0, 1]
    open_ends = Bridges(own.pairs, np.array([3.0, 2.0, 2.0]))
    assert join_over_gaps(rims, open_ends, 0.5, 2).tolist() == [0, 0]


def test_the_rim_of_a_square_sheet_is_its_outside():
    y, x = np.mgrid[20:80:5, 20:80:5].astype(float)
    centre = np.column_stack([np.full(y.size, 30.0), y.ravel(), x.ravel()])
    count = len(centre)
    normal = np.repeat([[1.0, 0.0, 0.0]], count, axis=0)
    patches = Patches(centre, normal, np.full(count, 25), np.arange(count))
    rims = find_rims(patches, np.zeros(count, dtype=int), (60, 100, 100))
    depth = np.minimum(rims.place[:, 1:] - 20, 75 - rims.place[:, 1:]).min(axis=1)
    assert depth.max() <= 5.0
    assert (depth == 0).sum() == 4 * 11
    assert ((rims.place[:, 1:] - 47.5) * rims.outward[:, 1:]).sum(axis=1).min() > 0


def test_where_the_volume_ends_there_is_no_rim():
    y, x = np.mgrid[2:100:5, 2:100:5].astype(float)
    centre = np.column_stack([np.full(y.size, 30.0), y.ravel(), x.ravel()])
    count = len(centre)
    patches = Patches(
        centre, np.repeat([[1.0, 0, 0]], count, axis=0), np.full(count, 25), np.arange(count)
    )
    assert len(find_rims(patches, np.zeros(count, dtype=int), (60, 100, 100))) == 0
