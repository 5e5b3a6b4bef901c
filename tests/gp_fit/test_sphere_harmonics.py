"""Spherical harmonics and even meshes of the sphere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import sph_harm_y

from gp_fit.harmonics import degrees_of, harmonic_gradients, harmonic_sum, harmonics
from gp_fit.sphere import euler_number, icosphere, is_watertight, mesh_volume, spiral_directions


def test_harmonics_equal_scipys():
    directions = spiral_directions(37)
    polar = np.arccos(directions[:, 0])
    azimuth = np.arctan2(directions[:, 1], directions[:, 2])
    ours = harmonics(directions, 12)
    for degree in (0, 1, 5, 12):
        for order in range(-degree, degree + 1):
            complex_value = sph_harm_y(degree, abs(order), polar, azimuth)
            part = complex_value.real if order >= 0 else complex_value.imag
            factor = (-1) ** order * (np.sqrt(2.0) if order else 1.0)
            column = ours[:, degree * (degree + 1) + order]
            assert column == pytest.approx(factor * part, abs=1e-12)


def test_the_sum_of_squares_of_a_degree_is_the_same_everywhere():
    """Unsöld: Σ_m Y_lm² = (2l + 1) / 4π, poles included."""
    directions = np.concatenate([spiral_directions(20), [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]])
    values = harmonics(directions, 24)
    for degree in (3, 24):
        total = np.sum(values[:, degrees_of(24) == degree] ** 2, axis=1)
        assert total == pytest.approx((2 * degree + 1) / (4.0 * np.pi), rel=1e-9)


def test_gradients_equal_finite_differences_and_are_tangential():
    directions = spiral_directions(9)
    step = np.random.default_rng(0).normal(size=(9, 3)) * 1e-5
    ahead, behind = directions + step, directions - step
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    behind /= np.linalg.norm(behind, axis=1, keepdims=True)
    gradients = harmonic_gradients(directions, 8)
    difference = (harmonics(ahead, 8) - harmonics(behind, 8)) / 2.0
    assert np.einsum("ndk,nd->nk", gradients, step) == pytest.approx(difference, abs=1e-12)
    assert np.einsum("ndk,nd->nk", gradients, directions) == pytest.approx(0.0, abs=1e-12)


def test_a_summed_series_equals_the_product_with_the_matrices():
    directions = spiral_directions(25)
    coefficients = np.random.default_rng(1).normal(size=49)
    values, slopes = harmonic_sum(directions, coefficients)
    assert values == pytest.approx(harmonics(directions, 6) @ coefficients, abs=1e-12)
    assert slopes == pytest.approx(harmonic_gradients(directions, 6) @ coefficients, abs=1e-11)


@pytest.mark.parametrize("frequency", [1, 4, 17])
def test_the_icosphere_is_watertight_and_turns_outward_in_xyz(frequency):
    directions, faces = icosphere(frequency)
    assert len(directions) == 10 * frequency**2 + 2
    assert is_watertight(faces)
    assert euler_number(faces) == 2
    volume = mesh_volume(directions, faces)
    assert 0.6 * 4.0 * np.pi / 3.0 < volume < 4.0 * np.pi / 3.0
    centres = directions[faces].mean(axis=1)[:, ::-1]
    corners = directions[:, ::-1][faces]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.all(np.sum(outward * centres, axis=1) > 0.0)
