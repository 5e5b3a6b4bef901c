"""Splines on a lattice: what they hold exactly, how they go on beyond points, what they admit."""

import numpy as np
import pytest

from gp_fit.evidence_energy import EvidenceConfig
from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.hermite_evidence import Sighting, asked_turns, patches_of
from gp_fit.hermite_system import Turns
from gp_fit.lattice import LatticeSurface, equations_of
from gp_fit.lattice_system import LatticeConfig, Oriented, quadric_hessian
from gp_fit.splines import Spline, lattice_about, second_differences, spline_weights


def spread(count: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors in all directions."""
    vectors = rng.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def lamella(rng: np.random.Generator, half_px: float, count: int) -> np.ndarray:
    """Two walls at x = ± half, y within 30, z from 0 to 30; beyond z = 0 nothing was seen."""
    x = np.where(rng.random(count) < 0.5, half_px, -half_px)
    z, y = rng.uniform(0.0, 30.0, count), rng.uniform(-30.0, 30.0, count)
    return np.column_stack([z, y, x])


def surface_of(points: np.ndarray, config: LatticeConfig | None = None) -> LatticeSurface:
    """The surface through points."""
    return LatticeSurface(equations_of(points, config))


def test_splines_hold_quadratic_functions_with_their_gradients_and_second_derivatives():
    rng = np.random.default_rng(1)
    lattice = lattice_about(rng.uniform(0.0, 12.0, (50, 3)), 2.0, 8.0)[0]
    bend = rng.normal(size=(3, 3))
    bend, slope = bend + bend.T, rng.normal(size=3)
    nodes = lattice.nodes_zyx
    # A node's coefficient is the value there less the mean of the spline's own curvature.
    held = nodes @ slope + 0.5 * np.sum(nodes @ bend * nodes, axis=1) - np.trace(bend) * 2.0**2 / 8
    spline = Spline(lattice, held.astype(np.float32))
    places = rng.uniform(0.0, 12.0, (200, 3))
    value, gradient, covered = spline.at(places)
    assert covered.mean() > 0.9
    exact = places @ slope + 0.5 * np.sum(places @ bend * places, axis=1)
    np.testing.assert_allclose(value[covered], exact[covered], atol=2e-4)
    np.testing.assert_allclose(gradient[covered], (slope + places @ bend)[covered], atol=2e-4)
    for rows, expected in second_differences(lattice, bend):
        np.testing.assert_allclose(rows @ held, expected, atol=1e-4)


def test_the_weights_of_a_spline_sum_to_one_and_their_slopes_to_nothing():
    rng = np.random.default_rng(2)
    points = rng.uniform(0.0, 9.0, (100, 3))
    _, weights, slopes = spline_weights(points, lattice_about(points, 1.5, 4.0)[0])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(slopes.sum(axis=2), 0.0, atol=1e-12)


def test_the_quadric_of_a_sphere_has_its_curvature_and_folds_do_not_hide_it():
    rng = np.random.default_rng(3)
    normals = spread(3000, rng)
    bare = quadric_hessian(Oriented(65.0 * normals, normals, np.ones(3000)))
    np.testing.assert_allclose(bare, np.eye(3) / 65.0, atol=1e-6)
    plates = rng.uniform(-12.0, 12.0, (900, 3))
    plates[:, 2] = np.where(np.arange(900) % 2, 4.0, -4.0)
    facing = np.where(np.arange(900) % 2, -1.0, 1.0)[:, None] * [0.0, 0.0, 1.0]
    places, sides = np.vstack([65.0 * normals, plates]), np.vstack([normals, facing])
    folded = quadric_hessian(Oriented(places, sides, np.ones(3900)))
    np.testing.assert_allclose(folded, np.eye(3) / 65.0, atol=0.002)


def test_a_sphere_goes_on_over_a_cap_without_points():
    rng = np.random.default_rng(4)
    normals = spread(9000, rng)
    seen = normals[:, 0] < np.cos(np.deg2rad(50.0))
    surface = surface_of(30.0 * normals[seen] + 0.4 * rng.normal(size=(seen.sum(), 3)))
    cap = 30.0 * normals[~seen]
    steepness = np.linalg.norm(surface.gradient(cap), axis=1)
    assert np.abs(surface.value(cap) / steepness).mean() < 0.6  # the chord lies 10.7 below


def test_two_walls_whose_rim_is_hidden_are_closed_by_a_turn_no_wider_than_they_are_apart():
    rng = np.random.default_rng(5)
    surface = surface_of(lamella(rng, 4.0, 6000))
    depth = np.arange(-14.0, 0.0, 0.25)
    middle = np.column_stack([depth, np.zeros_like(depth), np.zeros_like(depth)])
    value = surface.value(middle)
    crossings = depth[:-1][np.sign(value[:-1]) != np.sign(value[1:])]
    assert len(crossings) == 1
    assert -8.0 < crossings[0] < -4.0


def seen_if_steep(normals: np.ndarray) -> np.ndarray:
    """Chance to be seen: most where the normal lies along x, none along z."""
    return 0.92 / (1.0 + np.exp(8.0 * (np.abs(normals[:, 0]) - 1.7 * np.abs(normals[:, 2]))))


def rim_of(surface: LatticeSurface) -> float:
    """Height at which the two walls of a lamella meet."""
    height = np.arange(-14.0, 0.0, 0.05)
    value = surface.value(np.column_stack([height, np.zeros_like(height), np.zeros_like(height)]))
    return float(height[np.flatnonzero(np.sign(value[:-1]) != np.sign(value[1:]))[0]])


def test_where_walls_that_went_on_would_be_seen_they_turn_sooner():
    rng = np.random.default_rng(11)
    points = lamella(rng, 5.0, 6000)
    equations = equations_of(points)
    bare = LatticeSurface(equations)
    strongly = LatticeConfig(turn_weight=2.0 * (0.25 / bare.straying) ** 2)
    extraction = ExtractConfig(spacing_px=4.0, every_piece=True, reach_px=10.0)
    mesh = zero_level(bare.value, bare.gradient, points, extraction)
    sighting = Sighting(points, seen_if_steep)
    turns = asked_turns(bare, patches_of(*mesh, 2000), sighting, EvidenceConfig())
    assert turns is not None
    turned = rim_of(bare.turned(equations_of(points, strongly), turns))
    assert rim_of(bare) + 0.3 < turned < -5.0  # too far still, but less so
    softly = rim_of(bare.turned(equations, turns))  # flat walls are stiff
    assert rim_of(bare) <= softly < turned


def test_the_surface_turns_and_moves_with_its_points():
    rng = np.random.default_rng(6)
    points = 18.0 * spread(4000, rng) * np.array([1.0, 0.8, 1.2])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    shift = np.array([3.3, -4.7, 110.2])
    places = points[:200]
    there = surface_of(points @ turn.T + shift).value(places @ turn.T + shift)
    np.testing.assert_allclose(there, surface_of(points).value(places), atol=0.15)


def test_the_deviation_grows_with_the_distance_from_the_points_and_faster_on_folds():
    rng = np.random.default_rng(7)
    smooth = surface_of(40.0 * spread(12000, rng))
    z, y = rng.uniform(0.0, 60.0, (2, 12000))
    folded = surface_of(np.column_stack([z, y, 6.0 * np.sin(2.0 * np.pi * y / 24.0)]))
    grows = []
    for surface, last in ((smooth, [40.0, 0.0, 0.0]), (folded, [0.0, 24.0, 0.0])):
        away = np.array(last) + np.outer([0.0, 5.0, 10.0], [np.sign(last[0] - 1.0), 0.0, 0.0])
        deviation = surface.sd(away)
        assert (np.diff(deviation) > 0.0).all()
        grows.append(float(deviation[2] - deviation[1]) / 5.0)
    assert grows[0] < 0.1
    assert grows[1] > 2.5 * grows[0]


def test_a_surface_comes_back_from_its_arrays_and_has_its_gradient():
    rng = np.random.default_rng(9)
    points = 20.0 * spread(5000, rng) * np.array([1.0, 0.8, 1.2])
    surface = surface_of(points)
    places = points[:60] * rng.uniform(0.9, 1.1, (60, 1))
    steps = 1e-4 * np.eye(3)
    numeric = [(surface.value(places + s) - surface.value(places - s)) / 2e-4 for s in steps]
    np.testing.assert_allclose(surface.gradient(places), np.stack(numeric, axis=1), atol=1e-4)
    inside = np.linalg.norm(places / np.array([1.0, 0.8, 1.2]), axis=1) < 20.0
    clear = np.abs(surface.value(places)) > 0.5
    np.testing.assert_array_equal(surface.value(places)[clear] < 0.0, inside[clear])
    moved = LatticeSurface.from_arrays(surface.to_arrays())
    np.testing.assert_array_equal(moved.value(places), surface.value(places))
    np.testing.assert_array_equal(moved.sd(places), surface.sd(places))


def test_a_lattice_too_large_to_hold_is_made_coarser():
    rng = np.random.default_rng(10)
    points = 40.0 * spread(20000, rng)
    coarse = surface_of(points, LatticeConfig(most_nodes=20_000))
    assert len(coarse.to_arrays()["coefficients_0"]) < 40_000
    assert coarse.to_arrays()["lattice_0"][3] > 2.0
    assert np.abs(coarse.value(points)).mean() < 0.3


def test_a_lattice_of_hardly_any_nodes_is_refused():
    with pytest.raises(ValueError, match="most_nodes is 0, expected 1000 or more"):
        LatticeConfig(most_nodes=0)


def test_a_few_scattered_points_give_numbers_everywhere():
    rng = np.random.default_rng(12)
    points = rng.uniform(0.0, 40.0, (30, 3)) * np.array([1.0, 1.0, 0.1])
    surface = surface_of(points)
    places = rng.uniform(-20.0, 60.0, (500, 3))
    assert np.isfinite(surface.value(places)).all()
    assert np.isfinite(surface.gradient(places)).all()
    assert np.isfinite(surface.sd(places)).all()


def test_a_second_fit_to_the_same_points_alone_is_the_first():
    rng = np.random.default_rng(13)
    points = 20.0 * spread(5000, rng) * np.array([1.0, 0.8, 1.2])
    equations = equations_of(points)
    first = LatticeSurface(equations)
    places = points * rng.uniform(0.7, 1.3, (5000, 1))
    again = first.turned(equations, Turns())
    np.testing.assert_allclose(again.value(places), first.value(places), atol=0.01)


def test_a_coarse_spline_on_the_nodes_of_a_fine_lattice_has_its_values_there():
    rng = np.random.default_rng(14)
    points = rng.uniform(0.0, 20.0, (60, 3))
    coarse, fine = lattice_about(points, 4.0, 12.0)[0], lattice_about(points, 2.0, 6.0)[0]
    spline = Spline(coarse, rng.normal(size=coarse.count).astype(np.float32))
    np.testing.assert_allclose(spline.on(fine), spline.at(fine.nodes_zyx)[0], atol=1e-5)
