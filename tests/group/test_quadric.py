import numpy as np
import pytest

from membraneseg.group.evidence import sphere_directions
from membraneseg.group.quadric import Quadric, Tolerance, fit_quadric, misfits

TOLERANCE = Tolerance(0.8, 0.04, 0.3)


def ellipsoid(centre, semi_axes, seed=0):
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return Quadric(
        np.array(centre, float), rotation @ np.diag(1.0 / np.square(semi_axes)) @ rotation.T
    )


def test_exact_points_give_back_the_ellipsoid():
    truth = ellipsoid((40, 60, 50), (18, 24, 30))
    points, normals = truth.surface(sphere_directions(200))
    found = fit_quadric(points, normals, TOLERANCE)
    assert found.semi_axes == pytest.approx([18, 24, 30], rel=0.02)
    assert found.centre == pytest.approx(truth.centre, abs=0.2)


def test_a_noisy_arc_does_not_shrink():
    rng = np.random.default_rng(1)
    directions = sphere_directions(800)
    arc = directions[(directions[:, 2] > 0.3) & (np.abs(directions[:, 0]) < 0.5)]
    points = 40 * arc + rng.normal(size=arc.shape) * 0.7
    normals = arc + 0.25 * rng.normal(size=arc.shape)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert fit_quadric(points, normals, TOLERANCE).radius == pytest.approx(40, rel=0.15)


def test_a_fifth_of_stray_points_hardly_moves_the_fit():
    rng = np.random.default_rng(2)
    directions = sphere_directions(200)
    points, normals = 25 * directions, directions.copy()
    stray = rng.choice(200, 40, replace=False)
    points[stray] += rng.uniform(4, 15, (40, 1)) * directions[stray]
    found = fit_quadric(points, normals, TOLERANCE)
    assert found.radius == pytest.approx(25, abs=0.7)


def test_signs_of_normals_do_not_matter():
    points, normals = ellipsoid((0, 0, 0), (12, 15, 18)).surface(sphere_directions(80))
    signs = np.random.default_rng(3).choice([-1.0, 1.0], (80, 1))
    one, other = (fit_quadric(points, n, TOLERANCE) for n in (normals, signs * normals))
    assert other.matrix == pytest.approx(one.matrix, rel=1e-6)


def test_misfit_counts_distance_and_angle_in_units_of_the_tolerance():
    sphere = Quadric(np.zeros(3), np.eye(3) / 400.0)
    point = np.array([[0.0, 0.0, 20.0 + TOLERANCE.offset(20)]])
    assert misfits(sphere, point, np.array([[0, 0, 1.0]]), TOLERANCE) == pytest.approx([1], rel=0.1)
    on = np.array([[0.0, 0.0, 20.0]])
    tilted = np.array([[0.0, np.sin(0.3), np.cos(0.3)]])
    assert misfits(sphere, on, tilted, TOLERANCE) == pytest.approx([(np.sin(0.3) / 0.3) ** 2])


def test_a_saddle_is_no_ellipsoid():
    y, x = np.mgrid[-10:11:2, -10:11:2].reshape(2, -1).astype(float)
    points = np.column_stack([0.05 * (x**2 - y**2), y, x])
    normals = np.column_stack([np.ones_like(x), 0.1 * y, -0.1 * x])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    found = fit_quadric(points, normals, Tolerance(0.3, 0.0, 0.1))
    assert found is None or misfits(found, points, normals, Tolerance(0.3, 0.0, 0.1)).mean() > 5
