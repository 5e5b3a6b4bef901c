import numpy as np
import pytest
from ring_pictures import PLAIN, arc, concentric_rings, scene_of, turned

from rl_agent.bridges import bridge_angles, bridge_curves
from rl_agent.circles import circles_through, tails
from rl_agent.ends import fragment_ends
from rl_agent.matching import match_ends

ONE, OTHER = np.array([1]), np.array([2])


def test_ends_of_an_arc_have_its_tangents_curvature_length_and_turning():
    ends = fragment_ends([arc(40, 0, 90)])
    assert ends.position == pytest.approx(np.array([[0, 40], [40, 0]]), abs=1e-9)
    assert ends.tangent == pytest.approx(np.array([[-1, 0], [0, -1]]), abs=0.02)
    assert np.abs(ends.curvature) == pytest.approx([1 / 40, 1 / 40], rel=0.15)
    assert ends.curvature[0] * ends.curvature[1] < 0  # walked out, one turns left, one right
    assert ends.length == pytest.approx([20 * np.pi] * 2, rel=1e-3)
    assert np.abs(ends.turning) == pytest.approx([np.pi / 2] * 2, abs=0.04)
    assert ends.turning[0] == -ends.turning[1]


def test_a_fragment_of_three_quarters_of_a_circle_turns_by_that():
    assert abs(fragment_ends([arc(20, 10, 280)]).turning[0]) == pytest.approx(1.5 * np.pi, abs=0.1)


def test_a_bridge_between_arcs_of_one_circle_lies_on_it_and_turns_by_the_gap():
    ends = fragment_ends([arc(50, 0, 60), arc(50, 120, 180)])
    angles = bridge_angles(ends, ONE, OTHER)
    assert angles.gap[0] == pytest.approx(50.0)  # the chord of 60 degrees
    assert angles.leave[0] == pytest.approx(angles.enter[0], abs=0.01)
    assert abs(angles.turn[0]) == pytest.approx(np.pi / 3, abs=0.04)
    points, directions = bridge_curves(ends, ONE, OTHER)
    assert np.linalg.norm(points[0], axis=1) == pytest.approx(50.0, abs=0.3)
    assert np.linalg.norm(directions[0], axis=1) == pytest.approx(1.0)


def test_a_bridge_walked_backwards_has_the_same_points_and_turns_the_other_way():
    ends = fragment_ends([arc(50, 0, 60), arc(30, 120, 180, (5.0, 3.0))])
    there, back = bridge_angles(ends, ONE, OTHER), bridge_angles(ends, OTHER, ONE)
    assert there.turn == pytest.approx(-back.turn)
    points = bridge_curves(ends, ONE, OTHER)[0], bridge_curves(ends, OTHER, ONE)[0]
    assert points[0][0] == pytest.approx(points[1][0, ::-1])


def joint_circle(*curves):
    """Walk the curves from first to last point."""
    ends = tails(curves, 1.0)
    parts = [ends[1::2][:-1, ::-1], ends[None, -2]]
    misfit, sweep = circles_through([part[None] for part in (*parts[0], *parts[1])])
    return misfit[0], sweep[0]


def test_one_circle_holds_arcs_of_it_and_not_arcs_of_two():
    first, last = arc(50, 0, 60), arc(50, 120, 180)
    misfit, sweep = joint_circle(first, last)
    assert misfit == pytest.approx(0.0, abs=0.01)
    assert sweep == pytest.approx(1 / 3, abs=0.01)  # 60 degrees, in half-turns
    assert joint_circle(first, arc(50, 80, 100), last)[0] == pytest.approx(0.0, abs=0.01)
    assert joint_circle(first, arc(40, 120, 180))[0] > 0.5


def test_a_circle_holds_a_straight_line():
    line = np.stack([np.arange(60.0), 0.5 * np.arange(60.0)], axis=1)
    assert joint_circle(line[:20], line[40:])[0] == pytest.approx(0.0, abs=1e-3)


def test_own_other_end_is_always_a_candidate():
    curves, _ = concentric_rings()
    scene = scene_of([*curves, arc(8, 0, 40, (90.0, 90.0))])
    own = np.arange(len(scene.candidates)) ^ 1
    assert (scene.candidates == own[:, None]).sum(axis=1).tolist() == [1] * len(own)


def test_a_bridge_through_a_fragment_crosses_it():
    left, right = np.zeros((20, 2)), np.zeros((20, 2))
    left[:, 1], right[:, 1] = np.arange(20.0), np.arange(40.0, 60.0)
    wall = np.stack([np.arange(-10.0, 11.0), np.full(21, 30.0)], axis=1)
    for curves, crossed in (([left, right], False), ([left, right, wall], True)):
        scene = scene_of(curves)
        slot = int(np.flatnonzero(scene.candidates[1] == 2)[0])
        assert scene.crossing[1, slot] == crossed


@pytest.mark.parametrize("angle_rad", [0.3, np.pi / 2, 2.9])
def test_turning_the_picture_changes_no_feature(angle_rad):
    curves, _ = concentric_rings()
    still, moved = scene_of(curves), scene_of(turned(curves, angle_rad))
    assert (still.candidates == moved.candidates).all()
    assert moved.features == pytest.approx(still.features, abs=1e-4)
    assert moved.own_features == pytest.approx(still.own_features, abs=1e-6)


def test_mirroring_the_picture_changes_no_feature_and_the_sign_of_turns():
    curves, _ = concentric_rings()
    still, mirrored = scene_of(curves), scene_of([c * [1.0, -1.0] for c in curves])
    assert mirrored.features == pytest.approx(still.features, abs=1e-4)
    assert mirrored.turn == pytest.approx(-still.turn, abs=1e-9)


def test_scaling_picture_and_unit_together_changes_nothing():
    curves, _ = concentric_rings()
    still, larger = scene_of(curves), scene_of([3.5 * c for c in curves], unit=3.5)
    assert larger.features == pytest.approx(still.features, abs=1e-4)


def test_listing_fragments_in_another_order_lists_the_features_in_that_order():
    curves, _ = concentric_rings()
    order = [3, 0, 4, 2, 1]
    still, other = scene_of(curves), scene_of([curves[i] for i in order])
    new_of_old = np.empty(10, dtype=int)
    for place, old in enumerate(order):
        new_of_old[[2 * old, 2 * old + 1]] = 2 * place, 2 * place + 1
    expected = np.where(still.candidates < 0, -1, new_of_old[still.candidates])
    assert (other.candidates[new_of_old] == expected).all()
    assert other.features[new_of_old] == pytest.approx(still.features, abs=1e-5)


def test_matching_links_two_concentric_rings_whatever_their_order():
    curves, truth = concentric_rings()
    assert (match_ends(scene_of(curves)) == truth).all()


def test_what_has_no_extent_is_refused():
    with pytest.raises(ValueError, match="no length"):
        fragment_ends([np.ones((4, 2))])
    with pytest.raises(ValueError, match="unit is 0"):
        scene_of([arc(9, 0, 90)], PLAIN, unit=0)
