"""Slopes across the normals, and what was not seen, in a Hermite surface; unreliable points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from gp_fit import (
    FitConfig,
    HermiteConfig,
    HermiteSurface,
    Sighting,
    StarConfig,
    StarShapedSurface,
    fit_surface,
    hermite_with_evidence,
    surface_likelihood,
)
from gp_fit.hermite_closing import less_trusted, risen_far_out
from gp_fit.hermite_system import Turns, observed_covariance, observed_trend, solve
from gp_fit.sphere import icosphere, spiral_directions


@pytest.fixture(scope="module")
def sphere() -> HermiteSurface:
    noise = 0.3 * np.random.default_rng(0).normal(size=(900, 3))
    return HermiteSurface(15.0 * spiral_directions(900) + noise, HermiteConfig(superpoints=150))


def _turned(surface: HermiteSurface, slope: float, variance: float) -> HermiteSurface:
    """Ask for a slope along y at the pole of the beam."""
    state = surface.state
    place = (np.array([[15.0, 0.0, 0.0]]) - state.centre_zyx) / state.scale_px
    turns = Turns(place, np.array([[0.0, 1.0, 0.0]]), np.array([slope]), np.array([variance]))
    return HermiteSurface.from_state(replace(state, data=replace(state.data, turns=turns)))


def test_a_slope_without_noise_is_met_exactly(sphere):
    pole = np.array([[15.0, 0.0, 0.0]])
    turned = _turned(sphere, 0.2, 1e-10)
    assert turned.gradient(pole)[0, 1] == pytest.approx(0.2, abs=1e-4)
    assert abs(sphere.gradient(pole)[0, 1]) < 0.1


def test_a_slope_of_no_certainty_changes_nothing(sphere):
    queries = 15.0 * spiral_directions(40)
    turned = _turned(sphere, 0.5, 1e8)
    assert turned.value(queries) == pytest.approx(sphere.value(queries), abs=1e-6)


def test_with_slopes_the_gradient_still_equals_finite_differences(sphere):
    turned = _turned(sphere, 0.3, 1e-3)
    queries = np.random.default_rng(1).normal(size=(12, 3)) * 12.0
    steps = 1e-4 * np.eye(3)
    difference = [(turned.value(queries + s) - turned.value(queries - s)) / 2e-4 for s in steps]
    assert turned.gradient(queries) == pytest.approx(np.stack(difference, axis=1), abs=1e-5)


def test_a_slope_along_a_normal_counts_like_one_more_normal(sphere):
    """The extra slopes share the algebra of the normals: moving one over changes nothing."""
    data = sphere.state.data
    amplitude2, noise2, slope2 = sphere.state.hyper_parameters
    last = len(data.positions) - 1
    fewer = data.part(np.arange(last))
    turns = Turns(data.positions[last:], data.normals[last:], np.ones(1), np.full(1, slope2))
    moved = replace(fewer, turns=turns)
    ours = solve(moved, observed_covariance(moved), amplitude2, noise2, slope2)
    system = amplitude2 * observed_covariance(data)
    nugget = np.concatenate([noise2 * data.shares, np.full(last + 1, slope2)])
    system += np.diag(nugget)
    without = np.delete(np.arange(2 * last + 2), last)
    design = observed_trend(data)[without]
    inverse = np.linalg.inv(system[np.ix_(without, without)])
    target = np.concatenate([np.zeros(last), np.ones(last + 1)])
    trend = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ target)
    assert ours.trend == pytest.approx(trend, rel=1e-4, abs=1e-6)


def test_slopes_come_back_from_the_arrays(sphere):
    turned = _turned(sphere, 0.3, 1e-3)
    again = HermiteSurface.from_arrays(turned.to_arrays())
    queries = 14.0 * spiral_directions(20)
    assert again.value(queries) == pytest.approx(turned.value(queries), abs=1e-9)


def test_evidence_improves_the_caps_of_hermite_surfaces(make_vesicle, detection_probability):
    def narrow(normals):
        return detection_probability(normals, 45.0)

    config = FitConfig(method="hermite", hermite=HermiteConfig(superpoints=220))
    gains = []
    for seed in (31, 32):
        vesicle = make_vesicle(16.0, 0.07, seed)
        points = vesicle.cloud(np.random.default_rng(seed), tilt_range_deg=45.0)
        plain = fit_surface(points, replace(config, evidence=False), narrow)
        better = fit_surface(points, config, narrow)
        assert len(better.surface.state.data.turns.slopes) > 20
        gains.append(1.0 - vesicle.errors(better, 45.0)["cap"] / vesicle.errors(plain, 45.0)["cap"])
    assert np.mean(gains) > 0.03


def test_a_rise_far_out_closes_what_ran_away():
    """A cap of 110° of a ball leaves the rest open; the ball is known to be closed."""
    directions = spiral_directions(3000)
    points = 20.0 * directions[directions[:, 0] > -0.35]
    surface = HermiteSurface(points, HermiteConfig(superpoints=200))
    far = 40.0 * spiral_directions(60)
    assert risen_far_out(surface).value(far).min() > 0.0


def test_nothing_to_learn_outside_the_volume(sphere, detection_probability):
    directions, faces = icosphere(12)

    def nowhere(positions):
        return np.zeros(len(positions), dtype=np.bool_)

    sighting = Sighting(15.0 * directions, detection_probability, nowhere)
    assert hermite_with_evidence(sphere, (15.0 * directions, faces), sighting) is sphere


def _streaked_sphere(radius: float) -> np.ndarray:
    """Ball of which the wedge's edge makes planes: beyond 30° from the equator it runs straight."""
    directions = spiral_directions(4000)
    angle = np.arcsin(np.abs(directions[:, 0]))
    past = np.maximum(angle - np.deg2rad(30.0), 0.0)
    kept = past < np.deg2rad(20.0)
    run_off = radius * (1.0 / np.cos(past) - 1.0)
    points = (radius + run_off)[:, None] * directions
    return points[kept] + 0.2 * np.random.default_rng(3).normal(size=(int(kept.sum()), 3))


def _lies_well(normals: np.ndarray) -> np.ndarray:
    return expit(28.0 - np.rad2deg(np.arcsin(np.clip(np.abs(normals[:, 0]), 0.0, 1.0))))


def test_points_that_run_straight_on_do_not_lift_the_caps():
    points = _streaked_sphere(20.0)
    true = 4.0 / 3.0 * np.pi * 20.0**3
    naive = StarShapedSurface(points)
    wary = StarShapedSurface(points, reliability=_lies_well)
    assert naive.volume > 1.02 * true
    assert wary.volume == pytest.approx(true, rel=0.01)


def test_a_wary_hermite_surface_leaves_them_out_too():
    points = _streaked_sphere(20.0)
    config = FitConfig(method="hermite", hermite=HermiteConfig(superpoints=200))
    true = 4.0 / 3.0 * np.pi * 20.0**3
    naive, wary = fit_surface(points, config), fit_surface(points, config, reliability=_lies_well)
    assert naive.volume > 1.02 * true
    assert wary.volume == pytest.approx(true, rel=0.02)


def test_if_nothing_is_reliable_all_points_count():
    points = 20.0 * spiral_directions(800)
    blind = StarShapedSurface(points, reliability=lambda normals: np.zeros(len(normals)))
    assert blind.volume == pytest.approx(4.0 / 3.0 * np.pi * 20.0**3, rel=0.01)


def test_errors_in_common_widen_the_deviation():
    points = 20.0 * spiral_directions(1500)
    points = points + 0.5 * np.random.default_rng(4).normal(size=points.shape)
    alone = StarShapedSurface(points, StarConfig(search=False))
    together = StarShapedSurface(points, StarConfig(search=False, erring_together=9.0))
    directions = spiral_directions(50)
    ratio = np.median(together.sd_in(directions) / alone.sd_in(directions))
    assert 2.0 < ratio < 3.1


def test_the_marginal_likelihood_integrates_to_one_across_the_surface():
    points = 20.0 * spiral_directions(800)
    surface = StarShapedSurface(points + 0.3 * np.random.default_rng(5).normal(size=points.shape))
    steps = np.linspace(-3.0, 3.0, 4001)
    ray = np.array([0.6, 0.0, 0.8])
    across = surface_likelihood(surface, (20.0 + steps)[:, None] * ray)
    assert np.trapezoid(across, steps) == pytest.approx(1.0, abs=0.02)


def test_doubted_superpoints_give_way_to_those_on_both_sides_of_them():
    directions = spiral_directions(3000)
    bulge = 1.5 * np.exp(-(((directions[:, 0] - 0.4) / 0.1) ** 2))
    plain = HermiteSurface(directions * (20.0 + bulge)[:, None])
    wary = less_trusted(plain, lambda n: np.where(np.abs(n[:, 0] - 0.4) < 0.3, 1e-4, 1.0))
    ring = 20.0 * directions[np.abs(directions[:, 0] - 0.4) < 0.02]
    assert np.mean(plain.value(ring)) < -0.3
    assert np.mean(wary.value(ring)) == pytest.approx(0.0, abs=0.1)
    assert wary.sd(ring).mean() > 1.5 * plain.sd(ring).mean()
