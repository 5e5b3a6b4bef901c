"""The middle of a thick mask is found to a fraction of a voxel, whichever way it faces."""

import numpy as np
import pytest

from membraneseg.surface.midline import mask_thickness_px, middle_points

SHAPE = (60, 64, 70)
GRID = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).astype(float)


def slab(normal, thickness):
    normal = np.asarray(normal) / np.linalg.norm(normal)
    height = (GRID - np.array([30.0, 32.0, 35.0])) @ normal
    return np.abs(height) <= 0.5 * thickness, height, normal


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 0, 1), (1, 2, -1)])
@pytest.mark.parametrize("thickness", [3.0, 5.0])
def test_points_lie_in_the_middle_of_a_slab_one_per_voxel_of_area(normal, thickness):
    mask, _, unit = slab(normal, thickness)
    points = middle_points(mask, thickness)
    inner = ((points > 8) & (points < np.array(SHAPE) - 9)).all(axis=1)
    heights = (points[inner] - np.array([30.0, 32.0, 35.0])) @ unit
    assert np.abs(heights).max() < 0.35
    inside = ((GRID > 8) & (np.array(SHAPE) - 9 > GRID)).all(axis=-1)
    area = (mask & inside).sum() / thickness
    assert inner.sum() == pytest.approx(area, rel=0.35)


def test_a_slab_cut_by_the_border_runs_on_to_it():
    mask, _, _ = slab((0, 0, 1), 3.0)
    points = middle_points(mask, 3.0)
    assert points[:, 0].min() < 0.5
    assert points[:, 0].max() > SHAPE[0] - 1.5


def test_a_hollow_sphere_gives_its_radius_all_round():
    radius = np.linalg.norm(GRID - 30.0, axis=-1)
    points = middle_points(np.abs(radius - 20.0) <= 2.0, 4.0) - 30.0
    distances = np.linalg.norm(points, axis=1)
    assert np.abs(distances - 20.0).max() < 0.5
    # Smoothing by sigma = 1.6 moves a sheet of radius 20 inward by about sigma² / 20 = 0.13.
    assert 19.75 < distances.mean() < 20.0
    assert np.linalg.norm(points.mean(axis=0)) < 0.1


@pytest.mark.parametrize("thickness", [3.0, 5.0, 8.0])
def test_the_thickness_of_a_slab_is_measured(thickness):
    mask, _, _ = slab((0, 1, 0), thickness)
    layers = mask[30, :, 35].sum()
    assert mask_thickness_px(mask) == pytest.approx(layers, abs=1.01)


def test_an_empty_mask_has_neither_points_nor_thickness():
    empty = np.zeros(SHAPE, dtype=bool)
    assert mask_thickness_px(empty) == 0.0
    assert middle_points(empty, 3.0).shape == (0, 3)


@pytest.mark.parametrize("thickness", [3.0, 6.0])
def test_the_middle_does_not_fork_towards_the_edges_where_a_slab_ends(thickness):
    mask, _, normal = slab((1, 2, -1), thickness)
    along = (GRID - np.array([30.0, 32.0, 35.0])) @ np.array([1.0, 0.0, 1.0]) / np.sqrt(2.0)
    points = middle_points(mask & (np.abs(along) < 16.0), thickness)
    points = points[((points > 8) & (points < np.array(SHAPE) - 9)).all(axis=1)]
    offsets = points - np.array([30.0, 32.0, 35.0])
    assert np.abs(offsets @ normal).max() < 0.7
    assert np.abs(offsets @ np.array([1.0, 0.0, 1.0]) / np.sqrt(2.0)).max() > 13.5
