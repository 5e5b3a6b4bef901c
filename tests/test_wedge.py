"""The missing-wedge formula against its closed forms."""

import numpy as np
import pytest

from synth2d.wedge import contrast_kept, contrast_of_normals, is_visible, wedge_depth_deg


@pytest.mark.parametrize("theta", [40.0, 50.0, 60.0])
def test_visible_outline_of_a_sphere_follows_the_cut_height(theta):
    height = np.linspace(-0.95, 0.95, 39)[:, None]  # h / R
    phi = np.linspace(0, 2 * np.pi, 72)[None, :]
    ring = np.sqrt(1 - height**2)
    normals = np.stack(np.broadcast_arrays(height, ring * np.sin(phi), ring * np.cos(phi)), -1)
    expected = np.abs(height) < ring * np.abs(np.cos(phi)) * np.tan(np.deg2rad(theta))
    np.testing.assert_array_equal(is_visible(normals, theta), expected)


def test_depth_of_the_cap_is_ninety_degrees_minus_the_tilt_range():
    assert wedge_depth_deg(np.array([1.0, 0.0, 0.0]), 60.0) == pytest.approx(30.0)
    assert wedge_depth_deg(np.array([0.0, 0.0, 1.0]), 60.0) == pytest.approx(-60.0)


def test_contrast_falls_monotonically_and_vanishes_deep_in_the_wedge():
    kept = contrast_kept(np.linspace(-90, 90, 181))
    assert np.all(np.diff(kept) <= 0)
    assert kept[0] == 1.0
    assert kept[-1] == 0.0


def test_contrast_looked_up_for_normals_is_that_of_their_depth():
    normals = np.random.default_rng(2).normal(size=(5000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    nz, nx = normals[:, 0].astype(np.float32), normals[:, 2].astype(np.float32)
    expected = contrast_kept(wedge_depth_deg(normals, 52.0))
    np.testing.assert_allclose(contrast_of_normals(nz, nx, 52.0), expected, atol=1e-3)
