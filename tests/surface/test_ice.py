"""The ice ends where it cuts several membranes at once, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from membraneseg.config import RunConfig
from membraneseg.group.evidence import sphere_directions
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.fit import SurfaceConfig, fit_membrane
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.ice import ice_between
from membraneseg.surface_stages import within_ice
from membraneseg.types import MembraneGroup
from synth2d.wedge import wedge_depth_deg

FRAME = VolumeFrame((80, 160, 160), 10.0, np.zeros(3), 60.0)
WHOLE = (-0.5, 79.5)
PLACES = [(y, x) for y in (30.0, 80.0, 130.0) for x in (30.0, 80.0, 130.0)]


def vesicle(z, place, radius=16.0):
    """Points on the part of a sphere that the wedge leaves."""
    normal = sphere_directions(3000)
    normal = normal[wedge_depth_deg(normal, 60.0) < 0.0]
    return np.array([z, *place]) + radius * normal


def cut_at(height, points):
    return points[points[:, 0] <= height]


def test_vesicles_that_end_upright_at_one_height_show_the_end_of_the_ice():
    points = [
        cut_at(62.0, vesicle(z, p)) for z, p in zip((40, 60, 58, 62, 64), PLACES, strict=False)
    ]
    low, high = ice_between(points, FRAME)
    assert low == WHOLE[0]
    assert high == pytest.approx(62.5, abs=0.3)
    upside_down = [p * [-1, 1, 1] + [79.0, 0, 0] for p in points]
    low, high = ice_between(upside_down, FRAME)
    assert (low, high) == (pytest.approx(16.5, abs=0.3), WHOLE[1])


def waves(y):
    return 3.0 * np.sin(y / 20.0)


def upright_walls(end):
    """Three wavy walls from z = 0 to an end, and streaks that lean beyond it."""
    z, y = np.meshgrid(np.arange(0.0, end), np.arange(160.0), indexing="ij")
    streak_z, streak_y = np.meshgrid(np.arange(end, end + 5.0), np.arange(160.0), indexing="ij")
    walls = []
    for x in (50.0, 80.0, 110.0):
        wall = np.stack([z, y, x + waves(y)], axis=-1).reshape(-1, 3)
        leaning = x + waves(streak_y) + 1.7 * (streak_z - end)
        streak = np.stack([streak_z, streak_y, leaning], axis=-1).reshape(-1, 3)
        walls.append(np.concatenate([wall, streak]))
    return walls


def test_three_membranes_suffice_if_their_walls_end_at_one_height_in_many_places():
    low, high = ice_between(upright_walls(62.0), FRAME)
    assert low == WHOLE[0]
    assert high == pytest.approx(62.5, abs=1.0)


def test_walls_that_turn_over_show_no_end():
    z, y = np.meshgrid(np.arange(0.0, 62.0), np.arange(160.0), indexing="ij")
    turn, along = np.meshgrid(np.linspace(0.0, 1.3, 40), np.arange(160.0), indexing="ij")
    wall = np.stack([z, y, np.full_like(z, 50.0)], axis=-1).reshape(-1, 3)
    bend = np.stack([62.0 + 20.0 * np.sin(turn), along, 70.0 - 20.0 * np.cos(turn)], axis=-1)
    arch = np.concatenate([wall, bend.reshape(-1, 3)])
    further = arch + np.array([0.0, 0.0, 40.0])
    assert ice_between([arch, further], FRAME) == WHOLE


def test_large_round_membranes_end_level_all_round_and_show_no_end():
    turn, height = np.meshgrid(np.linspace(0, 2 * np.pi, 400, False), np.arange(-24.0, 25.0))
    nested = [
        np.stack([40 + height, 80 + wide * np.sin(turn), 80 + wide * np.cos(turn)], axis=-1)
        for wide in (np.sqrt(radius**2 - height**2) for radius in (60.0, 52.0))
    ]
    assert ice_between([belt.reshape(-1, 3) for belt in nested], FRAME) == WHOLE


def test_streaks_beyond_the_ice_are_no_membrane():
    nothing = np.zeros((0, 2), np.int64)
    groups = [
        MembraneGroup(label, nothing, 10.0 * wall, False)
        for label, wall in enumerate(upright_walls(62.0), start=1)
    ]
    inside, frame, notes = within_ice(groups, FRAME, RunConfig())
    assert len(notes) == 1
    assert frame.ice_z_px == ice_between(upright_walls(62.0), FRAME)
    for group, x in zip(inside, (50.0, 80.0, 110.0), strict=True):
        z, y, found_x = group.points_zyx_A.T / 10.0
        assert z.max() == pytest.approx(62.0, abs=1.0)
        np.testing.assert_allclose(found_x, x + waves(y), atol=1.0)
    all_closed = replace(RunConfig(), fit=SurfaceConfig(closure=ClosureRules(closed="all")))
    assert within_ice(groups, FRAME, all_closed)[0] is groups


def test_what_a_mask_holds_beyond_the_ends_of_its_walls_is_kept():
    nothing = np.zeros((0, 2), np.int64)
    groups = [
        MembraneGroup(label, nothing, 10.0 * wall, False)
        for label, wall in enumerate(upright_walls(62.0), start=1)
    ]
    inside, frame, notes = within_ice(groups, FRAME, RunConfig(), of_mask=True)
    assert len(notes) == 1
    assert frame.ice_z_px == (WHOLE[0], 66.5)
    for kept, group in zip(inside, groups, strict=True):
        np.testing.assert_array_equal(kept.points_zyx_A, group.points_zyx_A)


def test_whole_vesicles_show_no_end_though_they_stand_in_one_layer():
    assert ice_between([vesicle(40.0, p) for p in PLACES], FRAME) == WHOLE


def test_one_cut_membrane_is_no_ice_and_nothing_is_nothing():
    assert ice_between([cut_at(50.0, vesicle(45.0, PLACES[0]))], FRAME) == WHOLE
    assert ice_between([], FRAME) == WHOLE


def test_a_vesicle_that_the_ice_cuts_is_open_and_ends_there():
    points = 10.0 * cut_at(62.0, vesicle(60.0, PLACES[4]))
    config = SurfaceConfig()
    whole = fit_membrane(1, points, FRAME, config).surface
    cut = fit_membrane(1, points, replace(FRAME, ice_z_px=(-0.5, 62.5)), config).surface
    assert whole.vertices_zyx[:, 0].max() > 66.0
    assert not cut.closed
    assert cut.vertices_zyx[:, 0].max() == pytest.approx(62.5, abs=0.1)
    assert cut.warnings[-1].startswith("cut by the border")
