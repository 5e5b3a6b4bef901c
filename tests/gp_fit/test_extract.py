"""The zero level set as a mesh, and what is said when there is none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from gp_fit.errors import NoSurfaceError
from gp_fit.extract import ExtractConfig, zero_level

CORNERS = np.array([[z, y, x] for z in (-8.0, 8.0) for y in (-8.0, 8.0) for x in (-8.0, 8.0)])


def radial(points):
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.maximum(length, 1e-12)


def test_the_vertices_of_a_sphere_lie_on_it():
    vertices, faces = zero_level(
        lambda q: np.linalg.norm(q, axis=1) - 6.0, radial, CORNERS, ExtractConfig()
    )
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 6.0, atol=1e-3)
    assert len(vertices) - len(faces) / 2 == 2  # V - E + F with E = 3 F / 2


@pytest.mark.parametrize("offset", [1.0, -1.0])
def test_a_function_without_a_zero_has_no_surface(offset):
    with pytest.raises(NoSurfaceError, match="no zero level"):
        zero_level(lambda q: np.full(len(q), offset), radial, CORNERS, ExtractConfig())


def test_a_level_met_by_no_cell_is_a_named_error(monkeypatch):
    def nothing(*_, **__):
        raise RuntimeError("No surface found at the given iso value.")

    monkeypatch.setattr("gp_fit.extract.marching_cubes", nothing)
    with pytest.raises(NoSurfaceError, match="no zero level"):
        zero_level(lambda q: q[:, 0], radial, CORNERS, ExtractConfig())


def test_within_a_reach_of_the_points_the_level_is_the_same_and_beyond_there_is_none():
    height = np.linspace(-1.0, 1.0, 40)
    turn = np.linspace(0.0, 2.0 * np.pi, 80, endpoint=False)
    h, t = (grid.ravel() for grid in np.meshgrid(height, turn, indexing="ij"))
    flat = np.sqrt(1.0 - h**2)
    points = 20.0 * np.column_stack([h, flat * np.sin(t), flat * np.cos(t)])[h > 0.6]

    def value(q):
        return np.linalg.norm(q, axis=1) - 20.0

    box = (np.full(3, -30.0), np.full(3, 30.0))
    config = ExtractConfig(margin_px=50.0, every_piece=True)
    whole, _ = zero_level(value, radial, points, config, box)
    part, _ = zero_level(value, radial, points, replace(config, reach_px=6.0), box)
    tree = cKDTree(points)
    assert tree.query(part)[0].max() < 6.0 + 3.0 * 8.0  # and two of the coarsest cells
    assert len(part) < 0.8 * len(whole)
    near = whole[tree.query(whole)[0] < 6.0]
    assert cKDTree(part).query(near)[0].max() < 1e-9


def test_a_large_surface_is_meshed_as_finely_as_a_small_one_and_asked_for_only_near_it():
    radius, asked = 130.0, []

    def value(points):
        asked.append(len(points))
        return np.linalg.norm(points, axis=1) - radius

    points = radius * np.vstack([np.eye(3), -np.eye(3)])
    config = ExtractConfig(spacing_px=2.0, most_nodes=20_000_000)
    vertices, faces = zero_level(value, radial, points, config)
    edges = np.linalg.norm(vertices[faces[:, 0]] - vertices[faces[:, 1]], axis=1)
    assert np.median(edges) == pytest.approx(2.0, abs=0.2)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), radius, atol=1e-3)
    cells = 4.0 * np.pi * radius**2 / 2.0**2  # that the surface passes, about
    assert sum(asked) < 20.0 * cells  # of the 1.1e7 nodes in the box
