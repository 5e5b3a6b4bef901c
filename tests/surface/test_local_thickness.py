"""Thickness from place to place on bilayers that were drawn with a known one."""

import numpy as np
import pytest

from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.local_thickness import vertex_thickness_nm

RADIUS_PX, CENTRE = 25.0, (40.0, 40.0, 40.0)
FRAME = VolumeFrame((80, 80, 80), 7.0, np.zeros(3), 60.0)


def bilayer(thickness_nm, leaflet_nm=0.7):
    """Two dark leaflets on a sphere, so far apart as `thickness_nm` (Z, Y, X) says."""
    z, y, x = np.indices(FRAME.shape_zyx) - np.array(CENTRE)[:, None, None, None]
    away_nm = (np.sqrt(z**2 + y**2 + x**2) - RADIUS_PX) * 0.7
    half = np.broadcast_to(thickness_nm, away_nm.shape) / 2
    shape = [np.exp(-0.5 * ((away_nm + s * half) / leaflet_nm) ** 2) for s in (-1, 1)]
    return (-shape[0] - shape[1]).astype(np.float32)


@pytest.fixture
def sphere(ellipsoid):
    return ellipsoid(CENTRE, (RADIUS_PX,) * 3)


@pytest.mark.parametrize("true_nm", [3.5, 4.2])
def test_two_leaflets_are_as_far_apart_as_they_were_drawn(sphere, true_nm):
    observed = np.ones(len(sphere.vertices_zyx), dtype=bool)
    found = vertex_thickness_nm(bilayer(true_nm), sphere, observed, FRAME)
    np.testing.assert_allclose(found, true_nm, atol=0.15)


def test_a_thicker_half_is_measured_thicker(sphere):
    upper = (np.arange(80) > 40)[:, None, None]
    observed = np.ones(len(sphere.vertices_zyx), dtype=bool)
    found = vertex_thickness_nm(bilayer(np.where(upper, 5.0, 3.6)), sphere, observed, FRAME)
    height = sphere.vertices_zyx[:, 0] - 40.0
    np.testing.assert_allclose(np.median(found[height > 12]), 5.0, atol=0.15)
    np.testing.assert_allclose(np.median(found[height < -12]), 3.6, atol=0.15)


def test_noise_widens_the_scatter_and_not_the_mean(sphere):
    noise = np.random.default_rng(6).normal(scale=0.3, size=FRAME.shape_zyx)
    observed = np.ones(len(sphere.vertices_zyx), dtype=bool)
    found = vertex_thickness_nm(bilayer(4.2) + noise, sphere, observed, FRAME)
    assert np.isfinite(found).mean() > 0.9
    assert np.nanmedian(found) == pytest.approx(4.2, abs=0.2)


def test_what_was_inferred_or_shows_no_dark_band_has_no_thickness(sphere):
    seen = sphere.vertices_zyx[:, 0] > 45.0
    found = vertex_thickness_nm(bilayer(4.0), sphere, seen, FRAME)
    assert np.isnan(found[~seen]).all()
    assert np.isfinite(found[seen]).all()
    empty = np.random.default_rng(1).normal(size=FRAME.shape_zyx).astype(np.float32)
    assert np.isfinite(vertex_thickness_nm(empty, sphere, seen, FRAME)).mean() < 0.05
