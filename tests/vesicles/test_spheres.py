"""Round vesicles in drawn tomograms, against what was drawn."""

from dataclasses import dataclass

import numpy as np
import pytest
import trimesh
from scipy.ndimage import gaussian_filter1d
from scipy.stats import chi2

from membraneseg.errors import MembraneSegError
from membraneseg.types import Mesh
from membraneseg.vesicles.balls import HEAD_GROUPS_A
from membraneseg.vesicles.outliers import outlier_p_values
from membraneseg.vesicles.radial import RadialProfile, membrane_band
from membraneseg.vesicles.spheres import (
    Vesicle,
    VesicleConfig,
    find_vesicles,
    paint_vesicles,
)


@dataclass(frozen=True)
class Place:
    shape_zyx: tuple[int, int, int]
    voxel_size_A: float
    origin_zyx_A: np.ndarray


FRAME = Place((60, 60, 60), 10.0, np.array([-100.0, 50.0, 300.0]))


def ball(centre_px, semi_axes_px, frame=FRAME):
    sphere = trimesh.creation.icosphere(subdivisions=4)
    vertices = np.asarray(sphere.vertices)[:, ::-1] * semi_axes_px + centre_px
    count = len(vertices)
    return Mesh(
        vertices * frame.voxel_size_A + frame.origin_zyx_A,
        np.asarray(sphere.faces, dtype=np.int64),
        np.ones(count),
        np.ones(count, dtype=bool),
    )


def drawn(centre_px, radius_px, sigma_px=1.5, depth=2.0):
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in FRAME.shape_zyx], indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid - np.asarray(centre_px), axis=-1) - radius_px
    dark = -depth * np.exp(-0.5 * (distance / sigma_px) ** 2)
    return dark + 0.5 * np.exp(-0.5 * ((distance - 5.0) / 1.0) ** 2)


@pytest.mark.parametrize("start", [-1.5, 0.0, 1.0])
def test_the_radius_is_that_of_the_darkest_shell_wherever_the_mesh_lies(start):
    centre, radius = np.array([29.3, 30.8, 30.1]), 16.4
    mesh = ball(centre, (radius + start,) * 3)
    (found,) = find_vesicles(drawn(centre, radius), [(4, mesh)], FRAME, VesicleConfig())
    assert found.id == 4
    assert found.radius_A == pytest.approx(10 * radius, abs=1.5)
    np.testing.assert_allclose(found.centre_zyx_A, 10 * centre + FRAME.origin_zyx_A, atol=0.1)
    assert found.outer_radius_A == pytest.approx(found.radius_A + found.thickness_A / 2)
    assert found.p_value is None
    assert not found.refined


def test_a_membrane_without_leaflets_is_as_thick_as_its_steepest_slopes_are_apart():
    offsets = np.arange(-200.0, 200.01, 1.0)
    density = -np.exp(-0.5 * (offsets / 25.0) ** 2)
    band = membrane_band(RadialProfile(offsets, density), 40.0)
    # A Gaussian well is steepest at σ; smoothing by 5 Å widens σ.
    sigma = np.hypot(25.0, 5.0)
    assert band.middle_A == pytest.approx(0.0, abs=0.1)
    assert band.thickness_A == pytest.approx(2 * sigma, rel=0.01)
    inside = density[np.abs(offsets) <= sigma]
    assert band.intensity == pytest.approx(inside.mean(), rel=0.01)
    assert band.symmetry == pytest.approx(1.0)


@pytest.mark.parametrize("blur_A", [8.0, 14.0])
def test_the_outer_face_of_a_blurred_slab_is_found_where_it_is(blur_A):
    offsets = np.arange(-200.0, 200.01, 1.0)
    slab = -(np.abs(offsets) <= 25.0).astype(float)
    band = membrane_band(RadialProfile(offsets, gaussian_filter1d(slab, blur_A)), 40.0)
    assert band.thickness_A / 2 == pytest.approx(25.0, abs=1.0)


def test_a_step_across_the_membrane_does_not_move_its_middle():
    offsets = np.arange(-200.0, 200.01, 1.0)
    leaflets = sum(-np.exp(-0.5 * ((offsets - at) / 8.0) ** 2) for at in (-19.0, 19.0))
    step = 0.3 / (1.0 + np.exp(offsets / 8.0))
    band = membrane_band(RadialProfile(offsets, leaflets + step), 30.0)
    darkest = offsets[np.argmin(gaussian_filter1d(leaflets + step, 8.0))]
    assert abs(band.middle_A) < 1.0
    assert darkest > 15.0


def test_the_middle_of_two_leaflets_lies_between_them():
    offsets = np.arange(-200.0, 200.01, 1.0)
    density = sum(-np.exp(-0.5 * ((offsets - at) / 7.0) ** 2) for at in (-12.0, 26.0))
    band = membrane_band(RadialProfile(offsets, density), 40.0)
    assert band.middle_A == pytest.approx(7.0, abs=0.5)
    assert band.middle_A + band.thickness_A / 2 == pytest.approx(26.0 + HEAD_GROUPS_A, abs=0.5)


def test_a_profile_without_a_dark_minimum_has_no_band():
    offsets = np.arange(-200.0, 200.01, 1.0)
    assert membrane_band(RadialProfile(offsets, offsets / 100.0), 40.0) is None
    assert membrane_band(RadialProfile(offsets, np.full(401, np.nan)), 40.0) is None


def test_what_is_elongated_large_or_open_is_no_vesicle():
    volume, centre = np.zeros(FRAME.shape_zyx), (30.0, 30.0, 30.0)
    round_one = ball(centre, (15.0,) * 3)
    long_one = ball(centre, (10.0, 10.0, 22.0))
    open_one = Mesh(
        round_one.vertices_zyx_A, round_one.faces[10:], round_one.sigma_A, round_one.observed
    )
    meshes = [(1, round_one), (2, long_one), (3, open_one)]
    assert [v.id for v in find_vesicles(volume, meshes, FRAME, VesicleConfig())] == [1]
    small_only = VesicleConfig(largest_radius_nm=14.9)
    assert find_vesicles(volume, meshes, FRAME, small_only) == []
    loose = VesicleConfig(roundness=0.5)
    assert [v.id for v in find_vesicles(volume, meshes, FRAME, loose)] == [1, 2]


def test_an_ellipsoids_deviation_decides_at_the_stated_share():
    volume, mesh = np.zeros(FRAME.shape_zyx), ball((30.0,) * 3, (12.0, 14.0, 16.0))
    normals = np.random.default_rng(0).normal(size=(200000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    radii = 1 / np.linalg.norm(normals / (12.0, 14.0, 16.0), axis=1)
    exact = radii.std() / radii.mean()
    above, below = VesicleConfig(roundness=exact * 1.03), VesicleConfig(roundness=exact * 0.97)
    assert len(find_vesicles(volume, [(1, mesh)], FRAME, above)) == 1
    assert len(find_vesicles(volume, [(1, mesh)], FRAME, below)) == 0


def test_p_values_of_normal_features_are_uniform_and_do_not_depend_on_units():
    rng = np.random.default_rng(5)
    mixing = np.array([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.4, 0.1]])
    features = rng.normal(size=(4000, 3)) @ mixing + [40.0, -2.0, 300.0]
    p_values = outlier_p_values(features, features)
    for share in (0.1, 0.3, 0.5, 0.9):
        assert (p_values < share).mean() == pytest.approx(share, abs=0.025)
    scaled = features * [0.1, 7.0, 1e-3]
    np.testing.assert_allclose(outlier_p_values(scaled, scaled), p_values, rtol=1e-6)


def test_the_p_value_is_that_of_chi_squared_with_three_degrees_of_freedom():
    population = np.vstack([np.eye(3), -np.eye(3)]) * np.sqrt(2.5)  # covariance 1, mean 0
    p_value = outlier_p_values(np.array([[1.0, 2.0, 2.0]]), population)
    assert p_value[0] == pytest.approx(chi2.sf(9.0, 3))


def test_fewer_than_five_vesicles_or_equal_ones_have_no_p_value():
    rng = np.random.default_rng(5)
    few = rng.normal(size=(4, 3))
    assert np.isnan(outlier_p_values(few, few)).all()
    equal = np.ones((9, 3))
    assert np.isnan(outlier_p_values(equal, equal)).all()
    flat = rng.normal(size=(9, 3))
    flat[:, 2] = flat[:, 0] + flat[:, 1]
    assert np.isnan(outlier_p_values(flat, flat)).all()


def test_painted_spheres_have_the_volume_of_spheres_and_the_smaller_lies_on_top():
    frame = Place((60, 60, 60), 10.0, np.array([0.0, 100.0, -50.0]))
    centre = np.array([30.2, 29.7, 30.4]) * 10.0 + frame.origin_zyx_A
    outer = Vesicle(3, centre, 180.0, outer_radius_A=200.0, thickness_A=40.0)
    inner = Vesicle(8, centre + 20.0, 70.0)
    for order in ([outer, inner], [inner, outer]):
        labels = paint_vesicles(order, frame)
        assert (labels == 8).sum() == pytest.approx(4 / 3 * np.pi * 7.0**3, rel=0.03)
        assert (labels > 0).sum() == pytest.approx(4 / 3 * np.pi * 20.0**3, rel=0.01)


def test_a_sphere_beyond_the_border_is_cut_there():
    frame = Place((20, 20, 20), 10.0, np.zeros(3))
    labels = paint_vesicles([Vesicle(1, np.array([0.0, 95.0, 95.0]), 80.0)], frame)
    assert (labels > 0).sum() == pytest.approx(2 / 3 * np.pi * 8.0**3, rel=0.12)
    outside = Vesicle(1, np.array([-500.0, 95.0, 95.0]), 80.0)
    assert not paint_vesicles([outside], frame).any()


def test_a_roundness_beyond_one_is_refused_with_the_remedy():
    with pytest.raises(MembraneSegError, match=r"roundness is 3.*change vesicles\.roundness"):
        VesicleConfig(roundness=3.0)
