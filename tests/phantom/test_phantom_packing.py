"""Packing: nothing overlaps, shares are kept, walls are respected, places are uniform."""

from dataclasses import replace

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import beads_of, deposit
from membraneseg.phantom.box import Box
from membraneseg.phantom.crowd import CrowdConfig, LayerConfig, with_crowd
from membraneseg.phantom.molecules import built_in
from membraneseg.phantom.occupancy import Space, free_volume_A3, spread_points
from membraneseg.phantom.packing import pack, place

VOXEL_A = 12.0
BOX = Box((36, 60, 64), VOXEL_A, np.array([-30.0, 5.0, 400.0]))
SPACING_A = 6.6
KINDS = ("proteasome", "globule_6nm", "antibody")


def molecules(kinds=KINDS):
    return [built_in(kind, SPACING_A) for kind in kinds]


def empty(constraint="sides", box=BOX, **more):
    return Space(box, np.zeros(box.shape_zyx, dtype=bool), constraint, **more)


def voxels_per_particle(groups, box=BOX):
    """Set of voxels in the box that hold a bead, for each particle of each group."""
    found = []
    for group in groups:
        positions, _, _ = beads_of(group)
        index = np.rint(box.to_index(positions)).astype(int)
        for voxels in index.reshape(len(group.centres_zyx_A), -1, 3):
            inside = ((voxels >= 0) & (voxels < box.shape_zyx)).all(axis=1)
            found.append(set(map(tuple, voxels[inside].tolist())))
    return found


@pytest.fixture(scope="module")
def packed():
    blocked = np.zeros(BOX.shape_zyx, dtype=bool)
    blocked[:, 20:30] = True
    return pack(replace(empty(), occupied=blocked), molecules(), 0.12, np.random.default_rng(1))


def test_no_two_particles_share_a_voxel_and_none_enters_what_was_taken(packed):
    sets = voxels_per_particle(packed.particles)
    assert len(sets) > 70
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert not any(20 <= y < 30 for voxels in sets for _, y, _ in voxels)


def test_the_new_occupancy_is_the_old_one_and_the_particles(packed):
    expected = np.zeros(BOX.shape_zyx, dtype=bool)
    expected[:, 20:30] = True
    for voxels in voxels_per_particle(packed.particles):
        expected[tuple(np.array(list(voxels)).T)] = True
    assert np.array_equal(packed.space.occupied, expected)


@pytest.mark.parametrize("constraint", ["none", "sides", "box"])
def test_the_share_is_reached_and_agrees_with_the_potential_on_the_grid(constraint):
    rod = built_in("rod", SPACING_A)
    result = pack(empty(constraint), [rod], 0.1, np.random.default_rng(2))
    one = rod.volume_A3 / free_volume_A3(result.space)
    assert result.reached == pytest.approx(0.1, abs=2 * one)
    volts = rod.potential_VA3.sum() / rod.volume_A3
    share = deposit(BOX, result.particles).astype(float).mean() / volts
    assert share == pytest.approx(result.reached, rel=0.02)


def test_kinds_are_equally_many():
    result = pack(empty("box"), molecules(), 0.08, np.random.default_rng(12))
    counts = [len(group.centres_zyx_A) for group in result.particles]
    assert min(counts) > 10
    assert np.ptp(counts) <= 1


def test_shares_are_right_on_average_even_below_one_molecule():
    box = Box((24, 24, 24), VOXEL_A, np.zeros(3))
    ribosome = built_in("ribosome", SPACING_A)
    share = 0.3 * ribosome.volume_A3 / (24 * VOXEL_A) ** 3
    counts = [
        len(pack(empty("box", box), [ribosome], share, rng).particles[0].centres_zyx_A)
        for rng in map(np.random.default_rng, range(100))
    ]
    assert set(counts) <= {0, 1}
    assert np.mean(counts) == pytest.approx(0.3, abs=0.13)


def test_walls_are_crossed_only_where_the_constraint_lets_them():
    crossed = {}
    for constraint in ("none", "sides", "box"):
        rng = np.random.default_rng(3)
        result = pack(empty(constraint), molecules(("rod",)), 0.08, rng)
        positions, _, _ = beads_of(result.particles[0])
        index = BOX.to_index(positions)
        outside = (index < -0.5) | (index > np.asarray(BOX.shape_zyx) - 0.5)
        crossed[constraint] = outside.any(axis=0).tolist()
    assert crossed["none"] == [True, True, True]
    assert crossed["sides"] == [False, True, True]
    assert crossed["box"] == [False, False, False]


def test_open_walls_cut_molecules_and_the_crowd_is_as_dense_there_as_inside():
    box = Box((24, 60, 60), VOXEL_A, np.zeros(3))
    rng = np.random.default_rng(4)
    blob = molecules(("globule_7nm",))
    total = sum(deposit(box, pack(empty("none", box), blob, 0.2, rng).particles) for _ in range(8))
    outermost = np.concatenate([total[:, [0, -1]].ravel(), total[:, :, [0, -1]].ravel()])
    inside = total[6:-6, 6:-6, 6:-6]
    assert outermost.mean() == pytest.approx(inside.mean(), rel=0.1)


def test_centres_keep_to_where_they_may_be():
    where = np.zeros(BOX.shape_zyx, dtype=bool)
    where[4:30, 7:25, 11:14] = True
    result = pack(empty(where=where), molecules(("globule_4nm",)), 0.3, np.random.default_rng(5))
    centres = np.rint(BOX.to_index(result.particles[0].centres_zyx_A)).astype(int)
    assert len(centres) > 15
    assert where[tuple(centres.T)].all()
    nowhere = empty(where=np.zeros(BOX.shape_zyx, dtype=bool))
    assert place(nowhere, molecules()[0], 5, np.random.default_rng(5)).reached == 0


def test_places_in_the_mask_are_uniform():
    box = Box((12, 40, 40), VOXEL_A, np.zeros(3))
    where = np.zeros(box.shape_zyx, dtype=bool)
    where[:, 5:15, 3:35] = True  # 4 times as many voxels as the second block
    where[:, 22:38, 30:35] = True
    dot = built_in("globule_4nm", SPACING_A)
    centres = np.concatenate(
        [
            place(empty("box", box, where=where), dot, 12, np.random.default_rng(i))
            .particles[0]
            .centres_zyx_A
            for i in range(60)
        ]
    )
    first = box.to_index(centres)[:, 1] < 18
    assert first.mean() == pytest.approx(0.8, abs=0.04)
    y = box.to_index(centres[first])[:, 1]
    assert y.mean() == pytest.approx(9.5, abs=0.4)
    assert y.std() == pytest.approx(10 / np.sqrt(12), rel=0.1)


def test_a_full_space_stops_the_packing_and_says_how_far_it_got():
    box = Box((20, 24, 24), VOXEL_A, np.zeros(3))
    result = pack(empty("box", box), molecules(("apoferritin",)), 0.9, np.random.default_rng(6))
    assert 0.1 < result.reached < 0.5
    assert result.attempts > 2000


def test_the_same_seed_gives_the_same_particles_and_arguments_stay_as_they_are():
    space = empty()
    first = pack(space, molecules(), 0.05, np.random.default_rng(7))
    again = pack(space, molecules(), 0.05, np.random.default_rng(7))
    other = pack(space, molecules(), 0.05, np.random.default_rng(8))
    assert not space.occupied.any()
    for a, b in zip(first.particles, again.particles, strict=True):
        assert np.array_equal(a.centres_zyx_A, b.centres_zyx_A)
        assert np.array_equal(a.rotations, b.rotations)
    assert not np.array_equal(
        first.particles[0].centres_zyx_A[:1], other.particles[0].centres_zyx_A[:1]
    )


def test_orientations_of_packed_particles_are_uniform():
    result = pack(empty("none"), molecules(("globule_4nm",)), 0.06, np.random.default_rng(9))
    rotations = result.particles[0].rotations
    assert len(rotations) > 500
    assert (rotations**2).mean(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.05)


def test_membranes_block_the_crowd_but_are_not_counted_as_molecules():
    labels = np.zeros(BOX.shape_zyx, dtype=np.int16)
    labels[:, :, 30:34] = 5
    space = empty(membranes=labels)
    assert free_volume_A3(space) == pytest.approx((labels == 0).sum() * VOXEL_A**3)
    result = pack(space, molecules(), 0.08, np.random.default_rng(10))
    assert not result.space.occupied[labels > 0].any()
    assert result.space.occupied.any()


def test_gold_and_layers_add_up_and_keep_clear_of_each_other():
    config = CrowdConfig(
        targets=LayerConfig(("chaperonin",), 0.03),
        large_distractors=LayerConfig(("proteasome", "camkii"), 0.03),
        small_distractors=LayerConfig(("globule_4nm", "rod"), 0.04),
        gold_count=3,
    )
    shapes = {kind: built_in(kind, SPACING_A) for kind in config.kinds}
    result = with_crowd(empty(), config, shapes, np.random.default_rng(11))
    assert [group.molecule.name for group in result.particles] == [
        "gold_10nm",
        "chaperonin",
        "proteasome",
        "camkii",
        "globule_4nm",
        "rod",
    ]
    assert len(result.particles[0].centres_zyx_A) == 3
    sets = voxels_per_particle(result.particles)
    assert len(set.union(*sets)) == sum(map(len, sets))
    box_A3 = np.prod(BOX.shape_zyx) * VOXEL_A**3
    volumes = [
        group.molecule.volume_A3 * len(group.centres_zyx_A) / box_A3 for group in result.particles
    ]
    assert volumes[1] == pytest.approx(0.03, abs=0.012)
    assert sum(volumes[4:]) >= 0.04 - 0.005
    assert result.reached == pytest.approx(result.wanted, rel=0.15)


def test_spread_points_start_farthest_out_and_cover_the_molecule():
    beads = built_in("rod", 5.0).beads_zyx_A
    few = spread_points(beads, 40)
    assert np.linalg.norm(few[0]) == pytest.approx(np.linalg.norm(beads, axis=1).max())
    nearest = np.linalg.norm(beads[:, None] - few, axis=2).min(axis=1)
    assert nearest.max() < 20.0
    assert len(spread_points(beads[:5], 40)) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LayerConfig(("ribosome",), 0.5),
        lambda: LayerConfig(("ribosome",), -0.1),
        lambda: LayerConfig((), 0.1),
        lambda: CrowdConfig(targets=LayerConfig(("ribosome",), 0.34)),
        lambda: CrowdConfig(gold_count=-1),
        lambda: empty("walls"),
    ],
)
def test_impossible_crowds_are_refused_in_one_sentence(wrong):
    with pytest.raises(MembraneSegError, match=r"expected"):
        wrong()
