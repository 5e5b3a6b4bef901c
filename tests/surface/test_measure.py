"""Measures against closed forms."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import ellipeinc, ellipkinc

from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.measure import curvatures, measure
from membraneseg.types import Mesh

FRAME = VolumeFrame((100, 100, 100), 12.0, np.array([100.0, -50.0, 7.0]), 60.0)


def mesh_of(surface, frame=FRAME):
    vertices = surface.vertices_zyx * frame.voxel_size_A + frame.origin_zyx_A
    sigma = surface.vertex_sd * frame.voxel_size_A
    return Mesh(vertices, surface.faces, sigma, np.ones(len(vertices), dtype=bool))


def test_a_sphere_measures_as_the_formulas_say(ellipsoid):
    surface = ellipsoid((50.0, 40.0, 30.0), (20.0, 20.0, 20.0))
    radius_nm = 24.0
    found = measure(mesh_of(surface), surface, FRAME)
    assert found.area_nm2 == pytest.approx(4 * np.pi * radius_nm**2, rel=3e-3)
    assert found.volume_nm3 == pytest.approx(4 / 3 * np.pi * radius_nm**3, rel=5e-3)
    assert found.equivalent_radius_nm == pytest.approx(radius_nm, rel=2e-3)
    assert found.mean_curvature_per_nm == pytest.approx(1 / radius_nm, rel=3e-3)
    assert found.gaussian_curvature_per_nm2 == pytest.approx(1 / radius_nm**2, rel=5e-3)
    assert found.observed_fraction == 1.0
    assert found.median_sigma_A == pytest.approx(1.2)
    centre_A = np.array([50.0, 40.0, 30.0]) * 12.0 + FRAME.origin_zyx_A
    np.testing.assert_allclose(found.centroid_zyx_A, centre_A, atol=1e-6)


def test_the_area_of_a_triaxial_ellipsoid_is_legendres(ellipsoid):
    a, b, c = 30.0, 22.0, 14.0
    phi = np.arccos(c / a)
    k2 = a**2 * (b**2 - c**2) / (b**2 * (a**2 - c**2))
    bracket = np.sin(phi) ** 2 * ellipeinc(phi, k2) + np.cos(phi) ** 2 * ellipkinc(phi, k2)
    area_px = 2 * np.pi * c**2 + 2 * np.pi * a * b / np.sin(phi) * bracket
    surface = ellipsoid((50.0, 50.0, 50.0), (c, a, b), subdivisions=5)
    found = measure(mesh_of(surface), surface, FRAME)
    assert found.area_nm2 == pytest.approx(area_px * 1.2**2, rel=2e-3)
    assert found.volume_nm3 == pytest.approx(4 / 3 * np.pi * a * b * c * 1.2**3, rel=2e-3)
    # Gauss and Bonnet: the total Gaussian curvature of any sphere-like surface is 4π.
    assert found.gaussian_curvature_per_nm2 * found.area_nm2 == pytest.approx(4 * np.pi, rel=0.01)


def test_curvature_at_the_poles_of_an_ellipsoid_is_axis_over_axis_squared(ellipsoid):
    surface = ellipsoid((0.0, 0.0, 0.0), (15.0, 20.0, 30.0))
    mean, gaussian = curvatures(surface, np.array([[15.0, 0.0, 0.0], [0.0, 0.0, 30.0]]))
    expected = np.array([[15 / 400, 15 / 900], [30 / 225, 30 / 400]])
    np.testing.assert_allclose(mean, expected.mean(axis=1), rtol=2e-3)
    np.testing.assert_allclose(gaussian, expected.prod(axis=1), rtol=4e-3)


def test_a_torus_has_the_area_and_volume_of_pappus_and_no_total_gaussian_curvature(torus):
    surface = torus((50.0, 50.0, 50.0), 30.0, 10.0)
    found = measure(mesh_of(surface), surface, FRAME)
    assert found.area_nm2 == pytest.approx(4 * np.pi**2 * 36.0 * 12.0, rel=2e-3)
    assert found.volume_nm3 == pytest.approx(2 * np.pi**2 * 36.0 * 12.0**2, rel=3e-3)
    assert found.gaussian_curvature_per_nm2 == pytest.approx(0.0, abs=2e-5)
    # ∫H dA = 2π² R for a torus, hence 1/(2r) on average.
    assert found.mean_curvature_per_nm == pytest.approx(1 / 24.0, rel=5e-3)


def test_measures_do_not_depend_on_where_the_membrane_lies(ellipsoid):
    here, there = ellipsoid((40.0, 40.0, 40.0), (10.0, 14.0, 18.0)), (55.5, 31.25, 44.75)
    moved = replace(here, centre=there)
    first = measure(mesh_of(here), here, FRAME)
    second = measure(mesh_of(moved), moved, FRAME)
    assert second.volume_nm3 == pytest.approx(first.volume_nm3, rel=1e-9)
    assert second.mean_curvature_per_nm == pytest.approx(first.mean_curvature_per_nm, rel=1e-9)
    shift = (np.array(there) - 40.0) * 12.0
    np.testing.assert_allclose(second.centroid_zyx_A - first.centroid_zyx_A, shift, atol=1e-6)


def test_the_observed_fraction_is_a_share_of_area(ellipsoid):
    surface = ellipsoid((50.0, 50.0, 50.0), (20.0, 20.0, 20.0))
    mesh = mesh_of(surface)
    upper = surface.vertices_zyx[:, 0] > 50.0 + 10.0  # a cap of height R/2 has a quarter
    found = measure(replace(mesh, observed=upper), surface, FRAME)
    assert found.observed_fraction == pytest.approx(0.25, abs=0.01)


def test_an_open_membrane_has_no_volume(ellipsoid):
    surface = replace(ellipsoid((50.0, 50.0, 50.0), (20.0, 20.0, 20.0)), closed=False)
    found = measure(mesh_of(surface), surface, FRAME)
    assert found.volume_nm3 is None
    assert found.equivalent_radius_nm is None


def test_every_vertex_of_a_sphere_carries_its_curvature(ellipsoid):
    surface = ellipsoid((50.0, 40.0, 30.0), (20.0, 20.0, 20.0))
    found = measure(mesh_of(surface), surface, FRAME)
    np.testing.assert_allclose(found.vertex_mean_curvature_per_nm, 1 / 24.0, rtol=3e-3)
    np.testing.assert_allclose(found.vertex_gaussian_curvature_per_nm2, 1 / 24.0**2, rtol=5e-3)


def test_the_vertices_of_an_ellipsoid_carry_the_curvatures_of_its_formulas(ellipsoid):
    a, b, c = 15.0, 20.0, 30.0
    surface = ellipsoid((0.0, 0.0, 0.0), (a, b, c))
    found = measure(mesh_of(surface), surface, FRAME)
    z, y, x = surface.vertices_zyx.T
    support = z**2 / a**4 + y**2 / b**4 + x**2 / c**4
    gaussian = 1 / (a * b * c * support) ** 2
    total = z**2 + y**2 + x**2 - a**2 - b**2 - c**2
    mean = -total / (2 * (a * b * c) ** 2 * support**1.5)
    np.testing.assert_allclose(found.vertex_gaussian_curvature_per_nm2, gaussian / 1.44, rtol=0.01)
    np.testing.assert_allclose(found.vertex_mean_curvature_per_nm, mean / 1.2, rtol=0.01)


def test_the_inner_and_outer_side_of_a_torus_curve_as_the_formulas_say(torus):
    ring, tube = 30.0, 10.0
    surface = torus((50.0, 50.0, 50.0), ring, tube)
    found = measure(mesh_of(surface), surface, FRAME)
    _, y, x = (surface.vertices_zyx - 50.0).T
    cosine = (np.hypot(y, x) - ring) / tube
    gaussian = cosine / (tube * (ring + tube * cosine))
    mean = (ring + 2 * tube * cosine) / (2 * tube * (ring + tube * cosine))
    np.testing.assert_allclose(
        found.vertex_gaussian_curvature_per_nm2, gaussian / 1.44, atol=2e-2 / 1.44 / 100
    )
    np.testing.assert_allclose(found.vertex_mean_curvature_per_nm, mean / 1.2, rtol=0.01)


@dataclass(frozen=True)
class Cylinder:
    """A tube along x, open at both ends; f is the distance from its wall."""

    radius: float
    length: float
    closed: bool = False

    def _grid(self):
        return np.meshgrid(
            np.linspace(0, 2 * np.pi, 181), np.linspace(0, self.length, 61), indexing="ij"
        )

    @property
    def vertices_zyx(self):
        angle, along = self._grid()
        across = [self.radius * np.sin(angle), self.radius * np.cos(angle)]
        return np.stack([*across, along], axis=-1).reshape(-1, 3) + 50.0

    @property
    def faces(self):
        i, j = np.meshgrid(np.arange(180), np.arange(60), indexing="ij")
        a = i * 61 + j
        quads = [np.stack([a, a + 61, a + 62], -1), np.stack([a, a + 62, a + 1], -1)]
        return np.concatenate([q.reshape(-1, 3) for q in quads])

    @property
    def vertex_sd(self):
        return np.full(len(self.vertices_zyx), 0.1)

    def gradient(self, points):
        across = (points - 50.0) * (1.0, 1.0, 0.0)
        return across / np.linalg.norm(across, axis=1, keepdims=True)


def test_a_cylinder_has_half_the_curvature_of_its_circle_no_gaussian_one_and_no_volume():
    surface = Cylinder(radius=12.0, length=40.0)
    found = measure(mesh_of(surface), surface, FRAME)
    assert found.area_nm2 == pytest.approx(2 * np.pi * 12 * 40 * 1.44, rel=1e-3)
    assert found.mean_curvature_per_nm == pytest.approx(1 / (2 * 12 * 1.2), rel=1e-3)
    np.testing.assert_allclose(found.vertex_gaussian_curvature_per_nm2, 0.0, atol=1e-12)
    assert found.volume_nm3 is None
