"""From membrane probability to segments, against what was drawn."""

import numpy as np
import pytest
from drawn_vesicles import VOXEL_A, bilayers, membrane_probability
from scipy.ndimage import binary_erosion

from membraneseg.errors import MembraneSegError
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, Balls, paint_balls
from membraneseg.vesicles.directions import even_directions, visibility
from membraneseg.vesicles.evidence import (
    SphereSearchConfig,
    binned,
    find_spheres,
    vesicle_probability,
)
from membraneseg.vesicles.segments import SplitConfig, adapted, balls_of, labelled
from membraneseg.vesicles.thresholds import ThresholdConfig, darkest_shell_threshold

SHAPE = (64, 96, 100)
PAIR = [((30.0, 36.0, 40.0), 190.0), ((32.0, 36.0, 75.0), 170.0)]


def test_directions_are_even_their_second_moment_is_that_of_the_sphere():
    directions = even_directions(2000)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    np.testing.assert_allclose(directions.T @ directions / 2000, np.eye(3) / 3, atol=2e-3)


def test_the_beam_direction_is_invisible_and_the_tilt_plane_visible():
    seen = visibility(np.eye(3), 60.0)  # z, y, x
    assert seen[0] == 0.0
    assert seen[2] == pytest.approx(1.0)


def test_drawn_spheres_are_found_with_their_radii_though_the_wedge_hides_their_caps():
    membrane = membrane_probability(SHAPE, PAIR, 55.0)
    balls, evidence = find_spheres(membrane, VOXEL_A, 55.0, SphereSearchConfig())
    good = balls.chosen(evidence > 0.6)
    assert len(good) == 2
    order = np.argsort(good.centres_px[:, 2])
    for index, (centre, radius_A) in zip(order, PAIR, strict=True):
        assert np.linalg.norm(good.centres_px[index] - centre) < 1.5
        assert good.radii_px[index] * VOXEL_A == pytest.approx(radius_A, abs=10.0)


def test_a_sphere_is_found_in_a_section_thinner_than_the_shells_that_are_tried():
    membrane = membrane_probability(SHAPE, PAIR[:1], 55.0)
    (z, y, x), radius_A = PAIR[0]
    section = membrane[int(z) - 4 : int(z) + 4]
    balls, _ = find_spheres(section, VOXEL_A, 55.0, SphereSearchConfig())
    np.testing.assert_allclose(balls.centres_px[0], (4.0, y, x), atol=2.0)
    assert balls.radii_px[0] * VOXEL_A == pytest.approx(radius_A, abs=15.0)


def test_a_sheet_and_an_empty_volume_hold_no_vesicle():
    sheet = np.zeros(SHAPE, dtype=np.float32)
    sheet[:, :, 48:51] = 1.0
    for membrane in (sheet, np.zeros(SHAPE, dtype=np.float32)):
        found = find_spheres(membrane, VOXEL_A, 60.0, SphereSearchConfig())
        likely = vesicle_probability(SHAPE, found, VOXEL_A, SphereSearchConfig())
        assert likely.max() < 0.1


def test_shifting_the_volume_by_a_grid_voxel_shifts_what_is_found():
    membrane = membrane_probability(SHAPE, PAIR[:1], 60.0)
    first, _ = find_spheres(membrane, VOXEL_A, 60.0, SphereSearchConfig())
    moved, _ = find_spheres(np.roll(membrane, 4, axis=2), VOXEL_A, 60.0, SphereSearchConfig())
    np.testing.assert_allclose(moved.centres_px[0] - first.centres_px[0], [0, 0, 4])
    assert moved.radii_px[0] == first.radii_px[0]


def test_the_probability_is_the_logistic_of_the_evidence_inside_and_half_of_it_at_the_outer_face():
    config = SphereSearchConfig()
    balls = Balls(np.array([1]), np.array([[30.0, 40.0, 50.0]]), np.array([15.0]))
    evidence = np.array([config.even_evidence + config.evidence_width])
    likely = vesicle_probability(SHAPE, (balls, evidence), VOXEL_A, config)
    inside = 1.0 / (1.0 + np.exp(-1.0))
    assert likely[30, 40, 50] == pytest.approx(inside, abs=1e-4)
    outer = 15.0 + HALF_MEMBRANE_A / VOXEL_A
    low, high = likely[30, 40, 50 + int(outer)], likely[30, 40, 50 + int(outer) + 1]
    assert high < inside / 2 < low


def test_binning_keeps_the_mean_and_cuts_what_does_not_fill_a_cube():
    volume = np.random.default_rng(0).random((9, 8, 7))
    coarse = binned(volume, 2)
    assert coarse.shape == (4, 4, 3)
    assert coarse.mean() == pytest.approx(volume[:8, :, :6].mean(), rel=1e-6)


def test_the_chosen_threshold_has_the_darkest_shell_of_all_as_counted_one_by_one():
    rng = np.random.default_rng(3)
    likely = vesicle_probability(
        (40, 40, 40),
        (Balls(np.array([1]), np.array([[20.0, 20.0, 20.0]]), np.array([12.0])), np.array([0.9])),
        VOXEL_A,
        SphereSearchConfig(edge_nm=3.0),
    )
    voxels = bilayers((40, 40, 40), [((20.0, 20.0, 20.0), 144.0)]) + rng.normal(0, 0.1, (40,) * 3)
    config = ThresholdConfig(lowest=0.3, highest=0.9, step=0.05)
    means = {}
    for level in np.arange(0.3, 0.91, 0.05):
        mask = likely >= level
        shell = mask & ~binary_erosion(mask)
        means[level] = voxels[shell].mean()
    assert darkest_shell_threshold(likely, voxels, config) == pytest.approx(
        min(means, key=means.get)
    )


def test_two_vesicles_that_grew_together_are_split_and_keep_their_volume():
    apart = 40.0
    balls = Balls(
        np.array([1, 2]),
        np.array([[30.0, 40.0, 30.0], [30.0, 40.0, 30.0 + apart]]),
        np.array([17.0, 17.0]),
    )
    likely = vesicle_probability(
        SHAPE, (balls, np.array([0.9, 0.9])), VOXEL_A, SphereSearchConfig(edge_nm=2.5)
    )
    level = 0.3
    merged = labelled(likely, level)
    assert merged.max() == 1
    split = adapted(merged, likely, level, VOXEL_A, SplitConfig())
    assert split.max() == 2
    assert ((split > 0) == (merged > 0)).all()
    sizes = np.bincount(split.ravel())[1:]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_a_shrunken_segment_grows_back_and_specks_are_dropped():
    shape = (64, 96, 140)
    ids = np.arange(1, 7)
    y, x = np.meshgrid([25.0, 70.0], [22.0, 68.0, 114.0], indexing="ij")
    centres = np.column_stack([np.full(6, 30.0), y.ravel(), x.ravel()])
    radii = np.array([16.0, 16.0, 16.0, 16.0, 16.0, 4.0])
    config = SphereSearchConfig(edge_nm=1.5)
    evidence = np.full(6, 0.9)
    evidence[0] = config.even_evidence + 0.1 * config.evidence_width
    likely = vesicle_probability(shape, (Balls(ids, centres, radii), evidence), VOXEL_A, config)
    labels = labelled(likely, 0.5)
    before = (labels == labels[30, 25, 22]).sum()
    grown = adapted(labels, likely, 0.5, VOXEL_A, SplitConfig())
    assert grown.max() == 5
    after = (grown == grown[30, 25, 22]).sum()
    full = (grown == grown[30, 25, 68]).sum()
    assert before < 0.6 * full
    assert 0.85 * full < after <= full


def test_a_painted_ball_gives_back_its_centre_and_radius():
    labels = paint_balls(SHAPE, np.array([5]), np.array([[30.2, 40.4, 50.0]]), np.array([16.5]))
    balls = balls_of(labels, VOXEL_A)
    assert balls.ids.tolist() == [5]
    np.testing.assert_allclose(balls.centres_px[0], [30.2, 40.4, 50.0], atol=0.1)
    expected = 16.5 - HALF_MEMBRANE_A / VOXEL_A
    assert balls.radii_px[0] == pytest.approx(expected, abs=0.5)


def test_settings_beyond_reason_are_refused_with_the_remedy():
    with pytest.raises(MembraneSegError, match="correct them under search"):
        SphereSearchConfig(smallest_radius_nm=60.0)
    with pytest.raises(MembraneSegError, match="correct them under threshold"):
        ThresholdConfig(lowest=0.9, highest=0.5)
    with pytest.raises(MembraneSegError, match="correct them under segments"):
        SplitConfig(least_extent=0.8)
