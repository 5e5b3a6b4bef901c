"""Distances, normals and slices of bodies against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from synth2d.bodies import Body, Waves, distance_and_normal, random_rotation
from synth2d.config import SliceConfig
from synth2d.noise import wedge_noise
from synth2d.slices import IGNORE, MEMBRANE, PROTEIN, make_slice, slice_grid
from synth2d.wedge import wedge_depth_deg

STILL = Waves(np.zeros(1), np.zeros((1, 3)), np.zeros(1))
GRID = slice_grid(SliceConfig(size_px=96), 10.0)


def sphere(radius, centre=(0.0, 0.0, 0.0)):
    return Body(np.array(centre), np.eye(3), np.full(3, radius), STILL)


def test_distance_to_a_sphere_is_radius_difference():
    distance, normals = distance_and_normal(sphere(250.0), GRID)
    points = np.stack(np.meshgrid(GRID.z_A, GRID.y_A, GRID.x_A, indexing="ij"))
    radius = np.linalg.norm(points, axis=0)
    near = np.abs(radius - 250.0) < 60.0
    np.testing.assert_allclose(distance[near], (radius - 250.0)[near], atol=0.6)
    away = near & (np.arange(3)[:, None, None] == 1)
    unit = points / np.maximum(radius, 1)
    assert np.abs((normals * unit).sum(0)[away] - 1).max() < 0.005


def test_distance_does_not_depend_on_the_rotation_of_a_sphere():
    rng = np.random.default_rng(0)
    turned = Body(np.zeros(3), random_rotation(rng), np.full(3, 250.0), STILL)
    straight, _ = distance_and_normal(sphere(250.0), GRID)
    rotated, _ = distance_and_normal(turned, GRID)
    np.testing.assert_allclose(rotated, straight, atol=0.05)


def test_a_rotation_is_proper_and_orthogonal():
    matrix = random_rotation(np.random.default_rng(3))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_equal_generators_draw_equal_slices_and_others_do_not():
    config = SliceConfig(size_px=64)
    first, again = (make_slice(config, np.random.default_rng(5)) for _ in range(2))
    other = make_slice(config, np.random.default_rng(6))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert np.abs(first.image - other.image).mean() > 0.1


def test_membranes_are_darker_than_their_surroundings():
    config = SliceConfig(size_px=128, contrast_to_noise=(4.0, 4.0), globules_per_um2=(1.0, 2.0))
    darker = total = 0
    for seed in range(12):
        drawn = make_slice(config, np.random.default_rng(seed))
        membrane = drawn.labels == MEMBRANE
        if membrane.sum() < 200:
            continue
        image = drawn.image[1]
        total += 1
        darker += image[membrane].mean() < image[drawn.labels == 0].mean() - 0.15
    assert total >= 6
    assert darker >= total - 1


def test_the_label_has_the_stated_thickness_and_stops_where_the_wedge_hides_the_membrane():
    config = SliceConfig(
        size_px=192,
        pixel_size_A=(10.0, 10.0),
        body_count=(1, 1),
        sheet_count=(0, 0),
        deformation=(0.0, 0.0),
        filament_count=(0, 0),
        body_radius_A=(400.0, 401.0),
    )
    visible = hidden = 0
    for seed in range(20):
        labels = make_slice(config, np.random.default_rng(seed))
        visible += int((labels.labels == MEMBRANE).sum())
        hidden += int(((labels.instances > 0) & (labels.labels == 0)).sum())
    assert visible > 1000
    assert hidden > 500


def test_noise_has_unit_deviation_and_streaks_along_the_tilt_axis():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(12):
        noise = wedge_noise(rng, (3, 128, 128), 60.0)
        assert noise.std() == pytest.approx(1.0, abs=1e-3)
        along_y = np.mean(noise[:, 3:] * noise[:, :-3])
        along_x = np.mean(noise[:, :, 3:] * noise[:, :, :-3])
        ratios.append(along_y - along_x)
    assert np.mean(ratios) > 0.02


def test_soft_edge_is_neither_called_visible_nor_hidden():
    config = SliceConfig(size_px=128, body_count=(3, 6), faintest_protein=0.0)
    drawn = [make_slice(config, np.random.default_rng(s)) for s in range(6)]
    assert sum(int((d.labels == IGNORE).sum()) for d in drawn) > 0
    on_membranes = [(d.instances[d.labels == IGNORE] > 0).all() for d in drawn]
    assert sum(on_membranes) >= 4  # the others have gold, under which nothing is known


def test_only_proteins_become_unknown_for_being_faint_and_fewer_where_contrast_is_high():
    shares = []
    for contrast in (0.7, 2.0, 6.0):
        proteins = unknown = 0
        for seed in range(6):
            config = SliceConfig(size_px=128, contrast_to_noise=(contrast, contrast))
            every = replace(config, faintest_protein=0.0)
            labels, clear = (
                make_slice(one, np.random.default_rng(seed)).labels for one in (config, every)
            )
            changed = labels != clear
            assert (clear[changed] == PROTEIN).all()
            assert (labels[changed] == IGNORE).all()
            proteins += (clear == PROTEIN).sum()
            unknown += changed.sum()
        shares.append(unknown / proteins)
    assert shares[0] > shares[1] > shares[2] > 0


def test_cap_normals_lie_deep_in_the_wedge():
    _, normals = distance_and_normal(sphere(300.0, (-299.0, 0.0, 0.0)), GRID)
    assert wedge_depth_deg(normals[:, 1, 48, 48], 60.0) > 25.0
