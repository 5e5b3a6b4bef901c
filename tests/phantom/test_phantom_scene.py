"""Vesicles, their distances and the labels drawn from them, against geometry."""

import dataclasses

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.crowd import CrowdConfig, with_crowd
from membraneseg.phantom.density import render_scene, render_vesicles
from membraneseg.phantom.scene import LiposomesConfig, liposomes_scene
from membraneseg.phantom.vesicle import Vesicle, signed_distance, surface_mesh

SHAPE, VOXEL_A = (72, 128, 128), 13.5
ORIGIN = np.array([-100.0, 40.0, 7.0])


def vesicle_of(radius_A=300.0, amplitudes=(0.0,)):
    count = len(amplitudes)
    axes = np.random.default_rng(2).normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    orders = np.arange(2, 2 + count)
    return Vesicle(1, np.array([5.0, 6.0, 7.0]), radius_A, orders, axes, np.array(amplitudes), 38.0)


@pytest.fixture(scope="module")
def scene():
    return liposomes_scene(
        SHAPE, VOXEL_A, np.random.default_rng(8), 9, LiposomesConfig(radius_max_nm=30.0), ORIGIN
    )


def test_distance_to_a_sphere_is_exact():
    vesicle = vesicle_of()
    points = np.random.default_rng(1).normal(size=(500, 3)) * 300
    exact = np.linalg.norm(points - vesicle.centre_zyx_A, axis=1) - 300.0
    assert signed_distance(vesicle, points) == pytest.approx(exact, abs=1e-9)


def test_distance_to_a_deformed_vesicle_agrees_with_its_dense_surface():
    vesicle = vesicle_of(amplitudes=(0.06, 0.04, 0.02))
    vertices, faces = surface_mesh(vesicle, subdivisions=6)
    rng = np.random.default_rng(3)
    start = vertices[rng.integers(len(vertices), size=400)]
    points = start + rng.normal(size=start.shape) * 20.0
    nearest, index = cKDTree(vertices).query(points)
    ours = signed_distance(vesicle, points)
    far = nearest > 15.0
    assert np.abs(ours[far]) == pytest.approx(nearest[far], rel=0.06)
    solid = trimesh.Trimesh(vertices[:, ::-1], faces, process=False)
    outward = solid.vertex_normals[index, ::-1]
    outside = ((points - vertices[index]) * outward).sum(axis=1) > 0
    assert (outside[far] == (ours[far] > 0)).all()


def test_mesh_of_a_sphere_encloses_its_volume_and_turns_outward():
    vertices, faces = surface_mesh(vesicle_of(), subdivisions=4)
    solid = trimesh.Trimesh(vertices[:, ::-1], faces, process=False)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(4 / 3 * np.pi * 300.0**3, rel=0.005)
    assert solid.area == pytest.approx(4 * np.pi * 300.0**2, rel=0.003)


def test_vesicles_keep_apart_and_inside_the_box(scene):
    low = ORIGIN
    high = ORIGIN + (np.asarray(SHAPE) - 1) * VOXEL_A
    parents = {v.label: v.parent for v in scene.vesicles}
    for vesicle in scene.vesicles:
        vertices, _ = surface_mesh(vesicle)
        assert (vertices > low + vesicle.outer_half_width_A).all()
        assert (vertices < high - vesicle.outer_half_width_A).all()
        for other in scene.vesicles[: vesicle.label - 1]:
            distances = signed_distance(other, vertices)
            faces_A = vesicle.outer_half_width_A + other.outer_half_width_A
            if distances.max() < 0:
                ancestors = {parents[vesicle.label], parents.get(parents[vesicle.label], 0)}
                assert other.label in ancestors
            assert np.abs(distances).min() > faces_A - 3.0


def test_some_neighbours_touch_and_some_vesicles_are_nested():
    nearest, nested = [], 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        vesicles = liposomes_scene(SHAPE, VOXEL_A, rng, 10).vesicles
        nested += sum(v.parent > 0 for v in vesicles)
        for index, vesicle in enumerate(vesicles):
            vertices, _ = surface_mesh(vesicle, subdivisions=3)
            for other in vesicles[:index]:
                gap = np.abs(signed_distance(other, vertices)).min()
                gap -= vesicle.outer_half_width_A + other.outer_half_width_A
                nearest.append(gap / VOXEL_A)
    assert nested >= 2
    assert sum(gap < 3.0 for gap in nearest) >= 3


def test_shell_volume_is_area_times_thickness(scene):
    labels = render_vesicles(scene).instances
    for vesicle in scene.vesicles:
        vertices, faces = surface_mesh(vesicle)
        area = trimesh.Trimesh(vertices[:, ::-1], faces, process=False).area
        expected = area * 2 * vesicle.outer_half_width_A / VOXEL_A**3
        assert (labels == vesicle.label).sum() == pytest.approx(expected, rel=0.03)


def test_labels_follow_the_origin(scene):
    moved = dataclasses.replace(
        scene,
        origin_zyx_A=np.zeros(3),
        vesicles=tuple(v.moved_to(v.centre_zyx_A - ORIGIN) for v in scene.vesicles),
    )
    ours, theirs = render_vesicles(moved), render_vesicles(scene)
    assert (ours.instances != theirs.instances).mean() < 1e-6
    assert np.abs(ours.potential_V - theirs.potential_V).max() < 1e-4


def test_proteins_stay_clear_of_membranes_and_fill_their_share(scene):
    bare = render_vesicles(scene)
    config = CrowdConfig(protein_volume_share=0.01, ribosome_count=0, gold_count=0)
    crowded = with_crowd(scene, bare.distance_A, config, np.random.default_rng(4))
    rendering = render_scene(crowded)
    far = bare.distance_A > 90.0
    assert not (rendering.proteins[rendering.distance_A < 25.0]).any()
    assert rendering.proteins[far].mean() == pytest.approx(0.01, rel=0.25)


def test_a_box_too_thin_for_any_vesicle_is_refused():
    with pytest.raises(MembraneSegError, match="too thin"):
        liposomes_scene((12, 64, 64), 13.5, np.random.default_rng(0), 3)
