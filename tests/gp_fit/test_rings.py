"""The paper's recipe in one slice: theorems of the process, and what its anchors do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from gp_fit import (
    CollinearPointsError,
    Ellipse,
    GeometryError,
    RingConfig,
    RingProcess,
    TooFewPointsError,
    double_ring,
    single_ring,
    zero_likelihood,
)
from gp_fit.kernels import thin_plate_2d
from gp_fit.rings import Anchors

FIXED = RingConfig(amplitude=1.0, noise_px=0.5)


def _arcs(radius: float, noise: float = 0.0, count: int = 60) -> np.ndarray:
    """Two facing arcs of a circle about (30, 40), open towards ±y for 42° each."""
    half = np.linspace(-1.2, 1.2, count)
    turn = np.concatenate([half, half + np.pi])
    circle = radius * np.column_stack([np.sin(turn), np.cos(turn)]) + [30.0, 40.0]
    return circle + noise * np.random.default_rng(0).normal(size=circle.shape)


def _radius_of_zero(process: RingProcess, low: float, high: float) -> np.ndarray:
    """Where f changes sign along 36 rays between two radii."""
    turn = np.linspace(0.0, 2.0 * np.pi, 36, endpoint=False)
    ray = np.column_stack([np.sin(turn), np.cos(turn)])
    radii = np.linspace(low, high, 400)
    values = process.mean((radii[:, None, None] * ray + [30.0, 40.0]).reshape(-1, 2))
    signs = np.sign(values.reshape(400, 36))
    assert np.all(np.sum(np.diff(signs, axis=0) != 0.0, axis=0) == 1)
    return radii[np.argmax(np.diff(signs, axis=0) != 0.0, axis=0)]


class _ThinPlate(Kernel):
    """The same covariance, for scikit-learn."""

    def __init__(self, reach: float = 1.0) -> None:
        self.reach = reach

    def __call__(self, X, Y=None, eval_gradient=False):
        kernel = thin_plate_2d(cdist(X, X if Y is None else Y), self.reach) / self.reach**2
        return (kernel, np.empty((*kernel.shape, 0))) if eval_gradient else kernel

    def diag(self, X):
        return np.ones(len(X))

    def is_stationary(self):
        return True


def test_mean_deviation_and_evidence_equal_scikit_learns_with_the_same_kernel():
    points = _arcs(20.0, 0.5, 20)
    anchors = single_ring(points, FIXED)
    ours = RingProcess(points, anchors, FIXED)
    nugget = np.where(ours._noisy, (0.5 * ours._rise) ** 2, 0.0) + 1e-8
    theirs = GaussianProcessRegressor(_ThinPlate(ours._reach), alpha=nugget, optimizer=None)
    theirs.fit(ours.places, ours._targets)
    queries = np.random.default_rng(1).uniform([5.0, 15.0], [55.0, 65.0], size=(40, 2))
    mean, deviation = theirs.predict(queries, return_std=True)
    assert ours.mean(queries) == pytest.approx(mean, abs=1e-6)
    assert ours.sd(queries) == pytest.approx(deviation, abs=1e-6)
    evidence = theirs.log_marginal_likelihood_value_
    assert ours.log_evidence(1.0, 0.5) == pytest.approx(evidence, rel=1e-6)


def test_without_noise_the_points_are_met_exactly():
    points = _arcs(20.0, 0.0, 20)
    config = RingConfig(amplitude=1.0, noise_px=1e-5)
    process = RingProcess(points, single_ring(points, config), config)
    assert np.abs(process.mean(points)).max() < 1e-4


def test_gradient_equals_finite_differences():
    points = _arcs(20.0, 0.5)
    process = RingProcess(points, single_ring(points, FIXED), FIXED)
    queries = np.random.default_rng(2).uniform([5.0, 15.0], [55.0, 65.0], size=(20, 2))
    steps = 1e-4 * np.eye(2)
    difference = [(process.mean(queries + s) - process.mean(queries - s)) / 2e-4 for s in steps]
    assert process.gradient(queries) == pytest.approx(np.stack(difference, axis=1), abs=1e-6)


def test_moving_turning_and_scaling_the_points_does_the_same_to_f():
    points = _arcs(20.0, 0.5)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    moved = 3.0 * points @ turn.T + [100.0, -7.0]
    queries = points[::7] * 1.1
    config = RingConfig(amplitude=1.0, noise_px=1.5)
    anchors = single_ring(points, FIXED)
    here = RingProcess(points, anchors, FIXED).mean(queries)
    places = 3.0 * anchors.positions_yx @ turn.T + [100.0, -7.0]
    there = RingProcess(moved, Anchors(places, anchors.values), config)
    assert there.mean(3.0 * queries @ turn.T + [100.0, -7.0]) == pytest.approx(here, abs=1e-6)


def test_a_circle_of_which_two_arcs_show_is_closed():
    points = _arcs(20.0, 0.5)
    process = RingProcess(points, single_ring(points, RingConfig()))
    assert _radius_of_zero(process, 5.0, 23.5) == pytest.approx(20.0, abs=2.5)


def test_two_rings_close_both_with_anchors_of_three_signs():
    inner, outer = _arcs(18.0, 0.4), _arcs(28.0, 0.4)
    anchors = double_ring(inner, outer, RingConfig())
    assert sorted(set(anchors.values)) == [-1.0, 1.0]
    process = RingProcess(np.concatenate([inner, outer]), anchors)
    assert _radius_of_zero(process, 6.0, 23.0) == pytest.approx(18.0, abs=2.5)
    assert _radius_of_zero(process, 23.0, 33.0) == pytest.approx(28.0, abs=3.0)
    with pytest.raises(GeometryError, match="swap"):
        double_ring(outer, inner, RingConfig())


def test_the_marginal_likelihood_is_the_normal_density_and_peaks_on_the_curve():
    mean, deviation = np.array([-1.0, 0.0, 0.5]), np.array([0.5, 2.0, 1.0])
    assert zero_likelihood(mean, deviation) == pytest.approx(norm.pdf(0.0, mean, deviation))
    points = Ellipse((30.0, 40.0), (22.0, 18.0), 0.3).points(80)
    process = RingProcess(points, single_ring(points, FIXED), FIXED)
    centre = np.array([30.0, 40.0])
    off = centre + 0.85 * (points - centre)
    assert process.likelihood(points).min() > 100.0 * process.likelihood(off).max()


def test_evidence_prefers_the_true_noise_at_a_known_amplitude():
    points = _arcs(25.0, 0.8, 80)
    process = RingProcess(points, single_ring(points, FIXED), FIXED)
    found = [process.log_evidence(1.0, noise) for noise in (0.1, 0.8, 6.0)]
    assert found[1] > max(found[0], found[2])


def test_a_line_and_too_few_points_are_named():
    line = np.column_stack([np.arange(10.0), 2.0 * np.arange(10.0)])
    with pytest.raises(CollinearPointsError):
        RingProcess(line, single_ring(line, FIXED))
    with pytest.raises(TooFewPointsError):
        RingProcess(line[:4], single_ring(line[:4], FIXED))
