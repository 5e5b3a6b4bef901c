"""What a spherical vesicle keeps in the tomogram, against the missing-wedge rule."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from membraneseg.phantom.imaging import Exposure, form_image
from membraneseg.phantom.microscope import Microscope
from membraneseg.phantom.projection import project
from membraneseg.phantom.reconstruction import ReconstructionConfig, reconstruct
from synth2d.wedge import contrast_kept, wedge_depth_deg

VOXEL_A, RADIUS_A, SHAPE = 13.5, 430.0, (96, 100, 100)
LEAFLETS_A, SIGMA_A = 38.0, 8.7


def vesicle():
    """Two Gaussian leaflets about a sphere."""
    axes = [(np.arange(n) - (n - 1) / 2) * VOXEL_A for n in SHAPE]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    depth_A = np.abs(np.sqrt(z**2 + y**2 + x**2) - RADIUS_A) - LEAFLETS_A / 2
    return (2.0 * np.exp(-0.5 * (depth_A / SIGMA_A) ** 2)).astype(np.float32)


def normals_of_a_sphere():
    normals = np.random.default_rng(0).normal(size=(20000, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def profiles_along(volume, normals):
    """Density along each normal, (offsets, N), mean taken off."""
    offsets_A = np.arange(-70.0, 71.0, 5.0)
    middle = (np.asarray(SHAPE) - 1) / 2
    points = middle + (RADIUS_A + offsets_A[:, None, None]) * normals / VOXEL_A
    profiles = map_coordinates(volume, points.reshape(-1, 3).T, order=3).reshape(len(offsets_A), -1)
    return profiles - profiles.mean(axis=0)


def kept_by(range_deg, weighting, microscope=None):
    """Wedge depth of each normal and the share of the bilayer's profile kept there."""
    angles = np.arange(-range_deg, range_deg + 1.0, 2.0)
    images = project(vesicle(), angles)
    if microscope is not None:
        exposure = Exposure(0.0, 0.0, 1e-6, microscope.defocus_um)
        images = np.stack([form_image(p, VOXEL_A, microscope, exposure) for p in images])
    volume = reconstruct(images, angles, SHAPE, ReconstructionConfig(weighting=weighting))
    normals = normals_of_a_sphere()
    profiles = profiles_along(volume, normals)
    depth = wedge_depth_deg(normals, range_deg)
    reference = profiles[:, depth < -30].mean(axis=1)
    return depth, reference @ profiles / (reference @ reference), normals


def mean_kept(depth, kept, centres):
    return np.array([kept[np.abs(depth - centre) < 1.0].mean() for centre in centres])


def crossing_deg(depth, kept, level):
    """Wedge depth at which the mean contrast falls through a level."""
    centres = np.arange(-20.0, 18.5, 1.0)
    return float(np.interp(-level, -mean_kept(depth, kept, centres), centres))


@pytest.fixture(scope="module", params=[(40.0, "exact"), (50.0, "exact"), (60.0, "ramp")])
def ideal(request):
    return kept_by(*request.param)


@pytest.fixture(scope="module")
def imaged():
    return kept_by(60.0, "exact", Microscope())


def test_ideal_back_projection_keeps_what_the_formula_says(ideal):
    depth, kept, _ = ideal
    centres = np.array([-17.0, -12.0, -7.0, -2.0, 2.0, 7.0, 12.0, 17.0])
    assert mean_kept(depth, kept, centres) == pytest.approx(contrast_kept(centres), abs=0.13)


def test_the_visible_outline_ends_where_the_formula_says(ideal):
    depth, kept, _ = ideal
    formula_deg = np.arange(-30.0, 20.0, 0.1)
    for level in (0.25, 0.5, 0.75, 0.9):
        formula = np.interp(-level, -contrast_kept(formula_deg), formula_deg)
        assert abs(crossing_deg(depth, kept, level) - formula) < 5.0


def test_the_outline_ends_within_two_degrees_of_the_edge_of_the_wedge(ideal):
    depth, kept, _ = ideal
    assert abs(crossing_deg(depth, kept, 0.5)) < 2.0


def test_the_microscope_moves_the_end_of_the_outline_by_less_than_five_degrees(imaged):
    depth, kept, _ = imaged
    for level in (0.25, 0.5, 0.75):
        formula = float(np.interp(-level, -contrast_kept(np.arange(-30.0, 20)), np.arange(-30, 20)))
        assert abs(crossing_deg(depth, kept, level) - formula) < 5.0


def test_flanks_are_seen_and_caps_and_y_flanks_off_the_equator_are_lost(imaged):
    depth, kept, normals = imaged
    x_flank = np.abs(normals[:, 2]) > 0.9
    cap = np.abs(normals[:, 0]) > 0.95
    y_flank = (np.abs(normals[:, 1]) > 0.8) & (depth > 12.0)
    assert kept[x_flank].mean() == pytest.approx(1.0, abs=0.1)
    assert abs(kept[cap].mean()) < 0.1
    assert kept[y_flank].mean() < 0.15
