import numpy as np
import pytest
from scipy.spatial import cKDTree
from sklearn.metrics import adjusted_rand_score

from membraneseg.errors import MembraneSegError
from membraneseg.group.config import GroupConfig, VolumeGeometry
from membraneseg.group.fragments import FragmentConfig, trace_fragments
from membraneseg.group.merging import group_membranes

GEOMETRY = VolumeGeometry(1.0, np.zeros(3), 60.0)


def found_groups(probability, geometry=GEOMETRY, **settings):
    config = GroupConfig(**settings)
    fragments = []
    if config.method != "merge":
        fragments = trace_fragments(probability, FragmentConfig())
    return group_membranes(fragments, probability, geometry, config)


def sheets(x_of_y, x_px, shape=(30, 80, 60)):
    """Walls of one voxel, marked surely, at x = x_of_y(y) + each of x_px."""
    x = np.arange(shape[2])[None, None, :] - x_of_y(np.arange(shape[1]))[None, :, None]
    probability = np.zeros(shape, dtype=np.float32)
    for at in x_px:
        probability = np.maximum(probability, np.maximum(1 - np.abs(x - at), 0))
    return probability.astype(np.float32)


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


@pytest.mark.parametrize("apart_px", [2.5, 3.0, 4.0, 6.0])
def test_two_parallel_walls_are_two_membranes(apart_px):
    probability = sheets(lambda y: 25 + 4 * np.sin(y / 15.0), [0.0, apart_px])
    groups = found_groups(probability, smoothing_px=0.7, even_probability=0.2)
    assert len(groups) == 2
    for group in groups:
        points = group.points_zyx_A
        offset = points[:, 2] - 25 - 4 * np.sin(points[:, 1] / 15.0)
        assert np.ptp(offset) < 1.2  # never on both walls


def test_two_walls_two_voxels_apart_that_touch_in_places_are_two_membranes():
    probability = sheets(lambda y: 25.0 + 0 * y, [0.0, 3.0])
    probability[10:13, 30:33, 25:29] = 1.0  # the network filled the space between them
    groups = found_groups(probability, smoothing_px=0.7, even_probability=0.2)
    assert len(groups) == 2


def test_two_pieces_that_part_in_some_slices_join_through_the_others():
    probability = sheets(lambda y: 25 + 4 * np.sin(y / 15.0), [0.0])
    probability[:22, 34:46] = 0.0
    (group,) = found_groups(probability, smoothing_px=0.7, even_probability=0.2)
    assert (group.points_zyx_A[:, 1] < 34).any()
    assert (group.points_zyx_A[:, 1] > 46).any()


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


def test_lunes_too_weak_to_be_believed_alone_are_believed_together(scenes):
    scene = scenes["paint"](
        (48, 60, 60), [scenes["body"]((24, 30, 30), (14, 14, 14))], np.random.default_rng(0)
    )
    probability = scene.probability.copy()
    probability[:, :, 24:36] = 0
    west, east = probability.copy(), probability.copy()
    west[:, :, 30:], east[:, :, :30] = 0, 0
    assert [len(found_groups(one, min_area_open_px2=1.0)) for one in (west, east)] == [1, 1]
    least = {"min_evidence_px2": 175.0, "min_area_open_px2": 1.0}
    assert [found_groups(one, **least) for one in (west, east)] == [[], []]
    assert len(found_groups(probability, **least)) == 1


def test_a_sheet_that_the_wedge_has_parted_is_one_membrane_and_one_with_a_hole_in_sight_is_not():
    x = np.mgrid[:80, :80][1].astype(float)
    flank = np.abs(x - 40)
    hidden = 20 - np.where(flank > 12, 0.8 * (flank - 12), 0)  # a roof: flat along the ridge
    z = np.arange(60)[:, None, None]
    probability = np.exp(-(((z - hidden - 15) / 2.0) ** 2)).astype(np.float32)
    probability[:, flank < 12] = 0.0
    assert len(found_groups(probability, min_area_open_px2=100.0)) == 1
    standing = np.ascontiguousarray(np.swapaxes(probability, 0, 2))  # the gap now faces x
    assert len(found_groups(standing, min_area_open_px2=100.0)) == 2


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


def test_what_lies_where_nothing_can_be_seen_is_no_membrane():
    lying = np.moveaxis(sheets(lambda y: 30 + 0 * y, [0.0]), 2, 0)  # normal along the beam
    assert found_groups(lying, even_probability=0.2) == []
    assert len(found_groups(np.moveaxis(lying, 0, 2), even_probability=0.2)) == 1


def test_unit_and_origin_only_move_the_points(scenes):
    scene = scenes["paint"](
        (48, 60, 60), [scenes["body"]((24, 30, 30), (18, 18, 18))], np.random.default_rng(1)
    )
    origin = np.array([-100.0, 7.0, 33.0])
    (plain,) = found_groups(scene.probability)
    (moved,) = found_groups(scene.probability, VolumeGeometry(13.5, origin, 60.0))
    assert moved.points_zyx_A == pytest.approx(plain.points_zyx_A * 13.5 + origin)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mirroring_the_volume_mirrors_the_groups(scenes, axis):
    bodies = [
        scenes["body"]((32, 40, 35), (20, 22, 24)),
        scenes["body"]((32, 45, 82), (16, 18, 17)),
    ]
    rng = np.random.default_rng(11)
    probability = scenes["paint"]((64, 90, 120), bodies, rng).probability
    one = found_groups(probability)
    other = found_groups(np.ascontiguousarray(np.flip(probability, axis)))
    assert len(one) == len(other) == 2
    for group, twin in zip(one, other, strict=True):
        back = twin.points_zyx_A.copy()
        back[:, axis] = probability.shape[axis] - 1 - back[:, axis]
        assert len(back) == pytest.approx(len(group.points_zyx_A), rel=0.002)
        assert np.quantile(cKDTree(group.points_zyx_A).query(back)[0], 0.99) < 1e-3


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


@pytest.mark.parametrize("method", ["rl", "both"])
def test_curves_of_slices_make_the_membranes_that_merging_makes(scenes, method):
    bodies = [
        scenes["body"]((32, 34, 34), (22, 22, 22)),
        scenes["body"]((32, 50, 82), (18, 18, 18)),
    ]
    scene = scenes["paint"]((64, 90, 120), bodies, np.random.default_rng(4))
    groups = found_groups(scene.probability, method=method)
    assert [g.closed for g in groups] == [True, True]
    pure, rand = purity_and_rand(groups, scene)
    assert pure > 0.98
    assert rand > 0.96


@pytest.mark.parametrize("method", ["merge", "rl", "both"])
def test_nothing_in_sight_no_membranes(method):
    assert found_groups(np.zeros((4, 30, 30), np.float32), method=method) == []
    faint = np.full((8, 30, 30), 0.3, np.float32)
    assert found_groups(faint, method=method) == []


def test_a_share_above_one_and_an_unknown_method_are_refused():
    with pytest.raises(MembraneSegError, match="must lie in 0 to 1"):
        GroupConfig(min_support=1.5)
    with pytest.raises(MembraneSegError, match="one of merge, rl, both"):
        GroupConfig(method="walker")
