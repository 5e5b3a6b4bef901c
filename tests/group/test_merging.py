import numpy as np
import pytest
from scipy.spatial import cKDTree
from sklearn.metrics import adjusted_rand_score

from membraneseg.errors import MembraneSegError
from membraneseg.group.config import GroupConfig, VolumeGeometry
from membraneseg.group.fragments import FragmentConfig, trace_fragments
from membraneseg.group.merging import group_membranes

GEOMETRY = VolumeGeometry(1.0, np.zeros(3), 60.0)


def found_groups(probability, geometry=GEOMETRY):
    fragments = trace_fragments(probability, FragmentConfig())
    return group_membranes(fragments, probability, geometry, GroupConfig())


def purity_and_rand(groups, scene):
    """Share of points on the membrane of their group's majority, and adjusted Rand index."""
    points = np.concatenate([g.points_zyx_A for g in groups])
    label = np.concatenate([[g.label] * len(g.points_zyx_A) for g in groups])
    truth, unique = scene.truth(points)
    clear = unique & (truth >= 0)
    pure = sum(np.bincount(truth[clear & (label == g.label)]).max(initial=0) for g in groups) / max(
        1, int(clear.sum())
    )
    return pure, adjusted_rand_score(truth[clear], label[clear])


@pytest.mark.parametrize("gap_px", [0.0, 1.0, 2.0])
def test_two_touching_vesicles_are_two_membranes(scenes, gap_px):
    direction = np.array([0.1, 0.5, 0.86])
    first = np.array([32.0, 45, 45])
    bodies = [
        scenes["body"](tuple(first), (26, 26, 26)),
        scenes["body"](tuple(first + direction * (26 + 18 + gap_px)), (18, 18, 18)),
    ]
    scene = scenes["paint"]((64, 100, 120), bodies, np.random.default_rng(int(gap_px)))
    groups = found_groups(scene.probability)
    assert [g.closed for g in groups] == [True, True]
    pure, rand = purity_and_rand(groups, scene)
    assert pure > 0.98
    assert rand > 0.96


@pytest.mark.parametrize("gap_px", [4.5, 8.0])
def test_two_nested_vesicles_are_two_membranes(scenes, gap_px):
    outer = scenes["body"]((40, 48, 48), (30, 34, 36))
    inner = scenes["body"]((40, 48, 48), (30 - gap_px, 34 - gap_px, 36 - gap_px))
    scene = scenes["paint"]((80, 96, 96), [outer, inner], np.random.default_rng(5))
    groups = found_groups(scene.probability)
    assert [g.closed for g in groups] == [True, True]
    pure, rand = purity_and_rand(groups, scene)
    assert pure > 0.98
    assert rand > 0.96


def test_two_facing_lunes_of_one_vesicle_are_one_membrane(scenes):
    scene = scenes["paint"](
        (64, 80, 80), [scenes["body"]((32, 40, 40), (24, 24, 24))], np.random.default_rng(0)
    )
    probability = scene.probability.copy()
    probability[:, :, 30:50] = 0  # parts the lunes for good
    (group,) = found_groups(probability)
    assert group.closed
    x = group.points_zyx_A[:, 2]
    assert 0.3 < (x < 40).mean() < 0.7


def test_a_sheet_is_one_open_membrane():
    probability = np.zeros((40, 90, 60), np.float32)
    x = 30 + 6 * np.sin(np.arange(90) / 14.0)
    distance = np.abs(np.arange(60)[None, None, :] - x[None, :, None])
    probability[5:35] = np.exp(-((distance / 1.5) ** 2))
    groups = found_groups(probability)
    assert [g.closed for g in groups] == [False]
    assert len(groups[0].points_zyx_A) > 0.95 * 30 * 84


def test_blobs_streaks_and_noise_are_no_membranes(scenes):
    far = scenes["body"]((-500, 0, 0), (5, 5, 5))
    scene = scenes["paint"]((64, 160, 160), [far], np.random.default_rng(7))
    assert scene.probability.max() > 0.5
    assert found_groups(scene.probability) == []


def test_unit_and_origin_only_move_the_points(scenes):
    scene = scenes["paint"](
        (48, 60, 60), [scenes["body"]((24, 30, 30), (18, 18, 18))], np.random.default_rng(1)
    )
    origin = np.array([-100.0, 7.0, 33.0])
    (plain,) = found_groups(scene.probability)
    (moved,) = found_groups(scene.probability, VolumeGeometry(13.5, origin, 60.0))
    assert moved.points_zyx_A == pytest.approx(plain.points_zyx_A * 13.5 + origin)
    assert np.array_equal(moved.fragment_ids, plain.fragment_ids)


def test_mirroring_the_volume_mirrors_the_groups(scenes):
    rng = np.random.default_rng(11)
    bodies = [
        scenes["body"]((32, 40, 35), (20, 22, 24)),
        scenes["body"]((32, 45, 85), (16, 18, 17)),
    ]
    probability = scenes["paint"]((64, 90, 120), bodies, rng).probability
    one = found_groups(probability)
    other = found_groups(np.ascontiguousarray(probability[:, :, ::-1]))
    assert len(one) == len(other) == 2
    back = other[0].points_zyx_A * [1, 1, -1] + [0, 0, 119]
    distance = cKDTree(one[0].points_zyx_A).query(back)[0]
    assert np.quantile(distance, 0.95) < 1.5


def test_groups_are_numbered_from_the_largest(scenes):
    bodies = [
        scenes["body"]((32, 30, 30), (12, 12, 12)),
        scenes["body"]((32, 50, 85), (24, 24, 24)),
    ]
    scene = scenes["paint"]((64, 90, 120), bodies, np.random.default_rng(3))
    groups = found_groups(scene.probability)
    assert [g.label for g in groups] == [1, 2]
    radii = [np.ptp(g.points_zyx_A[:, 2]) / 2 for g in groups]
    assert radii == pytest.approx([24, 12], abs=1.5)


def test_no_curves_no_membranes():
    assert found_groups(np.zeros((4, 30, 30), np.float32)) == []


def test_a_share_above_one_is_refused():
    with pytest.raises(MembraneSegError, match="must lie in 0 to 1"):
        GroupConfig(min_support=1.5)
