from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from membraneseg.group.config import GroupConfig, VolumeGeometry
from membraneseg.group.evidence import sphere_directions
from membraneseg.group.faint import Front, find_faint, own_profile, sample_profiles
from membraneseg.group.following import follow_membranes
from membraneseg.group.merging import group_membranes
from synth2d.wedge import wedge_depth_deg

SHAPE = (56, 84, 84)
CENTRE = np.array([27.5, 41.5, 41.5])
RADIUS = 26.0
GEOMETRY = VolumeGeometry(1.0, np.zeros(3), 60.0)


def polar():
    """Offsets from the centre (Z, Y, X, 3) and azimuth from x in the slice, degrees."""
    apart = np.moveaxis(np.indices(SHAPE), 0, -1) - CENTRE
    return apart, np.rad2deg(np.arctan2(apart[..., 1], apart[..., 2]))


def shell(radius=RADIUS):
    """A membrane of the phantom, as the wedge leaves it."""
    apart, _ = polar()
    distance = np.linalg.norm(apart, axis=-1)
    normal = apart / np.maximum(distance, 1e-9)[..., None]
    seen = wedge_depth_deg(normal.reshape(-1, 3), 60.0).reshape(SHAPE) < 0
    return (np.exp(-(((distance - radius) / 1.5) ** 2)) * seen).astype(np.float32)


def noisy(membrane, seed=0):
    """Densities: dark membranes in noise as strong as they are."""
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    return (noise - membrane).astype(np.float32)


def seen_share(groups):
    """Share of the visible sphere within 3 voxels of the points, and the points' distances."""
    points = np.concatenate([g.points_zyx_A for g in groups])
    normal = sphere_directions(2000)
    places = CENTRE + RADIUS * normal
    inside = (np.abs(places - CENTRE)[:, 0] < 22) & (wedge_depth_deg(normal, 60.0) < 0)
    near = cKDTree(points).query(places[inside])[0] < 3.0
    return near.mean(), np.abs(np.linalg.norm(points - CENTRE, axis=1) - RADIUS)


def test_a_flank_that_the_network_missed_is_followed_in_the_density():
    _, azimuth = polar()
    probability = shell() * (np.abs(azimuth) < 110)
    groups = group_membranes([], probability, GEOMETRY, GroupConfig())
    whole = follow_membranes(groups, [probability, noisy(shell())], GEOMETRY, GroupConfig())
    assert len(groups) == len(whole) == 1
    assert seen_share(groups)[0] < 0.7
    share, distance = seen_share(whole)
    assert share > 0.95
    assert distance.mean() < 0.3
    assert np.percentile(distance, 99) < 1.5
    assert whole[0].closed


def test_a_weak_rest_of_the_probability_is_followed_without_densities():
    _, azimuth = polar()
    probability = shell() * np.where(np.abs(azimuth) < 110, 1.0, 0.4)
    groups = group_membranes([], probability, GEOMETRY, GroupConfig())
    whole = follow_membranes(groups, [probability], GEOMETRY, GroupConfig())
    assert seen_share(groups)[0] < 0.7
    assert seen_share(whole)[0] > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_followed_into_noise(seed):
    _, azimuth = polar()
    half = shell() * (np.abs(azimuth) < 110)
    groups = group_membranes([], half, GEOMETRY, GroupConfig())
    same = follow_membranes(groups, [half, noisy(half, seed)], GEOMETRY, GroupConfig())
    assert len(same[0].points_zyx_A) == len(groups[0].points_zyx_A)


def test_a_membrane_that_ends_is_not_followed_onto_its_inner_neighbour():
    _, azimuth = polar()
    half = shell() * (np.abs(azimuth) < 110)
    both = np.maximum(half, shell(RADIUS - 4.5))
    groups = group_membranes([], both, GEOMETRY, GroupConfig())
    same = follow_membranes(groups, [both, noisy(both)], GEOMETRY, GroupConfig())
    assert len(groups) == len(same) == 2
    for group in [*groups, *same]:
        radius = np.linalg.norm(group.points_zyx_A - CENTRE, axis=1)
        assert np.ptp(np.percentile(radius, [2, 98])) < 2.0


def test_two_parts_of_a_vesicle_are_joined_over_a_stretch_that_only_the_density_shows():
    _, azimuth = polar()
    parted = (np.abs(azimuth) < 100) | (np.abs(azimuth) > 140)
    probability = shell() * parted
    config = replace(GroupConfig(), max_gap_px=1.0)  # nothing is bridged unseen
    groups = group_membranes([], probability, GEOMETRY, config)
    assert len(groups) == 2
    assert len(follow_membranes(groups, [probability, noisy(shell())], GEOMETRY, config)) == 1
    assert len(follow_membranes(groups, [probability, noisy(probability)], GEOMETRY, config)) == 2


def test_unit_and_origin_only_move_what_is_followed():
    _, azimuth = polar()
    probability = shell() * (np.abs(azimuth) < 110)
    volumes = [probability, noisy(shell())]
    moved = VolumeGeometry(13.5, np.array([10.0, -200.0, 35.0]), 60.0)
    here, there = (
        follow_membranes(
            group_membranes([], probability, where, GroupConfig()), volumes, where, GroupConfig()
        )
        for where in (GEOMETRY, moved)
    )
    np.testing.assert_allclose(
        there[0].points_zyx_A, here[0].points_zyx_A * 13.5 + moved.origin_zyx_A, atol=1e-6
    )


def test_profiles_of_a_ramp_are_the_ramp():
    volume = np.broadcast_to(np.arange(30, dtype=np.float32), (30, 30, 30))
    place = np.array([[15.0, 15.0, 12.25]])
    along, across = np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(
        sample_profiles(volume, place, along, 3)[0], 12.25 + np.arange(-3, 4), rtol=1e-6
    )
    np.testing.assert_allclose(sample_profiles(volume, place, across, 3)[0], 12.25, rtol=1e-6)


def test_a_faint_wall_is_found_where_it_stands():
    z, y = np.meshgrid(np.arange(10.0, 50.0, 2.0), np.arange(10.0, 50.0, 2.0), indexing="ij")
    outward = np.tile([0.0, 0.0, 1.0], (z.size, 1))
    x = np.arange(80.0)
    wall = np.exp(-(((x - 41.3) / 1.5) ** 2))
    rng = np.random.default_rng(1)
    volume = (rng.normal(size=(60, 60, 80)) * 0.3 - wall).astype(np.float32)
    on_wall = np.column_stack([z.ravel(), y.ravel(), np.full(z.size, 41.3)])
    own = own_profile(volume, on_wall, outward)
    np.testing.assert_allclose(own, own[::-1])
    assert own.mean() == pytest.approx(0.0, abs=1e-9)
    front = Front(on_wall - [0.0, 0.0, 1.3], outward, np.full(z.size, 8.0))
    faint = (rng.normal(size=volume.shape) * 0.3 - 0.5 * wall).astype(np.float32)
    index, offset, _ = find_faint(faint, front, own, 6.0, 0.3)
    assert len(index) > 50
    np.testing.assert_allclose(offset, 1.3, atol=0.5)
    assert len(find_faint(faint, front, own, 6.0, 0.7)[0]) == 0
