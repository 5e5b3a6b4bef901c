"""Distances interpolated from a coarse grid agree with those computed at every pixel."""

import numpy as np
import pytest

from synth2d.bodies import Body, Grid, Waves, distance_and_normal, random_rotation, random_waves
from synth2d.body_surface import BodySurface

PIXEL_A, SIZE = 13.0, 160
PLACES = (np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL_A
GRID = Grid((np.arange(3) - 1.0) * PIXEL_A, PLACES, PLACES, PIXEL_A)
WHOLE = (slice(0, SIZE), slice(0, SIZE))
TILE = (slice(37, 101), slice(11, 150))


def vesicle(radius_A):
    rng = np.random.default_rng(3)
    axes = radius_A * np.array([1.0, 1.1, 0.95])
    return Body(np.zeros(3), random_rotation(rng), axes, random_waves(rng, 0.06, 2.0))


def flat_sheet():
    still = Waves(np.zeros(1), np.zeros((1, 3)), np.zeros(1))
    return Body(np.zeros(3), random_rotation(np.random.default_rng(5)), None, still)


@pytest.mark.parametrize(
    ("body", "step"), [(vesicle(150.0), 1), (vesicle(400.0), 2), (vesicle(900.0), 4)]
)
def test_distance_and_normal_near_the_membrane_are_those_of_every_pixel(body, step):
    surface = BodySurface(body, GRID, WHOLE)
    assert surface.step == step
    distance, nz, nx = surface.at(TILE)
    exact, normals = distance_and_normal(body, GRID)
    exact, normals = exact[:, *TILE], normals[:, :, *TILE]
    near = np.abs(exact) < 60.0
    assert near.sum() > 500
    assert np.abs(distance - exact)[near].max() < 0.02 * PIXEL_A
    assert np.abs(nz - normals[0])[near].max() < 0.02
    assert np.abs(nx - normals[2])[near].max() < 0.02


def test_a_plane_is_exact_whatever_the_step():
    surface = BodySurface(flat_sheet(), GRID, WHOLE)
    assert surface.step == 4
    exact, _ = distance_and_normal(flat_sheet(), GRID)
    np.testing.assert_allclose(surface.at(TILE)[0], exact[:, *TILE], rtol=2e-5, atol=2e-3)


@pytest.mark.parametrize("radius_A", [150.0, 400.0, 900.0])
def test_the_tiles_hold_every_pixel_near_the_membrane_once(radius_A):
    body, reach = vesicle(radius_A), 100.0
    covered = np.zeros((SIZE, SIZE), dtype=int)
    for tile in BodySurface(body, GRID, WHOLE).tiles(reach):
        covered[tile] += 1
    distance, _ = distance_and_normal(body, GRID)
    assert covered.max() == 1
    assert covered[(np.abs(distance) < reach).any(axis=0)].min() == 1
