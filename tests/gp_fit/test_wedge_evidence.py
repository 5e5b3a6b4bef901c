"""What was not seen closes the caps better."""

from __future__ import annotations

import numpy as np
import pytest

from gp_fit import EvidenceConfig, StarShapedSurface, with_wedge_evidence
from gp_fit.evidence_energy import Energy, Findings, PatchLikelihood
from gp_fit.points import density_filter
from gp_fit.wedge_evidence import _patches

FRESH = (21, 22, 23, 24)


@pytest.fixture(scope="module")
def fitted(make_vesicle):
    """Fresh shapes with their raw points and plain fits."""
    cases = []
    for seed in FRESH:
        vesicle = make_vesicle(22.0, 0.07, seed)
        points = vesicle.cloud(np.random.default_rng(seed), tilt_range_deg=50.0)
        cases.append((vesicle, points, StarShapedSurface(points[density_filter(points)])))
    return cases


def _narrow(detection_probability):
    return lambda normals: detection_probability(normals, 50.0)


def test_evidence_improves_the_caps_and_leaves_the_rest(fitted, detection_probability):
    gains, changes, covered = [], [], []
    for vesicle, points, plain in fitted:
        better = with_wedge_evidence(plain, points, _narrow(detection_probability))
        before, after = vesicle.errors(plain, 50.0), vesicle.errors(better, 50.0)
        gains.append(before["cap"] - after["cap"])
        changes.append(after["seen"] - before["seen"])
        covered.append(after["covered"])
    assert np.sum(np.array(gains) > 0.0) >= 3
    assert np.mean(gains) > 0.03
    assert np.abs(changes).max() < 0.02
    assert np.mean(covered) > 0.9


def test_certain_detection_everywhere_contradicts_the_caps_and_cannot_break_the_fit(fitted):
    """A model that expects to see everything must not tear the surface from its points."""
    vesicle, points, plain = fitted[0]
    result = with_wedge_evidence(plain, points, lambda normals: np.full(len(normals), 0.99))
    assert vesicle.errors(result, 50.0)["seen"] < 0.3
    assert result.volume == pytest.approx(plain.volume, rel=0.1)


def test_outside_the_volume_nothing_is_learned(fitted, detection_probability):
    _, points, plain = fitted[1]

    def nowhere(positions):
        return np.zeros(len(positions), dtype=np.bool_)

    model = _narrow(detection_probability)
    assert with_wedge_evidence(plain, points, model, nowhere) is plain


def test_energy_gradient_equals_finite_differences(fitted, detection_probability):
    _, _, plain = fitted[2]
    options = EvidenceConfig(sharpness=1.0)
    patches = _patches(plain.state, options)
    rng = np.random.default_rng(0)
    count = len(patches.directions)
    findings = Findings(rng.random(count), rng.random(count))
    precision = np.linalg.inv(plain.state.covariance)

    def smooth(normals):
        return 0.3 + 0.4 * normals[:, 0] ** 2

    likelihood = PatchLikelihood(findings, smooth, options)
    energy = Energy(plain.state, precision, patches, likelihood)
    here = plain.state.coefficients + 0.002 * rng.normal(size=len(plain.state.coefficients))
    gradient, curvature = energy.slope(here)
    direction = rng.normal(size=len(here))
    ahead, behind = energy.value(here + 1e-5 * direction), energy.value(here - 1e-5 * direction)
    assert gradient @ direction == pytest.approx((ahead - behind) / 2e-5, rel=1e-3)
    assert np.linalg.eigvalsh(curvature)[0] > 0.0
