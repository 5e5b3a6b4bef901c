"""Painted shells against the analytic distance."""

import numpy as np
import pytest
from scipy.ndimage import label as connected

from membraneseg.surface.labels import LabelConfig, paint
from membraneseg.types import Mesh

ORIGIN = np.array([0.0, 0.0, 0.0])


def mesh_of(surface, voxel_size_A, origin=ORIGIN, observed=None):
    vertices = surface.vertices_zyx * voxel_size_A + origin
    seen = np.ones(len(vertices), dtype=bool) if observed is None else observed
    return Mesh(vertices, surface.faces, surface.vertex_sd * voxel_size_A, seen)


def distance_to_sphere(shape, centre, radius):
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    return np.linalg.norm(grid - np.asarray(centre), axis=-1) - radius


def flat_sheet(height, low, high, voxel_size_A):
    steps = np.linspace(low, high, 9)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    vertices = np.stack([np.full_like(y, height), y, x], axis=-1).reshape(-1, 3)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + 10], axis=1),
            np.stack([corner, corner + 10, corner + 9], axis=1),
        ]
    ).astype(np.int64)
    sigma = np.full(len(vertices), 2.0)
    return Mesh(vertices * voxel_size_A, faces, sigma, np.ones(len(vertices), dtype=bool))


def test_the_shell_of_a_sphere_is_where_the_distance_is_at_most_half_the_thickness(ellipsoid):
    centre, radius, shape = (25.3, 24.1, 26.2), 17.0, (52, 52, 52)
    origin = np.array([300.0, -200.0, 50.0])
    mesh = mesh_of(ellipsoid(centre, (radius,) * 3), 10.0, origin)
    labels = paint([(3, mesh)], shape, 10.0, origin, LabelConfig(shell_thickness_nm=5.0))
    exact = np.abs(distance_to_sphere(shape, centre, radius))
    painted = labels.membranes > 0
    assert painted[exact < 2.4].all()
    assert not painted[exact > 2.6].any()
    assert set(np.unique(labels.instances)) == {0, 3}
    np.testing.assert_allclose(labels.uncertainty[painted], 1.0, rtol=1e-5)
    assert not labels.uncertainty[~painted].any()


@pytest.mark.parametrize("voxel_size_A", [30.0, 60.0, 200.0])
def test_a_membrane_thinner_than_a_voxel_still_separates_inside_from_outside(
    ellipsoid, voxel_size_A
):
    mesh = mesh_of(ellipsoid((15.2, 14.7, 15.1), (8.3, 9.1, 10.4)), voxel_size_A)
    labels = paint([(1, mesh)], (30, 30, 30), voxel_size_A, ORIGIN, LabelConfig(1.0))
    components = connected(labels.membranes == 0)[0]
    assert components.max() == 2
    assert components[15, 15, 15] != components[0, 0, 0]


def test_an_open_sheet_ends_where_its_mesh_ends():
    mesh = flat_sheet(10.0, 8.0, 22.0, 12.0)
    labels = paint([(1, mesh)], (20, 30, 30), 12.0, ORIGIN, LabelConfig(6.0))
    z, y, x = np.nonzero(labels.membranes)
    assert (z.min(), z.max()) == (8, 12)
    for across in (y, x):
        assert 7 <= across.min() <= 8
        assert 22 <= across.max() <= 23


def test_the_nearer_membrane_wins_where_two_overlap_whatever_their_order(ellipsoid):
    shape, first, second = (40, 40, 60), (20.0, 20.0, 18.0), (20.0, 20.0, 41.0)
    pair = [(1, mesh_of(ellipsoid(first, (12.0,) * 3), 10.0))]
    pair.append((2, mesh_of(ellipsoid(second, (12.0,) * 3), 10.0)))
    labels = paint(pair, shape, 10.0, ORIGIN, LabelConfig(5.0))
    swapped = paint(pair[::-1], shape, 10.0, ORIGIN, LabelConfig(5.0))
    np.testing.assert_array_equal(labels.instances, swapped.instances)
    one = np.abs(distance_to_sphere(shape, first, 12.0))
    two = np.abs(distance_to_sphere(shape, second, 12.0))
    contested = (one < 2.4) & (two < 2.4)
    assert contested.sum() > 50
    assert (labels.instances[contested & (one < two - 0.1)] == 1).all()
    assert (labels.instances[contested & (two < one - 0.1)] == 2).all()


def test_the_observed_part_is_the_part_below_observed_vertices(ellipsoid):
    surface = ellipsoid((20.0, 20.0, 20.0), (12.0,) * 3)
    mesh = mesh_of(surface, 10.0, observed=surface.vertices_zyx[:, 2] > 20.0)
    labels = paint([(1, mesh)], (40, 40, 40), 10.0, ORIGIN, LabelConfig(5.0))
    z, y, x = np.nonzero(labels.membranes)
    seen = labels.observed[z, y, x] > 0
    assert seen[x >= 22].all()
    assert not seen[x <= 18].any()


def test_what_leaves_the_volume_is_cut_at_its_faces(ellipsoid):
    mesh = mesh_of(ellipsoid((0.0, 15.0, 15.0), (10.0,) * 3), 10.0)
    labels = paint([(1, mesh)], (12, 30, 30), 10.0, ORIGIN, LabelConfig(5.0))
    exact = np.abs(distance_to_sphere((12, 30, 30), (0.0, 15.0, 15.0), 10.0))
    assert labels.membranes[exact < 2.4].all()
    far = mesh_of(ellipsoid((-40.0, 15.0, 15.0), (10.0,) * 3), 10.0)
    assert not paint([(1, far)], (12, 30, 30), 10.0, ORIGIN, LabelConfig(5.0)).membranes.any()


def test_no_mesh_paints_nothing():
    labels = paint([], (4, 5, 6), 10.0, ORIGIN, LabelConfig())
    assert labels.membranes.shape == (4, 5, 6)
    assert not labels.instances.any()
