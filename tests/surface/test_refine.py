"""Refinement on drawn bilayers: every distance has a closed form."""

from dataclasses import replace

import numpy as np
import pytest

from gp_fit.errors import TooFewPointsError
from membraneseg.errors import MembraneSegError
from membraneseg.surface.fit import FittedMembrane, SurfaceConfig
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.profile import dark_centre, sample_profiles, thickness, weighted_mean
from membraneseg.surface.refine import refine_membrane, refine_membranes
from membraneseg.surface.refined import RefineConfig

SHAPE, CENTRE, RADIUS = (64, 64, 64), (31.3, 32.4, 30.7), 18.0
FRAME = VolumeFrame(SHAPE, 10.0, np.array([100.0, 0.0, -40.0]), 60.0)
CONFIGS = (SurfaceConfig(), RefineConfig())


def bilayer(distance_px, separation_px=3.8):
    minus, plus = (distance_px + s * separation_px / 2 for s in (1, -1))
    return -np.exp(-0.5 * (minus / 0.8) ** 2) - np.exp(-0.5 * (plus / 0.8) ** 2)


def drawn(noise, seed=0):
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid - np.asarray(CENTRE), axis=-1) - RADIUS
    clean = bilayer(distance)
    return (clean + noise * np.random.default_rng(seed).normal(size=SHAPE)).astype(np.float32)


def points_on(surface, shift=0.0):
    outward = (surface.vertices_zyx - np.asarray(surface.centre)) / surface.semi_axes
    return (surface.vertices_zyx + shift * outward) * FRAME.voxel_size_A + FRAME.origin_zyx_A


def sphere_fitter(template):
    """Least-squares sphere: the exact inverse of how the tests draw their points."""

    def refit(label, points_zyx_A):
        points = (points_zyx_A - FRAME.origin_zyx_A) / FRAME.voxel_size_A
        matrix = np.column_stack([2 * points, np.ones(len(points))])
        solved = np.linalg.lstsq(matrix, (points**2).sum(axis=1), rcond=None)[0]
        radius = np.sqrt(solved[3] + solved[:3] @ solved[:3])
        moved = replace(template, centre=tuple(solved[:3]), semi_axes=(radius,) * 3)
        return FittedMembrane(label, points_zyx_A, moved)

    return refit


@pytest.mark.parametrize("start", [-1.4, -0.6, 0.8, 1.5])
def test_a_surface_beside_the_membrane_is_moved_onto_its_middle(ellipsoid, start):
    surface = ellipsoid(CENTRE, (RADIUS + start,) * 3)
    membrane = FittedMembrane(1, points_on(surface), surface)
    refined = refine_membrane(drawn(0.3), membrane, FRAME, sphere_fitter(surface), CONFIGS)
    assert refined.membrane.surface.semi_axes[0] == pytest.approx(RADIUS, abs=0.12)
    assert refined.profile.shift_voxels == pytest.approx(abs(start), abs=0.15)


def test_a_surface_off_centre_is_brought_to_the_true_centre(ellipsoid):
    surface = ellipsoid((CENTRE[0], CENTRE[1] + 1.2, CENTRE[2] - 0.7), (RADIUS,) * 3)
    membrane = FittedMembrane(1, points_on(surface), surface)
    refined = refine_membrane(drawn(0.3), membrane, FRAME, sphere_fitter(surface), CONFIGS)
    found = np.asarray(refined.membrane.surface.centre)
    np.testing.assert_allclose(found, CENTRE, atol=0.12)


def test_a_surface_already_on_the_membrane_is_left_alone(ellipsoid):
    surface = ellipsoid(CENTRE, (RADIUS,) * 3)
    membrane = FittedMembrane(1, points_on(surface), surface)
    refined = refine_membrane(drawn(0.5), membrane, FRAME, sphere_fitter(surface), CONFIGS)
    assert refined.profile.rounds == 0
    assert refined.membrane is membrane


def test_the_thickness_is_the_distance_of_the_two_leaflets(ellipsoid):
    surface = ellipsoid(CENTRE, (RADIUS,) * 3)
    membrane = FittedMembrane(1, points_on(surface), surface)
    profile = refine_membrane(drawn(0.2), membrane, FRAME, sphere_fitter(surface), CONFIGS).profile
    assert profile.resolved
    assert profile.thickness_nm == pytest.approx(3.8, abs=0.2)


def test_the_width_of_one_dark_band_is_two_standard_deviations():
    offsets = np.arange(-12.0, 12.01, 0.5)
    mean = -np.exp(-0.5 * ((offsets - 0.7) / 2.0) ** 2)
    assert dark_centre(mean, offsets, 3.3, 2.0) == pytest.approx(0.7, abs=0.05)
    width, resolved = thickness(mean, offsets, 0.7, 0.01)
    assert not resolved
    assert width == pytest.approx(4.0, rel=0.1)


def test_noise_without_a_membrane_moves_nothing_and_is_doubtful(ellipsoid):
    surface = ellipsoid(CENTRE, (RADIUS,) * 3)
    membrane = FittedMembrane(1, points_on(surface), surface)
    noise = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    refined = refine_membrane(noise, membrane, FRAME, sphere_fitter(surface), CONFIGS)
    assert refined.profile.doubtful
    assert abs(refined.profile.z_score) < 4.0
    assert refined.profile.thickness_nm is None
    assert refined.membrane is membrane


def test_what_shows_no_dark_line_is_dropped_and_what_shows_one_is_kept(ellipsoid):
    surface = ellipsoid(CENTRE, (RADIUS,) * 3)
    membrane = FittedMembrane(7, points_on(surface), surface)
    config = RefineConfig(rounds=0)
    kept = refine_membranes(drawn(0.3), [membrane], FRAME, (SurfaceConfig(), config))
    assert [one.membrane.label for one in kept] == [7]
    bright = -drawn(0.3)
    assert refine_membranes(bright, [membrane], FRAME, (SurfaceConfig(), config)) == []


def test_a_refit_that_fails_or_explains_less_is_not_kept(ellipsoid):
    surface = ellipsoid(CENTRE, (RADIUS + 1.0,) * 3)
    membrane = FittedMembrane(1, points_on(surface), surface)

    def fails(label, points_zyx_A):
        raise TooFewPointsError("none left")

    def explains_less(label, points_zyx_A):
        good = sphere_fitter(surface)(label, points_zyx_A)
        return replace(good, surface=replace(good.surface, explained=0.9))

    for refit in (fails, explains_less):
        refined = refine_membrane(drawn(0.3), membrane, FRAME, refit, CONFIGS)
        assert refined.membrane is membrane
        assert refined.profile.rounds == 0


def test_profiles_do_not_depend_on_where_the_volume_was_cut(ellipsoid):
    surface = ellipsoid(CENTRE, (RADIUS,) * 3)
    volume = drawn(0.3)
    observed = np.ones(len(surface.vertices_zyx), dtype=bool)
    whole = sample_profiles(volume, surface, observed, 6.0, 0.5)
    shifted = replace(surface, centre=tuple(np.asarray(CENTRE) - 5))
    cut = sample_profiles(volume[5:, 5:, 5:], shifted, observed, 6.0, 0.5)
    np.testing.assert_allclose(cut.density, whole.density, atol=1e-6)


def test_what_lies_outside_the_volume_is_unknown_and_does_not_count(ellipsoid):
    surface = ellipsoid((31.3, 32.4, 0.0), (RADIUS,) * 3)
    observed = np.ones(len(surface.vertices_zyx), dtype=bool)
    profiles = sample_profiles(np.ones(SHAPE, np.float32), surface, observed, 6.0, 0.5)
    assert np.isnan(profiles.density).any()
    np.testing.assert_allclose(weighted_mean(profiles.density, profiles.areas), 1.0, atol=1e-6)


def test_a_floor_above_the_doubtful_score_is_refused_with_the_remedy():
    with pytest.raises(MembraneSegError, match=r"floor_z 9\.0 is above .*lower refine\.floor_z"):
        RefineConfig(floor_z=9.0, doubtful_z=6.0)
