"""Filaments: stiffness and helices against their closed forms, and room for each."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import beads_of, soluble
from membraneseg.phantom.box import Box
from membraneseg.phantom.chains import ChainStyle, deflection_length_A, grow_chains
from membraneseg.phantom.filaments import FilamentsConfig, with_filaments
from membraneseg.phantom.helices import BUILT_IN_FILAMENTS, built_in_subunit, subunits_along
from membraneseg.phantom.occupancy import Space

VOXEL_A = 12.0
BOX = Box((40, 120, 130), VOXEL_A, np.array([10.0, -300.0, 50.0]))


def empty(constraint="sides", box=BOX, **more):
    return Space(box, np.zeros(box.shape_zyx, dtype=bool), constraint, **more)


def straight(name, steps=200):
    """Subunits of a straight filament along z: centres (S, M, 3) and rotations (S, M, 3, 3)."""
    lattice = BUILT_IN_FILAMENTS[name].lattice
    points = np.arange(steps)[:, None] * np.array([lattice.repeat_A, 0.0, 0.0])
    frames = np.broadcast_to(np.eye(3), (steps, 3, 3))
    return lattice, *subunits_along(points, frames, lattice, 17.0)


def chains(count, steps, style, seed=0):
    frames = np.broadcast_to(np.eye(3), (count, 3, 3))
    zeros = np.zeros((count, 3))
    return grow_chains(zeros, frames, zeros[:, 0], steps, style, np.random.default_rng(seed))


def handed_angle_deg(first_yx, second_yx):
    """Angle about z from one direction to the other, right-handed in xyz (x towards y)."""
    angles = np.arctan2(first_yx[..., 0], first_yx[..., 1])
    others = np.arctan2(second_yx[..., 0], second_yx[..., 1])
    return np.rad2deg((others - angles + np.pi) % (2 * np.pi) - np.pi)


def test_directions_along_a_chain_forget_each_other_over_the_persistence_length():
    _, frames = chains(4000, 120, ChainStyle(25.0, 1000.0))
    tangents = frames[..., 0]
    cosines = (tangents[:, :1] * tangents).sum(axis=-1).mean(axis=0)
    lengths_A = np.arange(121) * 25.0
    assert cosines == pytest.approx(np.exp(-lengths_A / 1000.0), abs=0.03)


def test_the_mean_square_end_to_end_distance_is_that_of_kratky_and_porod():
    persistence_A, steps, step_A = 1000.0, 150, 10.0
    points, _ = chains(4000, steps, ChainStyle(step_A, persistence_A), seed=1)
    squared = (points[:, -1] ** 2).sum(axis=-1).mean()
    ratio = steps * step_A / persistence_A
    exact = 2 * persistence_A**2 * (ratio - 1 + np.exp(-ratio))
    assert squared == pytest.approx(exact, rel=0.03)


def test_chains_keep_their_step_and_their_frames_stay_rotations_that_do_not_twist():
    points, frames = chains(5, 1000, ChainStyle(27.6, 5000.0))
    steps = np.linalg.norm(np.diff(points, axis=1), axis=-1)
    assert steps == pytest.approx(np.full(steps.shape, 27.6), abs=1e-9)
    identity = np.broadcast_to(np.eye(3), frames.shape)
    assert frames @ frames.swapaxes(-1, -2) == pytest.approx(identity, abs=1e-9)
    relative = np.swapaxes(frames[:, :-1], -1, -2) @ frames[:, 1:]
    assert np.abs(relative[..., 1, 2] - relative[..., 2, 1]).max() < 1e-12


def test_a_confined_chain_keeps_to_its_level_with_the_wanted_spread():
    frames = np.broadcast_to(np.eye(3)[:, [2, 1, 0]] * [1, 1, -1], (300, 3, 3))
    assert np.linalg.det(frames[0]) == pytest.approx(1.0)
    style = ChainStyle(30.0, 1e5, deflection_length_A(1e5, 60.0))
    levels = np.full(300, 40.0)
    starts = np.stack([levels, 0 * levels, 0 * levels], axis=1)
    points, turned = grow_chains(starts, frames, levels, 1500, style, np.random.default_rng(2))
    late = points[:, 500:, 0]
    assert late.mean() == pytest.approx(40.0, abs=5.0)
    assert late.std() == pytest.approx(60.0, rel=0.07)
    # in the plane it is still a worm-like chain, of which one bend is left: exp(−s / 2P)
    heading = turned[:, :, 1:, 0]
    cosine = (heading[:, 0] * heading[:, 1000]).sum(axis=-1).mean()
    assert cosine == pytest.approx(np.exp(-30.0 * 1000 / 2e5), abs=0.03)


def test_actin_rises_27_6_angstrom_and_turns_by_minus_166_7_degrees():
    lattice, centres, rotations = straight("actin")
    rise = np.diff(centres[:, 0, 0])
    assert rise == pytest.approx(np.full(199, 27.6), abs=1e-9)
    turn = handed_angle_deg(centres[:-1, 0, 1:], centres[1:, 0, 1:])
    assert turn == pytest.approx(np.full(199, -166.7), abs=1e-9)
    two_on = handed_angle_deg(centres[:-2, 0, 1:], centres[2:, 0, 1:])
    assert (two_on > 0).all()  # the two long strands are right-handed
    crossover_A = 180.0 / two_on.mean() * 2 * lattice.repeat_A
    assert crossover_A == pytest.approx(370.0, abs=8.0)
    outward = rotations[:, 0, :, 2]
    axis_to_centre = centres[:, 0] * [0.0, 1.0, 1.0]
    assert outward * lattice.radius_A == pytest.approx(axis_to_centre, abs=1e-9)


def test_a_microtubule_has_13_straight_protofilaments_on_a_left_handed_3_start_helix():
    _, centres, _ = straight("microtubule", 60)
    angles = np.rad2deg(np.arctan2(centres[..., 1], centres[..., 2]))
    assert np.abs(angles - angles[0]).max() < 1e-9
    assert len(np.unique(np.round(angles[0] % 360.0, 6))) == 13
    assert np.diff(np.sort(angles[0])) == pytest.approx(np.full(12, 360.0 / 13), abs=1e-6)
    flat = centres.reshape(-1, 3)
    middle = flat[np.abs(flat[:, 0] - flat[:, 0].mean()) < 100.0]
    tree = cKDTree(flat)
    for monomer in middle:
        near = flat[tree.query(monomer, 9)[1]][1:]
        turn = handed_angle_deg(monomer[None, 1:], near[:, 1:])
        left = near[np.isclose(turn, -360.0 / 13)]
        climb = left[:, 0] - monomer[0]
        assert np.isclose(climb, 3 * 40.9 / 13, atol=1e-6).any()


@pytest.mark.parametrize(
    ("name", "inner_A", "outer_A"), [("actin", 0.0, 40.0), ("microtubule", 85.0, 125.0)]
)
def test_the_width_of_a_filament_is_the_published_one(name, inner_A, outer_A):
    _, centres, rotations = straight(name, 60)
    subunit = built_in_subunit(name, 3.0)
    particles = soluble(subunit, centres.reshape(-1, 3), rotations.reshape(-1, 3, 3))
    positions, _, _ = beads_of(particles)
    radii = np.hypot(positions[:, 1], positions[:, 2])
    assert np.quantile(radii, 0.995) == pytest.approx(outer_A, abs=4.0)
    assert np.quantile(radii, 0.005) == pytest.approx(inner_A, abs=4.0)


def test_the_mass_of_filaments_per_length_is_that_of_their_subunits():
    # 42 kDa per 27.6 Å of actin, 13 · 50 kDa per 40.9 Å of microtubule, at 1.21 Å³ per dalton
    for name, mass_Da in (("actin", 42e3), ("microtubule", 50e3)):
        assert built_in_subunit(name, 3.0).volume_A3 == pytest.approx(1.21 * mass_Da, rel=0.08)


@pytest.fixture(scope="module")
def placed():
    config = FilamentsConfig(actin_count=5, cofilactin_count=2, microtubule_count=3)
    return with_filaments(empty(), config, np.random.default_rng(3))


def filaments_of(placement):
    for group in placement.particles:
        for number in np.unique(group.filament):
            yield group, group.filament == number


def test_filaments_cross_an_empty_box_and_are_numbered_through(placed):
    assert placed.wanted == placed.reached == 10
    numbers = np.concatenate([np.unique(group.filament) for group in placed.particles])
    assert numbers.tolist() == list(range(1, 11))
    names = [group.molecule.name for group in placed.particles]
    assert names == ["microtubule", "cofilactin", "actin"]
    spans = [
        np.linalg.norm(np.ptp(group.centres_zyx_A[own], axis=0))
        for group, own in filaments_of(placed)
    ]
    assert np.median(spans) > 0.6 * 120 * VOXEL_A
    ends = np.concatenate(
        [group.centres_zyx_A[own][[0, -1], 1:] for group, own in filaments_of(placed)]
    )
    beyond = (ends < BOX.low_A[1:]) | (ends > BOX.high_A[1:])
    assert beyond.any(axis=1).mean() >= 0.5


def test_filaments_keep_clear_of_each_other_and_of_the_surfaces_of_the_ice(placed):
    seen = set()
    for group, own in filaments_of(placed):
        part = soluble(group.molecule, group.centres_zyx_A[own], group.rotations[own])
        index = BOX.to_index(beads_of(part)[0])
        assert index[:, 0].min() >= -0.5
        assert index[:, 0].max() <= BOX.shape_zyx[0] - 0.5
        voxels = np.rint(index).astype(int)
        inside = ((voxels >= 0) & (voxels < BOX.shape_zyx)).all(axis=1)
        mine = set(map(tuple, voxels[inside].tolist()))
        assert not mine & seen
        seen |= mine
    taken = set(map(tuple, np.argwhere(placed.space.occupied).tolist()))
    assert taken == seen


def test_subunits_follow_each_other_along_each_filament(placed):
    actin = placed.particles[-1]
    lattice = BUILT_IN_FILAMENTS["actin"].lattice
    for number in np.unique(actin.filament):
        own = actin.filament == number
        axis = actin.centres_zyx_A[own] - lattice.radius_A * actin.rotations[own][:, :, 2]
        steps = np.linalg.norm(np.diff(axis, axis=0), axis=1)
        assert steps == pytest.approx(np.full(len(steps), lattice.repeat_A), abs=0.1)


def test_a_filament_ends_before_what_stands_in_its_way():
    occupied = np.zeros(BOX.shape_zyx, dtype=bool)
    occupied[:, 55:65] = True
    config = FilamentsConfig(actin_count=12, length_min_nm=60.0)
    result = with_filaments(Space(BOX, occupied, "sides"), config, np.random.default_rng(4))
    assert result.reached >= 8
    for group, own in filaments_of(result):
        y = BOX.to_index(group.centres_zyx_A[own])[:, 1]
        assert (y < 55).all() or (y > 64).all()
    assert np.array_equal(
        occupied,
        np.isin(np.arange(120), range(55, 65))[None, :, None] & True | np.zeros_like(occupied),
    )


def test_without_surfaces_filaments_may_leave_through_any_wall():
    config = FilamentsConfig(actin_count=8, elevation_deg=60.0)
    result = with_filaments(empty("none"), config, np.random.default_rng(5))
    z = BOX.to_index(result.particles[0].centres_zyx_A)[:, 0]
    assert z.min() < -0.5
    assert z.max() > BOX.shape_zyx[0] - 0.5


def test_bundled_filaments_run_parallel_at_their_distance():
    config = FilamentsConfig(actin_count=1, bundle_size=3, bundle_gap_nm=5.0)
    result = with_filaments(empty("none"), config, np.random.default_rng(6))
    assert result.wanted == 3
    group = result.particles[0]
    lattice = BUILT_IN_FILAMENTS["actin"].lattice
    axis = group.centres_zyx_A - lattice.radius_A * group.rotations[:, :, 2]
    lines = [axis[group.filament == number] for number in np.unique(group.filament)]
    assert len(lines) >= 2
    nearest, _ = cKDTree(lines[0]).query(lines[1])
    expected = 2 * lattice.outer_radius_A + 50.0
    assert nearest.min() == pytest.approx(expected, abs=2.0)
    assert np.quantile(nearest, 0.9) < expected * 1.05


def test_no_room_gives_no_filaments():
    full = Space(BOX, np.ones(BOX.shape_zyx, dtype=bool), "sides")
    result = with_filaments(full, FilamentsConfig(actin_count=2), np.random.default_rng(7))
    assert (result.wanted, result.reached) == (2, 0)
    assert len(result.particles[0].centres_zyx_A) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"actin_count": -1},
        {"bundle_size": 0},
        {"length_min_nm": 900.0, "length_max_nm": 100.0},
        {"elevation_deg": 91.0},
        {"bundle_gap_nm": -1.0},
    ],
)
def test_impossible_filaments_are_refused(wrong):
    with pytest.raises(MembraneSegError, match=r"expected .* correct"):
        FilamentsConfig(**wrong)
