"""Beads on the grid: what is deposited and stamped, against sums, moments and geometry."""

from dataclasses import replace

import numpy as np
import pytest

from membraneseg.phantom.beads import (
    BEAD_SPACING_VOXELS,
    Molecule,
    Particles,
    beads_of,
    deposit,
    soluble,
    stamp,
)
from membraneseg.phantom.box import Box
from membraneseg.phantom.molecules import built_in
from membraneseg.phantom.rotations import frames_along, random_rotations, spins

VOXEL_A = 12.0
BOX = Box((20, 24, 28), VOXEL_A, np.array([-40.0, 100.0, 7.0]))


def cloud(count=40, seed=0, spread_A=15.0):
    rng = np.random.default_rng(seed)
    beads = rng.normal(0.0, spread_A, (count, 3)).clip(-40, 40)
    parts = rng.integers(0, 2, count)
    return Molecule("cloud", beads, rng.uniform(10, 90, count), parts, ("a", "b"), 5e4)


def single(position_zyx_A, potential_VA3=100.0):
    one = Molecule("dot", np.zeros((1, 3)), np.array([potential_VA3]), np.array([0]), ("dot",), 1.0)
    return soluble(one, np.atleast_2d(position_zyx_A), np.eye(3)[None])


def at_random(molecule, count, box, seed=1):
    rng = np.random.default_rng(seed)
    margin = molecule.radius_A + box.voxel_size_A
    centres = rng.uniform(box.low_A + margin, box.high_A - margin, (count, 3))
    return soluble(molecule, centres, random_rotations(count, rng))


def test_beads_stand_at_centre_plus_rotated_offset():
    molecule = cloud(7)
    particles = at_random(molecule, 5, BOX)
    positions, potential, parts = beads_of(particles)
    row = 0
    for centre, rotation in zip(particles.centres_zyx_A, particles.rotations, strict=True):
        for bead, weight, part in zip(
            molecule.beads_zyx_A, molecule.potential_VA3, molecule.parts, strict=True
        ):
            assert positions[row] == pytest.approx(centre + rotation @ bead, abs=1e-9)
            assert (potential[row], parts[row]) == (weight, part)
            row += 1
    assert row == len(positions)


def test_deposit_keeps_the_sum_and_the_centre_of_the_potential():
    particles = at_random(cloud(), 12, BOX)
    grid = deposit(BOX, [particles]).astype(np.float64)
    positions, potential, _ = beads_of(particles)
    assert grid.sum() * VOXEL_A**3 == pytest.approx(potential.sum(), rel=1e-5)
    voxels = BOX.to_angstrom(np.argwhere(np.ones(BOX.shape_zyx)))
    centre = (grid.reshape(-1, 1) * voxels).sum(axis=0) / grid.sum()
    exact = (potential[:, None] * positions).sum(axis=0) / potential.sum()
    assert centre == pytest.approx(exact, abs=1e-3)


def test_a_bead_on_a_voxel_fills_it_and_between_two_voxels_both_half():
    on = deposit(BOX, [single(BOX.to_angstrom(np.array([3.0, 4.0, 5.0])))])
    assert on[3, 4, 5] == pytest.approx(100.0 / VOXEL_A**3, rel=1e-5)
    assert np.count_nonzero(on > 1e-9) == 1
    between = deposit(BOX, [single(BOX.to_angstrom(np.array([3.0, 4.5, 5.0])))])
    assert between[3, 4:6, 5] == pytest.approx(np.full(2, 50.0 / VOXEL_A**3), rel=1e-5)


def test_what_lies_outside_the_box_is_dropped_on_every_side():
    shape = np.asarray(BOX.shape_zyx, dtype=float)
    for axis in range(3):
        for edge, step in ((0.0, -1.0), (shape[axis] - 1, 1.0)):
            index = shape // 2
            index[axis] = edge + 0.25 * step
            kept = deposit(BOX, [single(BOX.to_angstrom(index))]).sum() * VOXEL_A**3
            assert kept == pytest.approx(75.0, rel=1e-5)
            index[axis] = edge + 1.0 * step
            assert deposit(BOX, [single(BOX.to_angstrom(index))]).sum() == 0.0


def test_deposit_turns_with_the_scene():
    box = Box((24, 24, 24), 10.0, np.full(3, -115.0))  # centred on 0
    particles = at_random(cloud(), 6, box)
    quarter = spins(np.array([np.pi / 2]))[0]
    turned = soluble(
        particles.molecule, particles.centres_zyx_A @ quarter.T, quarter @ particles.rotations
    )
    expected = np.rot90(deposit(box, [particles]), axes=(2, 1))  # x towards y
    assert deposit(box, [turned]) == pytest.approx(expected, abs=1e-6)


def test_deposits_of_groups_add_up_whatever_the_chunks():
    many = at_random(built_in("proteasome", 5.0), 50, Box((40, 60, 60), 10.0, np.zeros(3)))
    box = Box((40, 60, 60), 10.0, np.zeros(3))
    halves = [
        Particles(
            many.molecule,
            many.centres_zyx_A[rows],
            many.rotations[rows],
            many.membrane[rows],
            many.filament[rows],
        )
        for rows in (slice(0, 17), slice(17, None))
    ]
    assert deposit(box, [many]) == pytest.approx(deposit(box, halves), abs=2e-5)
    assert np.array_equal(deposit(box, [many]), deposit(box, [many]))


@pytest.mark.parametrize("turn", ["along the grid", "at random"])
def test_the_label_of_a_sphere_has_no_holes_and_its_volume(turn):
    voxel_A, radius_A = 10.0, 50.0
    box = Box((18, 18, 18), voxel_A, np.full(3, -85.0))
    gold = built_in("gold_10nm", BEAD_SPACING_VOXELS * voxel_A)
    rng = np.random.default_rng(4)
    grid = box.to_angstrom(np.argwhere(np.ones(box.shape_zyx))).reshape(*box.shape_zyx, 3)
    volumes = []
    for _ in range(20):
        centre = rng.uniform(-voxel_A / 2, voxel_A / 2, (1, 3))
        rotation = np.eye(3)[None] if turn == "along the grid" else random_rotations(1, rng)
        labels = stamp(
            np.zeros(box.shape_zyx, np.int16), box, [soluble(gold, centre, rotation)], {"gold": 7}
        )
        distance = np.linalg.norm(grid - centre, axis=-1)
        assert (labels[distance < radius_A - 0.5 * voxel_A] == 7).all()
        assert (labels[distance > radius_A + 0.7 * voxel_A] == 0).all()
        volumes.append((labels == 7).sum() * voxel_A**3)
    assert np.mean(volumes) == pytest.approx(4 / 3 * np.pi * radius_A**3, rel=0.08)


def test_stamp_writes_the_class_of_each_part_and_leaves_class_0_and_its_argument_alone():
    beads = np.indices((7, 7, 7)).reshape(3, -1).T * 6.0 - 18.0
    parts = (beads[:, 2] > 0).astype(np.int64)
    pair = Molecule("pair", beads, np.ones(343), parts, ("actin", "cofilin"), 343 * 6.0**3)
    particles = soluble(pair, BOX.centre_A[None], np.eye(3)[None])
    before = np.full(BOX.shape_zyx, 9, dtype=np.int16)
    both = stamp(before, BOX, [particles], {"actin": 3, "cofilin": 4})
    assert (before == 9).all()
    assert set(np.unique(both)) == {3, 4, 9}
    x = BOX.to_angstrom(np.argwhere(both == 4))[:, 2]
    assert x.min() > BOX.to_angstrom(np.argwhere(both == 3))[:, 2].max() - 1e-6
    only = stamp(before, BOX, [particles], {"actin": 0, "cofilin": 4})
    assert set(np.unique(only)) == {4, 9}
    with pytest.raises(KeyError):
        stamp(before, BOX, [particles], {"actin": 1})


def test_frames_carry_z_onto_the_direction_and_are_rotations():
    directions = np.random.default_rng(5).normal(size=(200, 3))
    directions[:3] = np.eye(3)
    frames = frames_along(directions)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert frames[:, :, 0] == pytest.approx(unit, abs=1e-12)
    assert frames @ frames.transpose(0, 2, 1) == pytest.approx(
        np.broadcast_to(np.eye(3), frames.shape), abs=1e-12
    )
    assert np.linalg.det(frames) == pytest.approx(np.ones(200), abs=1e-12)


def test_a_spin_takes_x_towards_y_as_seen_in_xyz():
    x, y = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert spins(np.array([np.pi / 2]))[0] @ x == pytest.approx(y, abs=1e-12)


def test_random_rotations_are_uniform():
    rotations = random_rotations(40_000, np.random.default_rng(6))
    assert np.abs(rotations.mean(axis=0)).max() < 0.02
    assert (rotations**2).mean(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.01)
    # mean of the trace squared is 1 for the uniform measure on rotations
    trace = np.trace(rotations, axis1=1, axis2=2)
    assert (trace**2).mean() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    "wrong",
    [
        {"beads_zyx_A": np.zeros((40, 2))},
        {"potential_VA3": np.zeros(3)},
        {"parts": np.full(40, 2)},
        {"volume_A3": 0.0},
    ],
)
def test_a_molecule_whose_arrays_disagree_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must|per bead|unknown part"):
        replace(cloud(), **wrong)
