"""Distances between membranes against closed forms."""

import numpy as np
import pytest
import trimesh

from membraneseg.surface.spacing import nearest_on_triangles, spacings
from membraneseg.types import Mesh


def ball(radius_A, centre_zyx_A, subdivisions=4):
    shape = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius_A)
    vertices = np.asarray(shape.vertices)[:, ::-1] + centre_zyx_A
    count = len(vertices)
    return Mesh(vertices, np.asarray(shape.faces), np.zeros(count), np.ones(count, dtype=bool))


def test_concentric_spheres_are_apart_by_the_difference_of_their_radii():
    inner, outer = spacings([(3, ball(300.0, (0, 0, 0))), (8, ball(420.0, (0, 0, 0)))])
    # The triangles lie inside their sphere by at most 0.2 % of its radius.
    np.testing.assert_allclose(inner.distance_A, 120.0, atol=0.002 * 420)
    np.testing.assert_allclose(outer.distance_A, 120.0, atol=0.002 * 300)
    assert set(inner.label) == {8}
    assert inner.nearest()[1] == 8


def test_separate_spheres_are_apart_by_the_gap_between_them_and_the_nearest_one_is_named():
    centres = [(0, 0, 0), (0, 0, 900.0), (2500.0, 0, 0)]
    found = spacings([(k + 1, ball(300.0, centre)) for k, centre in enumerate(centres)])
    assert found[0].nearest() == (pytest.approx(300.0, abs=1.0), 2)
    assert found[1].nearest() == (pytest.approx(300.0, abs=1.0), 1)
    # From the third sphere the first is nearer: 2500 - 600 against sqrt(2500² + 900²) - 600.
    assert found[2].nearest() == (pytest.approx(1900.0, abs=1.5), 1)


def test_the_far_side_of_a_sphere_is_farther_by_its_diameter():
    first, _ = spacings([(1, ball(200.0, (0, 0, 0))), (2, ball(200.0, (0, 0, 1000.0)))])
    assert first.distance_A.max() == pytest.approx(1000.0, abs=1.0)
    assert first.distance_A.min() == pytest.approx(600.0, abs=1.0)


def test_distances_are_those_of_an_independent_library_on_uneven_triangles():
    rng = np.random.default_rng(2)
    first = ball(200.0, (0, 0, 0), 3)
    box = trimesh.creation.box((300.0, 200.0, 100.0)).subdivide().subdivide().subdivide()
    vertices = np.asarray(box.vertices)[:, ::-1] + (0, 500.0, 100.0)
    count = len(vertices)
    second = Mesh(vertices, np.asarray(box.faces), np.zeros(count), np.ones(count, dtype=bool))
    found, _ = spacings([(1, first), (2, second)])
    chosen = rng.choice(len(first.vertices_zyx_A), 60, replace=False)
    for vertex in chosen:
        point = first.vertices_zyx_A[vertex]
        corners = second.vertices_zyx_A[second.faces]
        place = trimesh.triangles.closest_point(corners, np.tile(point, (len(corners), 1)))
        assert found.distance_A[vertex] == pytest.approx(
            np.linalg.norm(place - point, axis=1).min(), rel=1e-9
        )


def test_the_nearest_place_on_a_triangle_is_in_it_on_a_side_or_a_corner():
    triangle = np.array([[0.0, 0, 0], [4.0, 0, 0], [0, 4.0, 0]])
    points = np.array([[1.0, 1, 5], [2.0, -3, 1], [-1.0, -1, 0], [9.0, 1, 2], [3.0, 3, 0]])
    expected = [[1, 1, 0], [2, 0, 0], [0, 0, 0], [4, 0, 0], [2, 2, 0]]
    place = nearest_on_triangles(points, np.tile(triangle, (5, 1, 1)))
    np.testing.assert_allclose(place, expected, atol=1e-12)


def test_a_membrane_alone_has_no_neighbour():
    (alone,) = spacings([(1, ball(200.0, (0, 0, 0), 2))])
    assert np.isnan(alone.distance_A).all()
    assert alone.nearest() is None
