"""The synapse: how many vesicles, how large, where, and that nothing overlaps."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree
from surfaces import solid

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.bouton import draw_bouton
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import HEAD_GROUP_HALF_WIDTH_A, middle_mesh
from membraneseg.phantom.synapse import SynapseConfig, with_synapse
from membraneseg.phantom.vesicle_cloud import pushed_apart, settled

BOX = Box((96, 256, 256), 13.5, np.array([10.0, -200.0, 0.0]))
CONFIG = SynapseConfig(count=1, docked_share=0.1)


@cache
def drawn(seed):
    return with_synapse((), BOX, CONFIG, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def synapse():
    return drawn(0)


def vesicles_of(membranes):
    return [m for m in membranes if m.kind == "synaptic vesicle"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_bouton_holds_60_vesicles_or_more(seed):
    membranes = drawn(seed)
    assert 60 <= len(vesicles_of(membranes)) <= 200
    assert [m.label for m in membranes] == list(range(1, len(membranes) + 1))
    assert {m.parent for m in membranes[2:]} == {1}


def test_no_vesicle_meets_another_or_a_wall_of_the_bouton(synapse):
    vesicles = vesicles_of(synapse)
    others = [m for m in synapse if m not in vesicles and m.kind != "postsynaptic membrane"]
    for index, vesicle in enumerate(vesicles):
        samples = vesicle.shape.samples_zyx_A
        for other in others:
            inside = other.label == vesicle.parent
            gap = (other.shape.signed_distance(samples) * (-1.0 if inside else 1.0)).min()
            assert gap > vesicle.outer_half_width_A + other.outer_half_width_A + 8.0
        for other in vesicles[:index]:
            reach = other.shape.largest_radius_A + vesicle.shape.largest_radius_A + 100.0
            if np.linalg.norm(other.shape.centre_zyx_A - vesicle.shape.centre_zyx_A) < reach:
                gap = other.shape.signed_distance(samples).min()
                assert gap > vesicle.outer_half_width_A + other.outer_half_width_A + 15.0


def test_vesicles_have_their_outer_diameters():
    vesicles = [m for seed in range(3) for m in vesicles_of(drawn(seed))]
    diameters_nm = np.array([(m.shape.radius_A + m.outer_half_width_A) / 5 for m in vesicles])
    assert np.abs(diameters_nm - 42.0).max() <= 12.5 + 1e-9
    assert diameters_nm.mean() == pytest.approx(42.0, abs=3 * 5.0 / np.sqrt(len(vesicles)))
    assert diameters_nm.std() == pytest.approx(5.0, rel=0.25)
    volume = solid(vesicles[0].shape).volume
    assert (3 * volume / 4 / np.pi) ** (1 / 3) == pytest.approx(
        vesicles[0].shape.radius_A, rel=0.01
    )


def test_vesicles_are_nearly_round(synapse):
    for vesicle in vesicles_of(synapse):
        spread = np.linalg.norm(vesicle.shape.samples_zyx_A - vesicle.shape.centre_zyx_A, axis=1)
        assert spread.max() / spread.min() < (1 + 0.04) / (1 - 0.04)


def test_a_share_of_the_vesicles_is_docked_1_to_8_nm_from_the_active_zone(synapse):
    zone = synapse[0]
    gaps = np.array(
        [
            -zone.shape.signed_distance(m.shape.samples_zyx_A).max()
            - m.outer_half_width_A
            - zone.outer_half_width_A
            for m in vesicles_of(synapse)
        ]
    )
    docked = (gaps > 9.0) & (gaps < 80.0)
    assert docked.sum() >= 0.08 * len(gaps)
    assert gaps.min() > 9.0


def test_vesicles_crowd_near_the_active_zone(synapse):
    zone = synapse[0].shape
    centres = np.array([m.shape.centre_zyx_A for m in vesicles_of(synapse)])
    probes = np.random.default_rng(0).uniform(BOX.low_A, BOX.high_A, (40_000, 3))
    probes = probes[zone.signed_distance(probes) < -250.0]
    depth, room = (-(p - zone.plane_point_zyx_A) @ zone.plane_normal_zyx for p in (centres, probes))
    near, far = (depth < 1200.0).sum(), (depth > 2000.0).sum()
    near_room, far_room = (room < 1200.0).mean(), (room > 2000.0).mean()
    assert near / near_room > 1.5 * far / far_room


def test_the_cleft_is_as_wide_as_told(synapse):
    bouton, across = synapse[0].shape, synapse[1].shape
    local = np.random.default_rng(0).uniform(-400.0, 400.0, (200, 2))
    axes = across.axes_zyx[1:]
    points = bouton.plane_point_zyx_A + local @ axes
    assert np.abs(bouton.signed_distance(points)).max() < 12.0
    widths = -across.signed_distance(points)
    assert widths == pytest.approx(230.0, abs=11.0)


def test_the_bouton_is_cut_by_the_box_and_its_face_lies_in_it(synapse):
    vertices, _ = middle_mesh(synapse[0].shape, BOX)
    walls = np.minimum(vertices - BOX.low_A, BOX.high_A - vertices).min(axis=1)
    assert (walls < 0.5).sum() > 100
    shape = synapse[0].shape
    on_face = np.abs((vertices - shape.plane_point_zyx_A) @ shape.plane_normal_zyx) < 0.5
    assert on_face.sum() > 200


def test_a_mitochondrion_and_endosomes_lie_in_the_bouton():
    config = SynapseConfig(count=1, mitochondrion_count=1, endosome_count=2)
    membranes = with_synapse((), BOX, config, np.random.default_rng(1))
    kinds = [m.kind for m in membranes]
    assert kinds.count("endosome") >= 1
    assert kinds.count("outer mitochondrial membrane") == 1
    inner = membranes[kinds.index("inner mitochondrial membrane")]
    outer = membranes[inner.parent - 1]
    assert (outer.kind, outer.parent) == ("outer mitochondrial membrane", 1)
    assert membranes[0].shape.signed_distance(outer.shape.samples_zyx_A).max() < -50.0


def test_the_same_seed_draws_the_same_synapse(synapse):
    again = drawn.__wrapped__(0)
    assert len(again) == len(synapse)
    for one, other in zip(vesicles_of(again), vesicles_of(synapse), strict=True):
        assert (one.shape.centre_zyx_A == other.shape.centre_zyx_A).all()


def test_balls_are_pushed_apart_within_their_walls():
    rng = np.random.default_rng(0)
    box = Box((100, 100, 100), 10.0, np.zeros(3))
    centres, reaches = rng.uniform(300.0, 600.0, (120, 3)), rng.uniform(60.0, 90.0, 120)

    def clearance(points):
        return 480.0 - np.linalg.norm(points - 495.0, axis=1)

    still = np.arange(120) < 3
    centres[:3] = [[495.0, 495.0, 200.0], [495.0, 495.0, 495.0], [200.0, 495.0, 495.0]]
    moved = pushed_apart(centres, reaches, still, clearance, box)
    assert (moved[:3] == centres[:3]).all()
    kept = settled(moved, reaches, still, clearance)
    assert kept.sum() > 110
    pairs = cKDTree(moved[kept]).query_pairs(180.0, output_type="ndarray")
    apart = np.linalg.norm(moved[kept][pairs[:, 0]] - moved[kept][pairs[:, 1]], axis=1)
    assert (apart - reaches[kept][pairs].sum(axis=1)).min() > -0.5
    assert (clearance(moved[kept]) - reaches[kept])[3:].min() > -0.5


def test_of_two_that_overlap_the_earlier_stays():
    centres = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 15.0], [0.0, 0.0, 28.0]])
    none = np.zeros(3, dtype=bool)
    kept = settled(centres, np.full(3, 10.0), none, lambda p: np.full(len(p), 100.0))
    assert kept.tolist() == [True, False, True]


def test_the_zone_is_a_disc_of_its_radius():
    _, zone = draw_bouton(BOX, np.random.default_rng(0))
    points = zone.from_local(
        np.array([[0.0, 0.5, 0.0], [0.03, 0.0, 0.0], [0.0, 0.0, 1.04]]) * zone.radius_A
    )
    expected = np.array([0.0, 0.03, 0.04]) * zone.radius_A
    assert zone.distances_A(points) == pytest.approx(expected, abs=1e-6)
    assert zone.axes_zyx @ zone.axes_zyx.T == pytest.approx(np.eye(3), abs=1e-12)


def test_count_0_leaves_everything_as_it_is(synapse):
    assert with_synapse(synapse, BOX, SynapseConfig(), np.random.default_rng(0)) == synapse


@pytest.mark.parametrize("shape", [(40, 256, 256), (96, 256, 150)])
def test_a_box_too_small_is_refused(shape):
    with pytest.raises(MembraneSegError, match="too small for a synapse"):
        with_synapse((), Box(shape, 13.5, np.zeros(3)), CONFIG, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"count": 2}, "expected 0 or 1"),
        ({"vesicle_count_min": 90, "vesicle_count_max": 80}, "fewest <= most"),
        ({"vesicle_diameter_sd_nm": 12.0}, "expected 20 or more"),
        ({"deformation": 0.2}, "0 to 0.05"),
        ({"docked_share": 1.2}, "docked_share is 1.2"),
        ({"cleft_nm": 5.0}, "cleft_nm is 5.0"),
        ({"cloud_depth_nm": 0.0}, "positive depth"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, match):
    with pytest.raises(MembraneSegError, match=match):
        SynapseConfig(**settings)


def test_the_head_groups_are_part_of_the_outer_diameter(synapse):
    vesicle = vesicles_of(synapse)[0]
    assert vesicle.outer_half_width_A == vesicle.thickness_A / 2 + HEAD_GROUP_HALF_WIDTH_A
