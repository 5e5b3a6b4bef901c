"""Closed or open follows from what the wedge and the border of the volume explain."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from gp_fit.scene import Scene
from membraneseg.evaluate.surfaces import is_watertight
from membraneseg.surface.closure import Showing, showing_of
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.fit import SurfaceConfig, fit_membrane, is_mostly_beyond
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.free_form import free_surface
from membraneseg.surface.measure import face_areas
from membraneseg.surface.mesh import membrane_mesh
from membraneseg.surface.trimming import clipped, connected_to, leaves_by
from membraneseg.surface.window import window_about
from synth2d.wedge import wedge_depth_deg

FRAME = VolumeFrame((80, 100, 110), 10.0, np.zeros(3), 60.0)
MIDDLE = np.array([40.0, 50.0, 55.0])


def spread(count, rng):
    directions = rng.normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def mesh_of(points_px):
    membrane = fit_membrane(1, points_px * 10.0, FRAME, SurfaceConfig())
    return membrane.surface, membrane_mesh(membrane, FRAME, SurfaceConfig())


def is_visible(normals):
    return wedge_depth_deg(normals, 60.0) < 0.0


@pytest.mark.parametrize("radius", [40.0, 80.0, 1e6])
def test_a_patch_of_a_sphere_however_curved_never_becomes_a_bubble(radius):
    rng = np.random.default_rng(3)
    y, z = rng.uniform(-22, 22, (2, 2500))
    x = np.sqrt(radius**2 - y**2 - z**2) - radius
    points = MIDDLE + np.column_stack([z, y, x]) + 0.3 * rng.normal(size=(2500, 3))
    surface, mesh = mesh_of(points)
    assert not surface.closed
    assert not is_watertight(mesh)
    slope = np.hypot(y, z) / (x + radius)
    area_px2 = 44.0**2 * np.sqrt(1.0 + slope**2).mean()
    assert face_areas(surface.vertices_zyx, surface.faces).sum() == pytest.approx(area_px2, rel=0.1)


def test_a_folded_membrane_is_closed_over_hidden_rims_and_open_where_a_wall_would_be_seen():
    """Walls that face x, turning into each other in z: the wedge hides the turns, no end in y."""
    rng = np.random.default_rng(6)
    depth = rng.uniform(-20.0, 20.0, 12000)
    walls = np.column_stack([depth, np.repeat([-15.0, -5.0, 5.0, 15.0], 3000)])
    turns = []
    for side, middle in ((1.0, -10.0), (-1.0, 0.0), (1.0, 10.0)):
        angle = rng.uniform(0.0, np.deg2rad(55.0), 900)  # seen up to here, of 90
        away = rng.choice([-5.0, 5.0], 900) * np.cos(angle)
        turns.append(np.column_stack([side * (20.0 + 5.0 * np.sin(angle)), middle + away]))
    seen = np.vstack([walls, *turns])
    along = rng.uniform(-20.0, 20.0, len(seen))
    points = MIDDLE + np.insert(seen, 1, along, axis=1) + 0.2 * rng.normal(size=(len(seen), 3))
    rules = ClosureRules(widest_superpoints_px=0.1)  # none are that fine: not one dense system
    scene = Scene(points, points, None, FRAME.contains)
    found = free_surface(scene, FRAME, rules, SurfaceConfig().gp)
    assert found.method == "lattice"
    y = np.arange(-15.0, 16.0)
    for height, x in ((25.0, -10.0), (-25.0, 0.0), (25.0, 10.0)):
        rim = MIDDLE + np.column_stack([np.full_like(y, height), y, np.full_like(y, x)])
        assert cKDTree(found.vertices_zyx).query(rim)[0].max() < 2.5  # vertices lie 2 apart
    away = np.abs(found.vertices_zyx - MIDDLE)
    assert away[away[:, 0] < 20.0, 1].max() < 20.0 + rules.reach_px
    assert away[away[:, 2] > 12.0, 0].max() < 25.0  # the outer walls end without a turn


def test_lunes_that_the_wedge_takes_are_closed_and_a_hole_that_it_leaves_is_not():
    rng = np.random.default_rng(5)
    normals = spread(5000, rng)
    seen = is_visible(normals)
    surface, _ = mesh_of(MIDDLE + 20.0 * normals[seen] + 0.3 * rng.normal(size=(seen.sum(), 3)))
    assert surface.closed
    one_side = seen & (normals[:, 2] > 0.35)
    surface, _ = mesh_of(MIDDLE + 20.0 * normals[one_side])
    assert not surface.closed


def test_a_tube_along_y_is_roofed_where_the_wedge_hides_it_and_open_at_its_ends():
    rng = np.random.default_rng(6)
    angle, along = rng.uniform(0, 2 * np.pi, 6000), rng.uniform(-30, 30, 6000)
    normals = np.column_stack([np.sin(angle), np.zeros(6000), np.cos(angle)])
    points = MIDDLE + 12.0 * normals + np.column_stack([0 * along, along, 0 * along])
    surface, mesh = mesh_of(points[is_visible(normals)])
    assert not surface.closed
    offset = surface.vertices_zyx - MIDDLE
    assert np.abs(np.hypot(offset[:, 0], offset[:, 2]) - 12.0).max() < 1.0
    area = face_areas(surface.vertices_zyx, surface.faces).sum()
    assert area == pytest.approx(2 * np.pi * 12.0 * 60.0, rel=0.08)
    assert not mesh.observed[np.abs(offset[:, 0]) > 11.5].any()


def band(normal, shown):
    """Points of a plane through the middle where `shown` of its two coordinates holds."""
    rng = np.random.default_rng(11)
    first = np.cross(normal, [1.0, 0.0, 0.0])
    first /= np.linalg.norm(first)
    flat = rng.uniform(-60.0, 60.0, (20_000, 2))
    flat = flat[shown(flat)]
    points = MIDDLE + flat @ np.stack([first, np.cross(normal, first)])
    points = points[FRAME.contains(points)]
    return points + 0.3 * rng.normal(size=points.shape)


@pytest.mark.parametrize(("hidden", "grown"), [(True, 1.25), (False, 1.0)])
def test_a_sheet_goes_on_past_its_edge_only_where_the_wedge_hides_it(hidden, grown):
    normal = np.array([0.2, 0.98, 0.0]) if hidden else np.array([0.0, 0.2, 0.98])
    normal = normal / np.linalg.norm(normal)
    points = band(normal, lambda flat: np.abs(flat[:, 0]) < 18.0)
    surface, mesh = mesh_of(points)
    heights = (surface.vertices_zyx - points.mean(axis=0)) @ normal
    assert np.abs(heights).max() < 1.0
    area = face_areas(surface.vertices_zyx, surface.faces).sum()
    seen = len(points) * 120.0**2 / 20_000
    assert area > grown * seen if hidden else area == pytest.approx(seen, rel=0.1)
    assert not surface.closed
    assert not is_watertight(mesh)


def test_a_cisterna_seen_in_two_strips_is_bridged_on_both_its_sides():
    normal = np.array([0.1, 0.995, 0.0])
    normal /= np.linalg.norm(normal)
    points = band(normal, lambda flat: np.abs(np.abs(flat[:, 0]) - 30.0) < 12.0)
    surface, _ = mesh_of(np.concatenate([points - 8.0 * normal, points + 8.0 * normal]))
    heights = (surface.vertices_zyx - points.mean(axis=0)) @ normal
    for side in (-8.0, 8.0):
        own = surface.vertices_zyx[np.abs(heights - side) < 2.0]
        middle = own[np.abs(own[:, 2] - MIDDLE[2]) < 10.0]
        assert len(middle) > 200
    assert np.abs(np.abs(heights) - 8.0).max() < 2.0


def test_growth_stops_at_what_hangs_together_with_the_kept_vertices():
    faces = np.array([[0, 1, 2], [1, 2, 3], [2, 3, 4], [5, 6, 7]])
    kept = np.array([True, True, False, False, False, False, False, False])
    further = np.array([False, False, True, False, True, True, True, True])
    reached = connected_to(kept, further, faces)
    np.testing.assert_array_equal(np.flatnonzero(reached), [0, 1, 2])


def test_what_is_shown_of_a_sphere_is_its_closed_form(ellipsoid):
    sphere = ellipsoid(tuple(MIDDLE), (20.0,) * 3, subdivisions=5)
    normals = (sphere.vertices_zyx - MIDDLE) / 20.0
    half = sphere.vertices_zyx[normals[:, 2] > 0.0]
    rules = ClosureRules(reach_px=1.0)
    showing = showing_of(sphere, half, FRAME, rules)
    assert showing.seen == pytest.approx(0.5, abs=0.03)
    assert showing.seen_of_all == pytest.approx(0.5, abs=0.03)
    everything = showing_of(sphere, sphere.vertices_zyx, FRAME, rules)
    assert (everything.seen, everything.seen_of_all) == (1.0, 1.0)
    assert everything.one_sided == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("seen", "one_sided", "closed"),
    [(0.7, 0.9, True), (0.5, 0.9, False), (0.5, 0.3, True), (0.2, 0.0, False)],
)
def test_most_of_it_or_both_sides_of_it_must_be_seen(seen, one_sided, closed):
    assert Showing(seen, one_sided, 0.4, 0.05).suffices(ClosureRules()) is closed


def test_a_sphere_about_the_border_is_cut_to_the_half_inside():
    rng = np.random.default_rng(8)
    normals = spread(6000, rng)
    points = np.array([40.0, 50.0, -0.5]) + 20.0 * normals
    surface, _ = mesh_of(points[is_visible(normals) & (points[:, 2] > 1.5)])
    assert not surface.closed
    assert surface.vertices_zyx[:, 2].min() == pytest.approx(-0.5)
    area = face_areas(surface.vertices_zyx, surface.faces).sum()
    assert area == pytest.approx(2 * np.pi * 20.0**2, rel=0.04)


def test_a_large_shape_that_lies_mostly_beyond_the_volume_is_not_believed_inside():
    frame = VolumeFrame((80, 400, 300), 10.0, np.zeros(3), 60.0)
    z, y, side = np.meshgrid(np.arange(80.0), np.arange(400.0), [50.0, 250.0], indexing="ij")
    points = np.stack([z, y, side], axis=-1).reshape(-1, 3)
    whole, _ = mesh_of(MIDDLE + 15.0 * spread(3000, np.random.default_rng(8)))
    beyond = np.vstack([whole.vertices_zyx, [[40.0, 150.0, -30.0]]])
    shape = replace(whole, vertices_zyx=beyond, coverage=0.27)
    config = SurfaceConfig()
    assert is_mostly_beyond(shape, points, frame, config)
    assert not is_mostly_beyond(replace(shape, coverage=0.5), points, frame, config)
    assert not is_mostly_beyond(replace(whole, coverage=0.27), points, frame, config)
    near = points[np.abs(points[:, 1] - 150.0) < 20.0]  # few enough for one dense system
    assert not is_mostly_beyond(shape, near, frame, config)


def test_a_surface_inside_the_volume_is_not_cut():
    rng = np.random.default_rng(8)
    surface, _ = mesh_of(MIDDLE + 15.0 * spread(3000, rng))
    assert leaves_by(surface.vertices_zyx, FRAME) == 0.0
    assert clipped(surface, FRAME, 0.0) is surface


def test_a_window_shows_its_part_of_the_volume_and_nothing_beyond():
    volume = np.arange(20 * 22 * 24, dtype=np.float32).reshape(20, 22, 24)
    window = window_about(volume, np.array([[8.0, 9.0, 10.0], [10.0, 12.0, 11.0]]), 3.0)
    assert window.shape == volume.shape
    inside = (slice(5, 14), slice(6, 16), slice(7, 15))
    np.testing.assert_array_equal(window[inside], volume[inside])
    wider = window[slice(0, 20), slice(0, 22), slice(0, 24)]
    assert np.isfinite(wider).sum() == window.voxels.size
    np.testing.assert_array_equal(wider[np.isfinite(wider)], volume[np.isfinite(wider)])
