"""Radius, centre and shape from the density, against what was drawn."""

import numpy as np
import pytest
from drawn_vesicles import LEAFLET_A, VOXEL_A, bilayers, distances

from membraneseg.errors import MembraneSegError
from membraneseg.vesicles.balls import HEAD_GROUPS_A, Balls
from membraneseg.vesicles.corrections import History, add_vesicle, remove_vesicle
from membraneseg.vesicles.ellipsoids import Bulges, bulges_of, paint_ellipsoids
from membraneseg.vesicles.membership import OutlierConfig, judged, ordinary_members
from membraneseg.vesicles.rays import View
from membraneseg.vesicles.refinement import RefinementConfig, measured, refined
from membraneseg.vesicles.spheres import Vesicle

SHAPE = (56, 64, 96)
CENTRE, RADIUS_A = (27.3, 31.6, 30.2), 180.0
TILT = 55.0


def balls_at(*places):
    return Balls(
        np.arange(1, len(places) + 1),
        np.array([centre for centre, _ in places], dtype=float),
        np.array([radius for _, radius in places]) / VOXEL_A,
    )


def view_of(volume):
    return View(volume, VOXEL_A, TILT)


@pytest.mark.parametrize("tilt", [None, TILT])
def test_a_displaced_sphere_comes_back_to_a_tenth_of_a_voxel(tilt):
    noise = np.random.default_rng(1).normal(0, 0.3, SHAPE)
    volume = bilayers(SHAPE, [(CENTRE, RADIUS_A)], tilt) + noise
    start = balls_at((np.add(CENTRE, [0.7, -0.8, 0.6]), RADIUS_A - 12.0))
    found = refined(start, view_of(volume), RefinementConfig())
    assert np.linalg.norm(found.balls.centres_px[0] - CENTRE) < 0.1
    assert found.balls.radii_px[0] * VOXEL_A == pytest.approx(RADIUS_A, abs=1.5)
    outer = found.bands[0].thickness_A / 2
    assert outer == pytest.approx(LEAFLET_A + HEAD_GROUPS_A, abs=1.5)
    assert found.closures[0] > 0.5


def test_a_touching_neighbour_does_not_move_a_sphere():
    apart_px = (RADIUS_A + 160.0 + 2 * (LEAFLET_A + HEAD_GROUPS_A)) / VOXEL_A
    beside = (CENTRE[0], CENTRE[1], CENTRE[2] + apart_px)
    volume = bilayers(SHAPE, [(CENTRE, RADIUS_A), (beside, 160.0)])
    pair = balls_at((CENTRE, RADIUS_A), (beside, 160.0))
    found = refined(pair, view_of(volume), RefinementConfig())
    np.testing.assert_allclose(found.balls.centres_px, [CENTRE, beside], atol=0.1)
    np.testing.assert_allclose(found.balls.radii_px * VOXEL_A, [RADIUS_A, 160.0], atol=1.5)


def test_noise_alone_moves_no_sphere_beyond_its_bound():
    volume = np.random.default_rng(2).normal(size=SHAPE)
    start = balls_at((CENTRE, RADIUS_A))
    config = RefinementConfig(largest_change=0.05)
    found = refined(start, view_of(volume), config).balls
    bound = 0.05 * RADIUS_A / VOXEL_A
    assert np.linalg.norm(found.centres_px[0] - CENTRE) <= bound + 1e-9
    assert abs(found.radii_px[0] - start.radii_px[0]) <= bound + 1e-9


def test_scaling_and_shifting_the_density_changes_nothing_but_the_intensity():
    volume = bilayers(SHAPE, [(CENTRE, RADIUS_A)], TILT)
    start = balls_at((np.array(CENTRE) + 0.4, RADIUS_A + 8.0))
    one = refined(start, view_of(volume), RefinementConfig())
    other = refined(start, view_of(3.0 * volume + 7.0), RefinementConfig())
    np.testing.assert_allclose(other.balls.centres_px, one.balls.centres_px, atol=1e-3)
    np.testing.assert_allclose(other.balls.radii_px, one.balls.radii_px, atol=1e-3)
    assert other.bands[0].contrast == pytest.approx(3.0 * one.bands[0].contrast, rel=1e-3)


def test_what_is_open_on_a_side_that_the_tilts_show_is_dropped_while_spheres_stay():
    whole = [((28.0, 32.0, 20.0), 170.0), ((28.0, 32.0, 76.0), 170.0)]
    bowl = ((28.0, 32.0, 48.0), 110.0)
    volume = bilayers(SHAPE, whole, TILT)
    _, directions = distances(SHAPE, bowl[0])
    volume += bilayers(SHAPE, [bowl], TILT) * (directions[..., 2] < 0.6)
    everything = balls_at(*whole, bowl)
    found = measured(everything, view_of(volume), RefinementConfig())
    assert found.closures[2] < 0.3 < found.closures[:2].min()
    verdict = judged(found, everything, view_of(volume), OutlierConfig(), RefinementConfig())
    assert verdict.dropped.tolist() == [False, False, True]


def test_a_vesicle_out_of_round_whose_membrane_is_smeared_along_a_sphere_is_kept():
    whole = [((28.0, 32.0, 14.0), 130.0), ((28.0, 32.0, 82.0), 130.0)]
    egg, bulge_px = ((28.0, 32.0, 48.0), 190.0), np.diag([0.0, -2.8, 2.8])
    volume = bilayers(SHAPE, whole, TILT) + bilayers(SHAPE, [egg], TILT, bulge_px)
    everything = balls_at(*whole, egg)
    found = measured(everything, view_of(volume), RefinementConfig())
    assert found.closures[2] < 0.3
    verdict = judged(found, everything, view_of(volume), OutlierConfig(), RefinementConfig())
    assert not verdict.dropped.any()
    assert verdict.measured.closures[2] > 0.5


def test_ordinary_members_are_those_of_the_crowd_however_far_the_others_lie():
    rng = np.random.default_rng(4)
    crowd = np.add(rng.normal(size=(60, 3)), [50.0, -0.4, 190.0])
    strange = np.add(crowd[:6], [0.0, 30.0, 500.0])
    members = ordinary_members(np.vstack([crowd, strange, [[np.nan, 0.0, 0.0]]]))
    assert not members[60:].any()
    assert members[:60].mean() > 0.9


def test_the_bulge_of_a_drawn_ellipsoid_is_found_and_a_sphere_has_none():
    matrix = np.diag([0.0, 1.2, -1.2])
    volume = bilayers(SHAPE, [(CENTRE, RADIUS_A)], TILT, matrix)
    found = bulges_of(balls_at((CENTRE, RADIUS_A)), view_of(volume), RefinementConfig())
    np.testing.assert_allclose(found.matrices_px[0], matrix, atol=0.15)
    lengths, axes = found.semi_axes_px(np.array([RADIUS_A / VOXEL_A]))
    assert lengths[0, 0] - lengths[0, 2] == pytest.approx(2.4, abs=0.3)
    assert abs(axes[0, 0, 1]) > 0.99  # the longest axis lies along y
    round_one = bilayers(SHAPE, [(CENTRE, RADIUS_A)], TILT)
    none = bulges_of(balls_at((CENTRE, RADIUS_A)), view_of(round_one), RefinementConfig())
    assert np.abs(none.matrices_px).max() < 0.1


def test_a_painted_ellipsoid_has_the_volume_of_an_ellipsoid():
    matrix = np.diag([0.0, 1.0, -1.0])
    labels = paint_ellipsoids(
        SHAPE, balls_at((CENTRE, RADIUS_A)), np.array([17.0]), Bulges(matrix[None])
    )
    exact = 4.0 / 3.0 * np.pi * 17.0 * 18.0 * 16.0
    assert (labels > 0).sum() == pytest.approx(exact, rel=0.01)


def test_a_click_becomes_the_vesicle_under_it_and_can_be_undone():
    origin = np.array([100.0, -50.0, 20.0])
    volume = bilayers(SHAPE, [(CENTRE, RADIUS_A)], TILT)
    volume += np.random.default_rng(3).normal(0, 0.3, SHAPE)
    place = np.array(CENTRE) * VOXEL_A + origin + [20.0, -15.0, 25.0]
    old = Vesicle(4, np.array([2000.0, 0.0, 0.0]), 150.0)
    none = Balls(np.empty(0, dtype=np.int64), np.empty((0, 3)), np.empty(0))
    where = (view_of(volume), origin)
    now = add_vesicle([old], none, place, where, RefinementConfig())
    assert [v.id for v in now] == [4, 5]
    true = np.array(CENTRE) * VOXEL_A + origin
    assert np.linalg.norm(now[1].centre_zyx_A - true) < 2.5
    assert now[1].radius_A == pytest.approx(RADIUS_A, abs=2.5)
    history = History(((old,),)).then(now)
    assert history.can_undo
    assert [v.id for v in history.undone().now] == [4]
    assert not history.undone().can_undo
    assert [v.id for v in history.undone().undone().now] == [4]
    assert [v.id for v in remove_vesicle(now, 4)] == [5]


def test_a_click_in_a_vesicle_outside_or_a_removal_of_nothing_is_refused():
    volume = bilayers(SHAPE, [(CENTRE, RADIUS_A)])
    where = (view_of(volume), np.zeros(3))
    place = np.array(CENTRE) * VOXEL_A
    there = [Vesicle(1, place, RADIUS_A)]
    one = balls_at((CENTRE, RADIUS_A))
    with pytest.raises(MembraneSegError, match="lies in vesicle 1"):
        add_vesicle(there, one, place, where, RefinementConfig())
    with pytest.raises(MembraneSegError, match="outside the tomogram"):
        add_vesicle(there, one, np.array([-900.0, 0.0, 0.0]), where, RefinementConfig())
    with pytest.raises(MembraneSegError, match="no vesicle 7"):
        remove_vesicle(there, 7)
