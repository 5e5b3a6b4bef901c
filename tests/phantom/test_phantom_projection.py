"""Projection and its adjoint against closed forms; tilt schemes."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom import projection
from membraneseg.phantom.projection import back_project, detector_width, project
from membraneseg.phantom.tilt_scheme import (
    TiltScheme,
    dose_symmetric_order,
    dose_windows_e_per_A2,
)

ANGLES_DEG = np.array([-60.0, -24.5, 0.0, 24.5, 33.0, 71.0])


def grid(shape):
    return np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij")


def test_projection_of_a_uniform_sphere_is_its_chord():
    radius, shape = 18.0, (48, 9, 48)
    z, y, x = grid(shape)
    sphere = np.clip(radius - np.sqrt(z**2 + y**2 + x**2) + 0.5, 0.0, 1.0).astype(np.float32)
    images = project(sphere, np.array([0.0, 33.0, -60.0]))
    u = np.arange(images.shape[2]) - images.shape[2] // 2
    for row in (0, 2, 4):
        chord = 2 * np.sqrt(np.maximum(radius**2 - u**2 - (row - 4) ** 2, 0.0))
        inner = np.abs(u) < radius - 2
        assert np.abs(images[:, row] - chord)[:, inner].max() < 0.35
    assert images[:, 4].sum(axis=1) == pytest.approx(np.pi * radius**2, rel=0.002)


def test_projection_of_a_gaussian_is_exact_at_every_tilt():
    shape, sigma, centre = (40, 12, 60), 1.6, (4.3, -1.2, -7.7)
    z, y, x = grid(shape)
    square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    images = project(np.exp(-0.5 * square / sigma**2).astype(np.float32), ANGLES_DEG)
    u = np.arange(images.shape[2]) - images.shape[2] // 2
    rows = np.exp(-0.5 * ((np.arange(12) - 5.5 - centre[1]) / sigma) ** 2)
    for image, angle in zip(images, np.deg2rad(ANGLES_DEG), strict=True):
        shadow = centre[2] * np.cos(angle) + centre[0] * np.sin(angle)
        profile = np.exp(-0.5 * ((u - shadow) / sigma) ** 2)
        expected = sigma * np.sqrt(2 * np.pi) * rows[:, None] * profile
        assert np.abs(image - expected).max() < 1e-4 * expected.max()


@pytest.mark.parametrize("shape", [(20, 7, 33), (21, 4, 32), (9, 5, 1)])
def test_back_projection_is_the_adjoint_of_projection(shape):
    rng = np.random.default_rng(0)
    volume = rng.normal(size=shape).astype(np.float32)
    images = project(volume, ANGLES_DEG)
    other = rng.normal(size=images.shape).astype(np.float32)
    back = back_project(other, ANGLES_DEG, shape)
    one, two = np.vdot(images.astype(float), other), np.vdot(volume.astype(float), back)
    assert abs(one - two) < 1e-6 * np.linalg.norm(images) * np.linalg.norm(other)


def test_an_odd_number_of_columns_is_centred_as_well():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(1, 3, 45)).astype(np.float32)
    back = back_project(images, np.zeros(1), (5, 3, 41))
    assert np.abs(back - images[:1, :, 2:43].transpose(0, 1, 2)).max() < 1e-5


def test_few_rows_at_a_time_change_nothing(monkeypatch):
    volume = np.random.default_rng(2).normal(size=(16, 11, 24)).astype(np.float32)
    whole = project(volume, ANGLES_DEG)
    back = back_project(whole, ANGLES_DEG, volume.shape)
    monkeypatch.setattr(projection, "WORKING_BYTES", 1.0)
    shares = []
    assert np.abs(project(volume, ANGLES_DEG, report=shares.append) - whole).max() < 1e-4
    assert np.abs(back_project(whole, ANGLES_DEG, volume.shape) - back).max() < 1e-3
    assert shares == pytest.approx(np.arange(1, 12) / 11)


def test_the_detector_holds_the_corners_at_the_diagonal_tilt():
    shape = (30, 1, 40)
    corners = np.zeros(shape, dtype=np.float32)
    corners[0, 0, 0] = corners[-1, 0, -1] = 1.0
    image = project(corners, np.array([np.rad2deg(np.arctan2(29, 39))]))[0, 0]
    half = np.hypot(29, 39) / 2
    wanted = detector_width(shape) // 2 + np.rint([-half, half])
    assert sorted(np.argsort(image)[-2:]) == pytest.approx(wanted)


def test_images_of_other_rows_and_missing_gpus_are_refused(monkeypatch):
    with pytest.raises(MembraneSegError, match="4 rows and the volume 5"):
        back_project(np.zeros((1, 4, 8), np.float32), np.zeros(1), (2, 5, 4))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(MembraneSegError, match="no GPU"):
        project(np.zeros((2, 2, 2), np.float32), np.zeros(1), device="cuda")
    with pytest.raises(MembraneSegError, match="'tpu'"):
        project(np.zeros((2, 2, 2), np.float32), np.zeros(1), device="tpu")


def test_dose_symmetric_series_starts_at_zero_and_grows_outward():
    angles = np.array([-9.0, -6, -3, 0, 3, 6, 9])
    order = angles[np.argsort(dose_symmetric_order(angles))]
    assert order.tolist() == [0, 3, -3, -6, 6, 9, -9]


def test_asymmetric_dose_symmetric_series_goes_on_along_the_longer_side():
    scheme = TiltScheme(min_deg=-20.0, max_deg=45.0, step_deg=10.0, start_deg=10.0)
    assert scheme.angles_deg.tolist() == [-20, -10, 0, 10, 20, 30, 40]
    assert scheme.angles_deg[np.argsort(scheme.ranks)].tolist() == [10, 20, 0, -10, 30, 40, -20]


def test_linear_series_runs_from_one_end_to_the_other():
    scheme = TiltScheme("linear", -50.0, 60.0, 2.5)
    assert scheme.angles_deg[[0, -1]].tolist() == [-50.0, 60.0]
    assert np.diff(scheme.angles_deg[np.argsort(scheme.ranks)]) == pytest.approx(2.5)


def test_dose_is_shared_evenly_and_without_a_gap():
    scheme = TiltScheme(step_deg=2.0)
    windows = dose_windows_e_per_A2(scheme, 122.0)
    in_time = windows[np.argsort(scheme.ranks)]
    assert in_time[:, 0] == pytest.approx(2.0 * np.arange(61))
    assert in_time[:, 1] == pytest.approx(2.0 * np.arange(1, 62))
    assert windows[np.flatnonzero(scheme.angles_deg == 0.0)[0], 0] == 0.0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"order": "spiral"}, "spiral"),
        ({"min_deg": -85.0}, "min_deg"),
        ({"max_deg": -70.0}, "max_deg"),
        ({"start_deg": 61.0}, "start_deg"),
        ({"step_deg": 0.0}, "step_deg"),
        ({"step_deg": 121.0}, "step_deg"),
    ],
)
def test_impossible_schemes_are_refused_by_name(wrong, named):
    with pytest.raises(MembraneSegError, match=named):
        TiltScheme(**wrong)
