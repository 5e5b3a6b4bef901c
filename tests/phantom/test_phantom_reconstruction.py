"""Weighted back-projection against the volume that was projected, and against real SIRT."""

from itertools import pairwise

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.projection import back_project, project
from membraneseg.phantom.reconstruction import (
    WEIGHTINGS,
    ReconstructionConfig,
    angular_spans_rad,
    reconstruct,
    tilt_weights,
)

EVEN_DEG = np.arange(-60.0, 61.0, 3.0)
UNEVEN_DEG = np.append(np.arange(-60.0, 0.0, 1.0), np.arange(0.0, 61.0, 4.0))


def sharp(weighting):
    return ReconstructionConfig(weighting=weighting, low_pass=0.5)


def point_volume(depth=96, width=96):
    z, x = np.meshgrid(np.arange(depth) - depth // 2, np.arange(width) - width // 2, indexing="ij")
    volume = np.zeros((depth, 4, width), dtype=np.float32)
    volume[:, 2] = np.exp(-0.5 * (z**2 + x**2) / 1.2**2)
    return volume


def spectrum(volume, size=192):
    """Transform in z and x, its radius in cycles per voxel and its elevation in −90 … 90°."""
    kz, kx = np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        elevation = np.rad2deg(np.arctan(kz / kx))
    return np.fft.fft2(volume[:, 2], s=(size, size)), np.hypot(kz, kx), elevation


def gains_in_sectors(angles_deg, images, volume, config, band):
    """Mean amplitude per 10° of elevation inside ±45°, as a share of the true one."""
    ours, radius, elevation = spectrum(reconstruct(images, angles_deg, volume.shape, config))
    ratio = (ours / spectrum(volume)[0]).real
    inside = (radius > band[0]) & (radius < band[1])
    edges = np.arange(-45.0, 36.0, 10.0)
    return np.array([ratio[inside & (elevation > e) & (elevation < e + 10)].mean() for e in edges])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_power_outside_the_wedge_is_below_one_percent_of_that_inside(weighting):
    volume = point_volume()
    result = reconstruct(project(volume, EVEN_DEG), EVEN_DEG, volume.shape, sharp(weighting))
    ours, radius, elevation = spectrum(result, 96)
    power = np.abs(ours) ** 2
    band = (radius > 0.05) & (radius < 0.35)
    inside, outside = band & (np.abs(elevation) < 58.0), band & (np.abs(elevation) > 63.0)
    assert power[outside].mean() < 0.01 * power[inside].mean()
    assert power[outside].sum() < 0.01 * power[inside].sum()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_even_tilts_return_the_amplitudes_inside_the_wedge(weighting):
    volume = point_volume(48)
    images = project(volume, EVEN_DEG)
    for band in ((0.03, 0.06), (0.06, 0.12), (0.12, 0.25)):
        gains = gains_in_sectors(EVEN_DEG, images, volume, sharp(weighting), band)
        assert gains == pytest.approx(1.0, abs=0.05)


def test_uneven_tilts_return_flat_amplitudes_only_with_their_own_weights(monkeypatch):
    volume = point_volume(48)
    images = project(volume, UNEVEN_DEG)
    for band in ((0.03, 0.06), (0.06, 0.12), (0.12, 0.25)):
        gains = gains_in_sectors(UNEVEN_DEG, images, volume, sharp("exact"), band)
        assert gains == pytest.approx(1.0, abs=0.07)
    equal = "membraneseg.phantom.reconstruction.angular_spans_rad"
    monkeypatch.setattr(equal, lambda a: np.full(len(a), np.deg2rad(np.ptp(a)) / (len(a) - 1)))
    gains = gains_in_sectors(UNEVEN_DEG, images, volume, sharp("ramp"), (0.06, 0.12))
    assert gains.max() > 1.5
    assert gains.min() < 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_tilts_keep_large_structures_only_with_exact_weights(seed):
    angles = np.sort(np.random.default_rng(seed).uniform(-60.0, 60.0, 60))
    volume = point_volume(48)
    images = project(volume, angles)
    error = {}
    for weighting in WEIGHTINGS:
        result = reconstruct(images, angles, volume.shape, sharp(weighting))
        ours, radius, elevation = spectrum(result)
        ratio = (ours / spectrum(volume)[0]).real
        large = (radius < 0.02) & (np.abs(elevation) < 55.0)
        error[weighting] = np.sqrt(((ratio[large] - 1.0) ** 2).mean())
    assert error["exact"] < 0.12
    assert error["ramp"] > 0.18


def test_exact_weights_of_even_tilts_are_the_ramp_in_mid_range():
    frequency = np.linspace(0.0, 0.5, 101)
    exact, ramp = (tilt_weights(frequency, EVEN_DEG, 60, sharp(w)) for w in WEIGHTINGS)
    assert exact[15:26, 20:70] == pytest.approx(ramp[15:26, 20:70], rel=0.05)


def test_a_slab_keeps_its_mean_with_exact_weights():
    slab = np.zeros((20, 4, 400), dtype=np.float32)
    slab[:, :, 20:-20] = 1.0
    angles = np.arange(-30.0, 31.0, 2.0)
    result = reconstruct(project(slab, angles), angles, slab.shape)
    assert result[10, 2, 150:250].mean() == pytest.approx(1.0, abs=0.04)


def test_even_tilts_stand_for_one_step_each_and_uneven_ones_for_their_gaps():
    assert np.rad2deg(angular_spans_rad(np.array([-6.0, -3, 0, 3, 6]))) == pytest.approx(3.0)
    spans = np.rad2deg(angular_spans_rad(np.array([4.0, 0.0, 2.0, 10.0])))
    assert spans == pytest.approx([4.0, 2.0, 2.0, 6.0])


@pytest.mark.parametrize(("depth", "step_deg"), [(50, 2.0), (96, 3.0)])
def test_shells_inside_the_wedge_correlate_with_the_scene_up_to_half_nyquist(depth, step_deg):
    rng = np.random.default_rng(0)
    shape, angles = (depth, 48, 96), np.arange(-60.0, 61.0, step_deg)
    grid = np.indices(shape, dtype=np.float32)
    scene = np.zeros(shape, dtype=np.float32)
    for _ in range(40):
        centre = np.array(shape) * rng.uniform(0.08, 0.92, 3)
        square = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))
        scene += square < rng.uniform(2.0, 5.0) ** 2
    result = reconstruct(project(scene, angles), angles, shape)
    ours, theirs = np.fft.rfftn(result), np.fft.rfftn(scene)
    kz, ky, kx = np.meshgrid(
        *[np.fft.fftfreq(n) for n in shape[:2]], np.fft.rfftfreq(96), indexing="ij"
    )
    shell = np.rint(96 * np.sqrt(kz**2 + ky**2 + kx**2)).astype(int)
    inside = np.abs(kz) <= np.abs(kx) * np.tan(np.deg2rad(60.0))
    for number in range(1, 25):  # shell 24 lies at half of Nyquist
        a, b = ours[inside & (shell == number)], theirs[inside & (shell == number)]
        correlation = np.vdot(a, b).real / np.sqrt(np.vdot(a, a).real * np.vdot(b, b).real)
        assert correlation > 0.9


def test_one_iteration_of_sirt_is_plain_back_projection():
    rng = np.random.default_rng(3)
    shape = (16, 3, 40)
    images = rng.normal(size=(len(EVEN_DEG), 3, 48)).astype(np.float32)
    for weighting in WEIGHTINGS:
        once = ReconstructionConfig(weighting=weighting, low_pass=0.5, sirt_iterations=1)
        weights = tilt_weights(np.linspace(0.0, 0.49, 50), EVEN_DEG, 16, once)
        paths = 16 / np.cos(np.deg2rad(EVEN_DEG))
        assert weights[:, 3:] == pytest.approx(1 / paths.sum(), rel=1e-6)
    images -= images.mean(axis=2, keepdims=True)
    plain = back_project(images, EVEN_DEG, shape) / paths.sum()
    ours = reconstruct(images, EVEN_DEG, shape, once)
    assert np.abs(ours - plain).max() < 0.04 * np.abs(plain).max()


def test_filter_does_what_iterating_does():
    volume = point_volume(24, 64)
    images = project(volume, EVEN_DEG)
    largest = (24 / np.cos(np.deg2rad(EVEN_DEG))).sum()
    iterated = np.zeros_like(volume)
    for _ in range(20):
        missing = images - project(iterated, EVEN_DEG)
        iterated += back_project(missing, EVEN_DEG, volume.shape) / np.float32(largest)
    twenty = ReconstructionConfig(low_pass=0.5, sirt_iterations=20)
    filtered = reconstruct(images, EVEN_DEG, volume.shape, twenty)
    assert np.corrcoef(filtered.ravel(), iterated.ravel())[0, 1] > 0.99
    assert filtered.max() == pytest.approx(iterated.max(), rel=0.1)


def test_sirt_damps_high_frequencies_and_tends_to_weighted_back_projection():
    frequency = np.linspace(0.0, 0.45, 46)
    full = tilt_weights(frequency, EVEN_DEG, 60, sharp("exact"))
    shares = [
        tilt_weights(frequency, EVEN_DEG, 60, ReconstructionConfig(low_pass=0.5, sirt_iterations=n))
        / full
        for n in (1, 10, 100, 100000)
    ]
    middle = [share[20] for share in shares]
    assert all((np.diff(m[2:]) <= 1e-12).all() for m in middle)
    assert all((b >= a).all() for a, b in pairwise(middle))
    assert middle[1][45] < 0.3 < 0.9 < middle[1][2]
    assert shares[3] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"weighting": "none"}, {"low_pass": 0.6}, {"sirt_iterations": -1}, {"binning": 0}],
)
def test_impossible_reconstructions_are_refused_by_name(wrong):
    with pytest.raises(MembraneSegError, match=next(iter(wrong))):
        ReconstructionConfig(**wrong)
