"""Facing walls go on over their gaps each for itself."""

import numpy as np
import pytest

from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.facing import with_walls_alone
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_fit import HermiteConfig

HALF_PX = 5.0
GAP_PX = 18.0
ROUGHNESS = HermiteConfig().roughness


def bent(z, x, side):
    """Two walls about a sheet that is bent like a saddle."""
    return np.column_stack([z, (x**2 - 0.5 * z**2) / 160.0 + side, x])


def sac(gap_px, superpoints):
    rng = np.random.default_rng(3)
    z, x = rng.uniform(-22, 22, 4000), rng.uniform(-40, 40, 4000)
    points = bent(z, x, rng.choice([-HALF_PX, HALF_PX], 4000))[np.abs(x) > gap_px]
    points += 0.3 * rng.normal(size=points.shape)
    surface = HermiteSurface(points, HermiteConfig(superpoints=superpoints))
    options = ExtractConfig(every_piece=True, margin_share=0.0)
    return surface, zero_level(surface.value, surface.gradient, points, options)


def off(surface, side):
    """Distance of the zero level from the truth in the gap of one wall."""
    z, x = (grid.ravel() for grid in np.meshgrid(np.linspace(-16, 16, 9), np.linspace(-8, 8, 5)))
    places = bent(z, x, side)
    slope = np.linalg.norm(surface.gradient(places), axis=1)
    return np.abs(surface.value(places)) / slope


@pytest.fixture(scope="module")
def gappy():
    plain, mesh = sac(GAP_PX, 500)
    return plain, with_walls_alone(plain, mesh, ROUGHNESS)


def test_walls_alone_go_on_nearer_to_the_truth(gappy):
    plain, alone = (
        np.mean([off(surface, side) for side in (-HALF_PX, HALF_PX)]) for surface in gappy
    )
    assert plain > 0.4
    assert alone < 0.6 * plain


def test_a_surface_without_gaps_is_left_as_it_is():
    surface, mesh = sac(0.0, 200)
    assert with_walls_alone(surface, mesh, ROUGHNESS) is surface
