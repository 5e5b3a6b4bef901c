import numpy as np
import pytest
import trimesh

from membraneseg.report.contours import Contour, plane_contours
from membraneseg.types import Mesh


def make_mesh(shape: trimesh.Trimesh, observed: np.ndarray | None = None) -> Mesh:
    vertices = np.array(shape.vertices)[:, ::-1].copy()
    count = len(vertices)
    return Mesh(
        vertices,
        np.array(shape.faces, dtype=np.int64),
        np.zeros(count),
        np.ones(count, dtype=bool) if observed is None else observed,
    )


def sphere(radius_A: float, centre_zyx_A: np.ndarray) -> Mesh:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius_A)
    ball.apply_translation(centre_zyx_A[::-1])
    return make_mesh(ball)


def length(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("height", [-170.0, 0.0, 33.3, 120.0])
def test_a_sphere_cut_at_height_h_is_a_circle_of_radius_sqrt_r2_minus_h2(axis, height):
    radius, centre = 200.0, np.array([1000.0, -300.0, 40.0])
    (contour,) = plane_contours(sphere(radius, centre), axis, centre[axis] + height)
    expected = np.sqrt(radius**2 - height**2)
    away = contour.points_zyx_A - centre
    assert contour.closed
    np.testing.assert_allclose(away[:, axis], height, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.norm(np.delete(away, axis, 1), axis=1), expected, rtol=2e-3
    )
    assert length(contour.points_zyx_A) == pytest.approx(2 * np.pi * expected, rel=1.5e-3)


def test_a_plane_beside_the_sphere_cuts_nothing():
    assert plane_contours(sphere(10.0, np.zeros(3)), 0, 10.001) == []


def test_vertices_exactly_on_the_plane_give_one_closed_square():
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])
    faces = [[a, b, c] for a in (0, 1) for b in (2, 3) for c in (4, 5)]
    octahedron = Mesh(vertices, np.array(faces), np.zeros(6), np.ones(6, dtype=bool))
    (contour,) = plane_contours(octahedron, 0, 0.0)
    assert contour.closed
    assert length(contour.points_zyx_A) == pytest.approx(4 * np.sqrt(2))


def test_a_torus_cut_through_its_middle_gives_its_inner_and_outer_circle():
    torus = make_mesh(trimesh.creation.torus(50.0, 20.0, major_sections=200, minor_sections=64))
    contours = plane_contours(torus, 0, 0.01)
    lengths = sorted(length(contour.points_zyx_A) for contour in contours)
    np.testing.assert_allclose(lengths, [2 * np.pi * 30, 2 * np.pi * 70], rtol=2e-3)


def test_a_plane_through_an_open_half_sphere_gives_one_open_arc_of_length_pi_r():
    whole = sphere(100.0, np.zeros(3))
    upper = (whole.vertices_zyx_A[whole.faces][..., 0] >= -1e-9).all(axis=1)
    half = Mesh(whole.vertices_zyx_A, whole.faces[upper], whole.sigma_A, whole.observed)
    (contour,) = plane_contours(half, 1, 0.5)
    assert not contour.closed
    assert length(contour.points_zyx_A) == pytest.approx(100 * np.pi, rel=0.03)


def test_the_inferred_caps_of_a_sphere_have_the_arc_length_of_the_closed_form():
    radius, limit = 100.0, 60.0
    ball = sphere(radius, np.zeros(3))
    observed = np.abs(ball.vertices_zyx_A[:, 0]) < limit
    capped = Mesh(ball.vertices_zyx_A, ball.faces, ball.sigma_A, observed)
    (contour,) = plane_contours(capped, 1, 0.3)
    stretches = contour.stretches()
    inferred = sum(length(points) for points, flag in stretches if not flag)
    assert sorted(flag for _, flag in stretches) == [False, False, True, True]
    assert inferred == pytest.approx(4 * radius * np.arccos(limit / radius), rel=0.03)
    assert sum(length(points) for points, _ in stretches) == pytest.approx(
        length(contour.points_zyx_A)
    )


def test_an_open_curve_keeps_its_first_and_last_stretch_apart():
    line = np.column_stack([np.zeros(5), np.zeros(5), np.arange(5.0)])
    stretches = Contour(line, np.array([True, False, False, True])).stretches()
    assert [(points[0, 2], points[-1, 2], flag) for points, flag in stretches] == [
        (0.0, 1.0, True),
        (1.0, 3.0, False),
        (3.0, 4.0, True),
    ]


@pytest.mark.parametrize(("height", "observed"), [(0.9, True), (0.1, False)])
def test_a_crossing_takes_the_flag_of_the_nearer_end_of_its_edge(height, observed):
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])
    faces = np.array([[a, b, c] for a in (0, 1) for b in (2, 3) for c in (4, 5)])
    only_the_top = np.array([True, False, False, False, False, False])
    (contour,) = plane_contours(Mesh(vertices, faces, np.zeros(6), only_the_top), 0, height)
    assert contour.observed.tolist() == [observed] * 4
