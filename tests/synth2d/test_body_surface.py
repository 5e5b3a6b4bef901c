"""Distances interpolated from a coarse grid agree with those computed at every pixel."""

from dataclasses import replace

import numpy as np
import pytest

from synth2d.bodies import Body, Grid, Waves, distance_and_normal, random_rotation, random_waves
from synth2d.body_surface import BodySurface

PIXEL_A, SIZE = 13.0, 160
PLACES = (np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL_A
GRID = Grid((np.arange(3) - 1.0) * PIXEL_A, PLACES, PLACES, PIXEL_A)
WHOLE = (slice(0, SIZE), slice(0, SIZE))
PART = (slice(37, 101), slice(11, 150))


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
    surface = BodySurface(body, GRID, PART)
    assert surface.step == step
    pixels, (distance, nz, nx) = surface.near(60.0)
    exact, normals = distance_and_normal(body, GRID)
    exact, normals = exact.reshape(3, -1)[:, pixels], normals.reshape(3, 3, -1)[:, :, pixels]
    near = np.abs(exact) < 60.0
    assert near.sum() > 500
    assert np.abs(distance - exact)[near].max() < 0.02 * PIXEL_A
    assert np.abs(nz - normals[0])[near].max() < 0.02
    assert np.abs(nx - normals[2])[near].max() < 0.02
    np.testing.assert_allclose(surface.distance_of(pixels), distance, rtol=1e-5, atol=1e-3)


def test_a_plane_is_exact_whatever_the_step():
    surface = BodySurface(flat_sheet(), GRID, WHOLE)
    assert surface.step == 4
    exact, _ = distance_and_normal(flat_sheet(), GRID)
    np.testing.assert_allclose(surface.distance_A(), exact, rtol=2e-5, atol=2e-3)
    pixels, (distance, _, _) = surface.near(200.0)
    np.testing.assert_allclose(distance, exact.reshape(3, -1)[:, pixels], rtol=2e-5, atol=2e-3)


@pytest.mark.parametrize("radius_A", [150.0, 400.0, 900.0])
def test_every_pixel_near_a_membrane_is_found_once(radius_A):
    body, reach = replace(vesicle(radius_A), offsets_A=(0.0, -120.0)), 100.0
    pixels, _ = BodySurface(body, GRID, WHOLE).near(reach)
    distance, _ = distance_and_normal(body, GRID)
    reached = (np.abs(distance) < reach) | (np.abs(distance + 120.0) < reach)
    assert len(np.unique(pixels)) == len(pixels)
    assert np.isin(np.flatnonzero(reached.any(axis=0)), pixels).all()
    assert len(pixels) < 1.7 * reached.any(axis=0).sum()


def test_the_step_divides_the_slice():
    grid = Grid(GRID.z_A, PLACES[:130], PLACES[:130], PIXEL_A)
    assert BodySurface(vesicle(900.0), grid, (slice(0, 130), slice(7, 99))).step == 2
