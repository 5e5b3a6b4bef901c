"""Surfaces that pass through each other are found exactly and moved apart."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from membraneseg.evaluate.surfaces import is_watertight, volume_A3
from membraneseg.surface.neighbours import cross, separate
from membraneseg.types import Mesh

VOXEL_A = 10.0


def sphere(centre, radius, sigma=1.0, subdivisions=3, turned=0.0):
    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    ball.apply_transform(trimesh.transformations.rotation_matrix(turned, [0.3, 0.5, 0.8]))
    vertices = np.asarray(ball.vertices)[:, ::-1] * radius + centre
    faces = np.asarray(ball.faces, dtype=np.int64)
    count = len(vertices)
    return Mesh(vertices, faces, np.full(count, sigma), np.ones(count, dtype=bool))


@pytest.mark.parametrize(
    ("offset", "radius", "expected"),
    [
        (0.0, 60.0, False),  # nested
        (35.0, 60.0, False),  # nested, 5 apart
        (50.0, 60.0, True),  # pushed through the wall
        (155.0, 60.0, True),  # touching from outside, 5 deep
        (175.0, 60.0, False),  # 15 apart
    ],
)
def test_spheres_cross_where_their_radii_and_distance_say(offset, radius, expected):
    outer, inner = sphere(0.0, 100.0), sphere([0.0, 0.0, offset], radius, turned=0.4)
    assert cross(outer, inner) is expected
    assert cross(inner, outer) is expected


def test_two_nested_spheres_pushed_together_are_repaired_and_stay_closed():
    outer, inner = sphere(0.0, 200.0), sphere([0.0, 0.0, 110.0], 100.0, turned=0.4)
    result = separate([(1, outer), (2, inner)], VOXEL_A)
    assert (result.crossings_before, result.crossings_after) == (1, 0)
    for (_, mesh), before in zip(result.meshes, (outer, inner), strict=True):
        assert is_watertight(mesh)
        # The overlap is a lens 10 deep and 87 wide: 2 % of the inner sphere's volume at most.
        assert volume_A3(mesh) == pytest.approx(volume_A3(before), rel=0.03)
        far = before.vertices_zyx_A[:, 2] < 50.0
        np.testing.assert_array_equal(mesh.vertices_zyx_A[far], before.vertices_zyx_A[far])


def test_the_less_certain_surface_gives_way():
    sure, unsure = (
        sphere(0.0, 100.0, sigma=1.0),
        sphere([0, 0, 190.0], 100.0, sigma=5.0, turned=0.4),
    )
    result = separate([(3, sure), (7, unsure)], VOXEL_A)
    assert result.crossings_after == 0
    ways = [
        np.linalg.norm(after.vertices_zyx_A - before.vertices_zyx_A, axis=1).max()
        for (_, after), before in zip(result.meshes, (sure, unsure), strict=True)
    ]
    assert ways[1] > 10.0 * ways[0]


def test_membranes_that_keep_clear_of_each_other_are_left_as_they_are():
    meshes = [(1, sphere(0.0, 100.0)), (2, sphere([0.0, 0.0, 220.0], 100.0))]
    result = separate(meshes, VOXEL_A)
    assert (result.crossings_before, result.crossings_after) == (0, 0)
    assert all(
        after is before for (_, after), (_, before) in zip(result.meshes, meshes, strict=True)
    )


def test_a_stretched_face_neither_hides_a_crossing_nor_costs_memory():
    near, far = sphere(0.0, 100.0, subdivisions=5), sphere([0.0, 0.0, 250.0], 100.0, subdivisions=5)
    places = far.vertices_zyx_A.copy()
    places[int(places[:, 2].argmax())] += [0.0, 0.0, 4000.0]  # one corner drawn out, away
    drawn_out = replace(far, vertices_zyx_A=places)
    assert not cross(near, drawn_out)
    places = places.copy()
    places[int(far.vertices_zyx_A[:, 2].argmin())] -= [0.0, 0.0, 4000.0]  # another one, through
    tracemalloc.start()
    assert cross(near, replace(far, vertices_zyx_A=places))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
