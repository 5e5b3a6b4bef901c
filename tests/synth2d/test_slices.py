"""Drawn slices against closed forms: identities, cross-sections, thickness, noise, the wedge."""

import numpy as np
import pytest

from synth2d.bodies import Body, Grid, Waves
from synth2d.canvas import IGNORE, MEMBRANE, Style, draw_body, empty_canvas
from synth2d.config import SliceConfig
from synth2d.heads import HEAD_HEIGHT_A, stalked_heads
from synth2d.noise import (
    across_slices,
    ice_gradient,
    radial_filter,
    slice_roots,
    wedge_noise,
    white_spectrum,
)
from synth2d.obstacles import add_gold
from synth2d.slices import make_slice
from synth2d.wedge import SURE_DEG

STILL = Waves(np.zeros(1), np.zeros((1, 3)), np.zeros(1))
PIXEL_A, HALF_LABEL_A = 10.0, 25.0
AXIS_A = (np.arange(160) - 79.5) * PIXEL_A
GRID = Grid(np.array([-PIXEL_A, 0.0, PIXEL_A]), AXIS_A, AXIS_A, PIXEL_A)
DISTANCE_A = np.arange(-320.0, 321.0)
GAUSSIAN = (DISTANCE_A, -np.exp(-0.5 * (DISTANCE_A / 20.0) ** 2))


def sphere(radius, centre=(0.0, 0.0, 0.0), offsets=(0.0,)):
    return Body(np.array(centre), np.eye(3), np.full(3, radius), STILL, offsets)


def drawn(bodies, theta_deg=60.0):
    canvas = empty_canvas(GRID, theta_deg)
    style = Style(GAUSSIAN, HALF_LABEL_A, 0.0, np.random.default_rng(0))
    number = 1
    for body in bodies:
        draw_body(canvas, body, number, None, style)
        number += len(body.offsets_A)
    return canvas


def radius_A(centre):
    return np.hypot(AXIS_A[:, None] - centre[1], AXIS_A[None, :] - centre[2])


def test_touching_bodies_keep_an_identity_each():
    first, second = (0.0, 0.0, -200.0), (0.0, 0.0, 255.0)  # surfaces 55 Å apart
    instances = drawn([sphere(200.0, first), sphere(200.0, second)]).instances
    for number, centre in ((1, first), (2, second)):
        on = np.abs(radius_A(centre) - 200.0) <= HALF_LABEL_A
        assert (instances[on] == number).mean() > 0.97
        assert (instances == number).sum() == pytest.approx(on.sum(), rel=0.03)
    assert set(np.unique(instances)) == {0, 1, 2}


def test_every_membrane_of_a_layered_body_has_its_own_identity():
    instances = drawn([sphere(500.0, offsets=(0.0, -150.0, -300.0))]).instances
    for number, radius in ((1, 500.0), (2, 350.0), (3, 200.0)):
        assert radius_A((0, 0, 0))[instances == number].mean() == pytest.approx(radius, abs=5.0)


@pytest.mark.parametrize("height", [-250.0, -120.0, 180.0])
def test_context_slices_are_cross_sections_of_the_same_sphere(height):
    contrast = drawn([sphere(400.0, (height, 0.0, 5.0))]).contrast
    for plane, z in enumerate(GRID.z_A):
        row = contrast[plane, 79, 80:]  # from the centre along x
        k = int(np.argmin(row))
        curve = row[k - 1 : k + 2].astype(float)
        vertex = 0.5 * (curve[0] - curve[2]) / (curve[0] - 2 * curve[1] + curve[2])
        reached = np.hypot(AXIS_A[79], AXIS_A[80] + (k + vertex) * PIXEL_A - 5.0)
        assert reached == pytest.approx(np.sqrt(400.0**2 - (z - height) ** 2), abs=2.0)


@pytest.mark.parametrize("elevation_deg", [0.0, 30.0, 45.0, 60.0])
def test_a_slanted_sheet_looks_thicker_by_one_over_the_cosine_of_its_elevation(elevation_deg):
    sine, cosine = np.sin(np.deg2rad(elevation_deg)), np.cos(np.deg2rad(elevation_deg))
    rotation = np.array([[sine, 0.0, cosine], [0.0, 1.0, 0.0], [cosine, 0.0, -sine]])
    sheet = Body(np.zeros(3), rotation, None, STILL)
    row = drawn([sheet], theta_deg=80.0).contrast[1, 79].astype(float)
    fine = np.linspace(-300, 300, 60001)
    dark = np.interp(fine, AXIS_A, row / row.min()) > 0.5
    width = dark.sum() * (fine[1] - fine[0])
    assert width == pytest.approx(2.355 * 20.0 / cosine, rel=0.03)


@pytest.mark.parametrize(("theta_deg", "height"), [(60.0, 0.3), (60.0, 0.6), (40.0, 0.4)])
def test_the_labelled_share_of_an_outline_is_what_the_wedge_leaves(theta_deg, height):
    canvas = drawn([sphere(600.0, (-600.0 * height, 0.0, 0.0))], theta_deg)
    labelled = (canvas.labels[canvas.instances > 0] == MEMBRANE).mean()
    theta, sure = np.deg2rad(theta_deg), np.deg2rad(SURE_DEG)
    nx = (height * np.cos(theta) - np.sin(sure)) / np.sin(theta)  # smallest |nx| that is seen
    share = 2 / np.pi * np.arccos(nx / np.sqrt(1 - height**2))
    assert labelled == pytest.approx(share, abs=0.02)


def test_noise_has_more_power_across_the_tilt_axis_than_along_it():
    rng = np.random.default_rng(1)
    power = np.mean(
        [np.abs(np.fft.fft2(wedge_noise(rng, (3, 96, 96), 60.0)[1])) ** 2 for _ in range(24)],
        axis=0,
    )
    k = np.abs(np.fft.fftfreq(96))
    fast, slow = (k > 0.1) & (k < 0.3), k < 0.03
    across, along = power[np.ix_(slow, fast)].mean(), power[np.ix_(fast, slow)].mean()
    assert across > 2.0 * along


def test_a_radial_filter_takes_fine_detail_across_the_tilt_axis_and_none_along_it():
    image = np.random.default_rng(3).standard_normal((3, 128, 128)).astype(np.float32)
    config = SliceConfig(radial_filter_share=1.0, radial_cutoff=(0.1, 0.1))
    filtered = radial_filter(np.random.default_rng(4), config, image)
    before, after = (np.abs(np.fft.fft2(one)) ** 2 for one in (image, filtered))
    k = np.abs(np.fft.fftfreq(128))
    fine, coarse = k > 0.45, k < 0.1
    np.testing.assert_allclose(after[:, :, coarse], before[:, :, coarse], rtol=1e-3, atol=1e-2)
    assert after[:, :, fine].sum() < 0.02 * before[:, :, fine].sum()


def test_some_noise_is_as_fine_along_the_tilt_axis_as_it_gets_and_coarse_across_it():
    k = np.abs(np.fft.fftfreq(128))
    ratios = []
    for seed in range(40):
        noise = wedge_noise(np.random.default_rng(seed), (3, 128, 128), 60.0)
        power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0)
        fine, coarse = k > 0.4, k < 0.1
        ratios.append(power[np.ix_(fine, coarse)].mean() / power[np.ix_(coarse, fine)].mean())
    assert np.max(ratios) > 5.0
    assert np.min(ratios) < 0.2


def test_white_spectra_transform_to_noise_of_equal_power_everywhere():
    rng = np.random.default_rng(5)
    fields = np.fft.irfft2(white_spectrum(rng, (400, 16, 16)), s=(16, 16))
    power = (np.abs(np.fft.fft2(fields)) ** 2).mean(axis=0)
    np.testing.assert_allclose(power / power.mean(), 1.0, atol=0.3)
    np.testing.assert_allclose(fields.var(axis=0) / fields.var(), 1.0, atol=0.3)


def test_slices_mixed_by_the_roots_have_the_covariance_that_was_asked_for():
    covariance = np.array([1.0, 0.6, 0.2])[:, None, None]
    roots = slice_roots(covariance, 4)[:, :, 0, 0]
    wanted = [[1, 0.6, 0.2, 0], [0.6, 1, 0.6, 0.2], [0.2, 0.6, 1, 0.6], [0, 0.2, 0.6, 1]]
    np.testing.assert_allclose(roots @ roots.T, wanted, atol=1e-9)


def test_mixing_is_a_sum_over_the_slices_at_every_frequency():
    rng = np.random.default_rng(6)
    roots = rng.normal(size=(3, 3, 1, 9)).astype(np.float32)
    white = white_spectrum(rng, (3, 16, 16))
    expected = np.einsum("cjk,jyk->cyk", roots[:, :, 0], white)
    np.testing.assert_allclose(across_slices(roots, white), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_less_noise_changes_nothing_but_the_noise(seed):
    full, quarter, none = (
        make_slice(SliceConfig(noise_deviation=deviation), np.random.default_rng(seed))
        for deviation in (1.0, 0.25, 0.0)
    )
    np.testing.assert_array_equal(full.labels, none.labels)
    assert (full.image - none.image).std() > 0.1
    np.testing.assert_allclose(
        full.image - none.image, 4 * (quarter.image - none.image), rtol=0, atol=1e-4
    )


def test_nothing_is_known_under_a_bead_of_gold():
    covered = 0
    for seed in range(6):
        labels = np.zeros((96, 96), dtype=np.uint8)
        image = np.zeros((3, 96, 96), dtype=np.float32)
        image = add_gold(np.random.default_rng(seed), image, labels, 8.0)
        covered += int((labels == IGNORE).sum())
        if (labels == IGNORE).any():
            assert image[1][labels == IGNORE].mean() < -1.0
    assert covered > 20


def test_heads_stand_on_their_stalks_beside_the_membrane():
    instances = np.zeros((120, 120), dtype=np.int16)
    instances[58:62] = 1  # a membrane along x
    config = SliceConfig(size_px=120, stalked_share=1.0)
    density = stalked_heads(np.random.default_rng(2), config, instances, PIXEL_A)[1]
    across = density.sum(axis=1)
    assert abs(abs(int(across.argmax()) - 59.5) * PIXEL_A - HEAD_HEIGHT_A) < 25.0
    upper, lower = across[:55].sum(), across[65:].sum()
    assert min(upper, lower) < 0.05 * max(upper, lower)  # one side only


def test_what_older_recipes_did_not_have_is_drawn_beside_the_rest():
    config = SliceConfig(size_px=64, body_count=(2, 4))
    more = SliceConfig(size_px=64, body_count=(2, 4), ice_gradient=(0.5, 0.5))
    plain = make_slice(config, np.random.default_rng(9))
    graded = make_slice(more, np.random.default_rng(9))
    np.testing.assert_array_equal(plain.labels, graded.labels)
    assert np.corrcoef(plain.image.ravel(), graded.image.ravel())[0, 1] > 0.6


def test_thicker_ice_is_darker_and_dims_contrast_and_noise_alike():
    config = SliceConfig(ice_gradient=(1.0, 1.0))
    noise = np.random.default_rng(0).standard_normal((3, 64, 64)).astype(np.float32)
    graded = ice_gradient(np.random.default_rng(3), config, noise)
    np.testing.assert_allclose((graded + 3.0) / (noise + 3.0), graded_by(3, 64), rtol=1e-4)


def graded_by(seed, size):
    """exp(-thickness) on a ramp of 1 from edge to edge, in the direction that the seed draws."""
    rng = np.random.default_rng(seed)
    rng.uniform(1.0, 1.0)
    angle, place = rng.uniform(0, 2 * np.pi), np.linspace(-0.5, 0.5, size)
    ramp = np.sin(angle) * place[:, None] + np.cos(angle) * place[None, :]
    return np.broadcast_to(np.exp(-ramp), (3, size, size))
