"""Density filter, superpoints, normals and their orientation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gp_fit.points import (
    carried_along,
    density_filter,
    local_normals,
    orient_normals,
    superpoint_spacing,
    superpoints,
    transfer_orientation,
    unlagged_normals,
)
from gp_fit.sphere import spiral_directions


def test_the_density_filter_drops_strays_and_keeps_the_surface():
    sphere = 20.0 * spiral_directions(5000)
    stray = np.random.default_rng(0).uniform(-10.0, 10.0, size=(50, 3))
    kept = density_filter(np.concatenate([sphere, stray]))
    assert kept[:5000].all()
    assert kept[5000:].mean() < 0.1


def test_superpoints_keep_the_centre_of_mass_and_every_point():
    points = np.random.default_rng(1).normal(size=(3000, 3)) * 10.0
    centres, counts, labels = superpoints(points, 4.0)
    assert counts.sum() == 3000
    assert np.array_equal(np.bincount(labels), counts)
    mean = (counts[:, None] * centres).sum(axis=0) / 3000.0
    assert mean == pytest.approx(points.mean(axis=0), abs=1e-9)


def test_the_spacing_yields_about_the_wanted_number():
    points = 40.0 * spiral_directions(20000)
    spacing = superpoint_spacing(points, 500)
    assert 350 < len(superpoints(points, spacing)[0]) < 700


def test_normals_of_two_facing_lunes_all_point_outward():
    """The sign must leap across the gap that the missing wedge leaves."""
    directions = spiral_directions(1500)
    seen = np.abs(directions[:, 0]) <= np.abs(directions[:, 2]) * np.tan(np.deg2rad(40.0))
    noise = 0.2 * np.random.default_rng(2).normal(size=(int(seen.sum()), 3))
    points = 30.0 * directions[seen] + noise
    normals = orient_normals(points, local_normals(points, 6.0))
    assert np.all(np.sum(normals * directions[seen], axis=1) > 0.9)


def test_normals_turn_as_the_gradients_turn():
    turn = Rotation.from_rotvec([0.1, -0.05, 0.12])
    normals, there = spiral_directions(50), 3.0 * np.roll(spiral_directions(50), 7, axis=0)
    towards = turn.apply(there)  # the least turn that takes one gradient to the other
    carried = carried_along(there / 3.0, there, 0.5 * towards)
    assert carried == pytest.approx(towards / 3.0, abs=1e-12)
    kept = carried_along(normals, there, Rotation.from_rotvec([0.0, 0.0, 2.0]).apply(there))
    far = np.sum(there * Rotation.from_rotvec([0.0, 0.0, 2.0]).apply(there), axis=1) < 8.5
    assert far.any()
    assert kept[far] == pytest.approx(normals[far])


def test_normals_at_the_edge_of_a_cut_sphere_lean_and_are_set_upright():
    directions = spiral_directions(3000)
    half = directions[directions[:, 0] > 0.0]
    rim = half[:, 0] < 0.03
    ones = np.ones(len(half))
    planes = local_normals(20.0 * half, 5.0, ones)
    level = np.zeros(len(half)), half
    upright = unlagged_normals(20.0 * half, planes, level, (5.0, ones))
    assert np.median(np.abs(np.sum(planes * half, axis=1))[rim]) < np.cos(np.deg2rad(3.0))
    assert np.abs(np.sum(upright * half, axis=1)) == pytest.approx(1.0, abs=1e-9)


def test_fine_normals_take_the_sign_of_the_nearest_coarse_one():
    fine = 20.0 * spiral_directions(2000)
    signs = np.where(np.random.default_rng(3).random(2000) < 0.5, -1.0, 1.0)[:, None]
    coarse = spiral_directions(300)
    turned = transfer_orientation(20.0 * coarse, coarse, fine, signs * fine / 20.0)
    assert turned == pytest.approx(fine / 20.0)


def test_of_very_many_points_the_isolated_ones_go_and_the_others_stay():
    rng = np.random.default_rng(4)
    plane = np.column_stack([np.zeros(130_000), rng.uniform(0.0, 260.0, (130_000, 2))])
    stray = np.column_stack([rng.uniform(20.0, 200.0, 100), rng.uniform(0.0, 260.0, (100, 2))])
    kept = density_filter(np.concatenate([plane, stray]))
    assert kept[:130_000].mean() > 0.999
    assert not kept[130_000:].any()
