"""The zero level set as a mesh, and what is said when there is none."""

import numpy as np
import pytest

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
