"""A part of a mesh ends along a smooth line, and what is whole stays whole."""

import numpy as np
import pytest
import trimesh

from membraneseg.surface.cutting import LEAST_SHARE, cut_along_flag, neighbour_average

RADIUS = 20.0


def sphere():
    mesh = trimesh.creation.icosphere(4, radius=RADIUS)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces, dtype=np.int64)


def border_of(faces):
    """Vertices of edges that belong to one face."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    return np.unique(edges[count == 1])


def test_a_cap_is_cut_off_along_a_circle_and_the_rest_has_its_area():
    vertices, faces = sphere()
    kept = vertices[:, 0] < 7.0
    rough = faces[kept[faces].all(axis=1)]
    places, cut, _ = cut_along_flag(vertices, faces, kept)
    height, teeth = places[border_of(cut), 0], vertices[border_of(rough), 0]
    assert height.std() < 0.5 * teeth.std()
    assert height.mean() == pytest.approx(7.0, abs=0.35)  # a quarter of an edge
    part = trimesh.Trimesh(places, cut, process=False)
    cap = 2.0 * np.pi * RADIUS * (RADIUS + 7.0)
    assert part.area == pytest.approx(cap, rel=0.01)
    assert part.is_winding_consistent
    assert part.euler_number == 1  # a disc
    assert len(np.unique(cut)) == len(places)


def test_a_ring_has_two_borders_and_no_splinters():
    vertices, faces = sphere()
    places, cut, _ = cut_along_flag(vertices, faces, np.abs(vertices[:, 1]) < 8.0)
    part = trimesh.Trimesh(places, cut, process=False)
    assert part.euler_number == 0
    assert len(part.outline().entities) == 2
    least = trimesh.Trimesh(vertices, faces, process=False).area_faces.min()
    assert part.area_faces.min() > 0.99 * LEAST_SHARE**2 * least


def test_what_is_kept_whole_and_what_misses_a_single_vertex_stay_closed():
    vertices, faces = sphere()
    for gone in ([], [11]):
        kept = np.ones(len(vertices), dtype=bool)
        kept[gone] = False
        places, cut, _ = cut_along_flag(vertices, faces, kept)
        np.testing.assert_array_equal(places, vertices)
        np.testing.assert_array_equal(cut, faces)


def test_other_values_on_the_vertices_follow_the_cut():
    vertices, faces = sphere()
    places, _, origin = cut_along_flag(vertices, faces, vertices[:, 0] < 7.0)
    np.testing.assert_allclose(origin @ (3.0 * vertices[:, 2] + 1.0), 3.0 * places[:, 2] + 1.0)


def test_averaging_leaves_a_constant_and_smooths_the_rest():
    vertices, faces = sphere()
    average = neighbour_average(faces, len(vertices))
    np.testing.assert_allclose(average @ np.ones(len(vertices)), 1.0)
    noise = np.random.default_rng(1).normal(size=len(vertices))
    assert (average @ noise).std() == pytest.approx(noise.std() / np.sqrt(7.0), rel=0.1)
