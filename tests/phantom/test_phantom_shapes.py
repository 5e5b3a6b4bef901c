"""Shapes, their meshes, where they may go and how they are drawn, against geometry."""

import numpy as np
import pytest
from surfaces import box_around, distance_ratio, points_off, solid, true_distance

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.bilayers import bilayer_potential, draw_membranes, near_voxels
from membraneseg.phantom.blends import rounded_maximum, rounded_minimum, true_distances
from membraneseg.phantom.box import Box
from membraneseg.phantom.liposomes import LiposomesConfig, deformed_sphere, with_liposomes
from membraneseg.phantom.membranes import Membrane, middle_mesh
from membraneseg.phantom.placement import enclosing_labels, innermost, inside_box
from membraneseg.phantom.plates import Plate
from membraneseg.phantom.shapes import Flattened, Offset, StarBody
from membraneseg.phantom.sheets import wavy_sheet

BOX = Box((72, 128, 128), 13.5, np.array([-100.0, 40.0, 7.0]))


def sphere(radius_A=300.0, centre=(5.0, 6.0, 7.0)):
    return StarBody(np.array(centre), radius_A, np.array([2]), np.eye(3)[:1], np.zeros(1))


def bent(radius_A=300.0, centre=(0.0, 0.0, 0.0), deformation=0.12, seed=2):
    return deformed_sphere(np.array(centre), radius_A, deformation, np.random.default_rng(seed))


def flattened():
    normal = np.array([0.0, 0.6, 0.8])
    return Flattened(bent(500.0, deformation=0.05), 330.0 * normal, normal, 120.0)


def sheet(waviness_A=60.0):
    point, normal = np.array([30.0, 800.0, 900.0]), np.array([0.3, 0.5, 0.8])
    return wavy_sheet(point, normal, waviness_A, 2000.0, np.random.default_rng(3))


def plate(radius_A=500.0):
    return Plate(
        wavy_sheet(np.zeros(3), np.eye(3)[1], 40.0, 800.0, np.random.default_rng(4)),
        radius_A,
        300.0,
    )


@pytest.fixture(scope="module")
def scene():
    config = LiposomesConfig(count=9, radius_max_nm=30.0, lamellar_share=0.3)
    return with_liposomes((), BOX, config, np.random.default_rng(8))


def test_distance_to_a_sphere_is_exact():
    points = np.random.default_rng(1).normal(size=(500, 3)) * 300
    exact = np.linalg.norm(points - [5.0, 6.0, 7.0], axis=1) - 300.0
    assert sphere().signed_distance(points) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("shape", [bent(), flattened(), plate(), Offset(bent(), -80.0)])
@pytest.mark.parametrize("offset_A", [-30.0, 30.0])
def test_distances_agree_with_those_from_the_triangles(shape, offset_A):
    ratio = distance_ratio(shape, solid(shape), offset_A)
    assert len(ratio) > 1000
    assert ratio == pytest.approx(1.0, abs=0.1)


def test_distance_from_a_waving_sheet_agrees_with_its_triangles():
    mesh = solid(sheet(), BOX)
    points = points_off(mesh, 30.0, 1500)
    inner = inside_box(points, BOX, "box", 100.0)
    ratio = sheet().signed_distance(points[inner]) / true_distance(mesh, points[inner])
    assert ratio == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "shape", [sphere(), bent(), flattened(), plate(), sheet(), Offset(bent(), 50.0)]
)
def test_samples_lie_on_the_surface_and_within_its_bounds(shape):
    samples = shape.samples_zyx_A
    kept = np.ones(len(samples), dtype=bool)
    if isinstance(shape, Flattened):  # on the plane, the rounded edge lies further in
        kept = np.linalg.norm(samples - samples.mean(axis=0), axis=1) > 0
        assert np.median(np.abs(shape.signed_distance(samples))) < 0.5
        kept &= np.abs(shape.base.signed_distance(samples)) > shape.edge_radius_A
    assert np.abs(shape.signed_distance(samples[kept])).max(initial=0.0) < 2.0
    assert (samples >= shape.bounds_zyx_A[0] - 1.0).all()
    assert (samples <= shape.bounds_zyx_A[1] + 1.0).all()


def test_an_offset_surface_runs_parallel():
    base = bent(400.0, deformation=0.08)
    gaps = true_distance(
        solid(base), np.ascontiguousarray(solid(Offset(base, -90.0)).vertices[:, ::-1])
    )
    assert gaps == pytest.approx(90.0, abs=4.0)


def test_the_face_of_a_flattened_body_is_its_plane():
    shape = flattened()
    heights = np.array([-40.0, -10.0, 0.0, 25.0])
    points = shape.plane_point_zyx_A + heights[:, None] * shape.plane_normal_zyx
    assert shape.signed_distance(points) == pytest.approx(heights, abs=1e-6)
    mesh = solid(shape)
    beyond = (mesh.vertices[:, ::-1] - shape.plane_point_zyx_A) @ shape.plane_normal_zyx
    assert beyond.max() == pytest.approx(0.0, abs=0.1)


def test_a_right_angled_crease_becomes_an_arc():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-50.0, 50.0, (2, 500))
    corner = rounded_maximum(x, y, 20.0)
    from_arc = np.hypot(x + 20.0, y + 20.0) - 20.0
    on_arc = (x > -20.0) & (y > -20.0)
    assert corner[on_arc] == pytest.approx(from_arc[on_arc], abs=1e-9)
    assert corner[~on_arc] == pytest.approx(np.maximum(x, y)[~on_arc], abs=1e-9)
    assert rounded_minimum(x, y, 20.0) == pytest.approx(-rounded_maximum(-x, -y, 20.0))


def test_a_field_of_any_slope_becomes_a_distance():
    def field(points):
        return ((points**2).sum(axis=1) - 300.0**2) / 900.0, np.ones(len(points), dtype=bool)

    points = np.random.default_rng(1).normal(size=(400, 3))
    radii = np.random.default_rng(2).uniform(270.0, 330.0, 400)
    points *= (radii / np.linalg.norm(points, axis=1))[:, None]
    assert true_distances(field, points) == pytest.approx(radii - 300.0, rel=0.01)


def test_mesh_of_a_sphere_encloses_its_volume_and_turns_outward():
    mesh = solid(sphere())
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 300.0**3, rel=0.005)
    assert mesh.area == pytest.approx(4 * np.pi * 300.0**2, rel=0.005)


def test_mesh_is_open_only_at_the_walls_of_the_box():
    box = Box((20, 80, 80), 13.5, np.array([0.0, -540.0, -540.0]))
    vertices, faces = middle_mesh(sphere(centre=(0.0, 0.0, 0.0)), box)
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    found, counts = np.unique(edges, axis=0, return_counts=True)
    rim = vertices[np.unique(found[counts == 1])]
    walls = np.minimum(np.abs(rim - box.low_A), np.abs(rim - box.high_A)).min(axis=1)
    assert walls.max() < 0.5
    height = box.high_A[0] - box.low_A[0]  # of the zone of the sphere between the two walls
    area = solid(sphere(centre=(0.0, 0.0, 0.0)), box).area
    assert area == pytest.approx(2 * np.pi * 300.0 * height, rel=0.01)


@pytest.mark.parametrize("shape", [bent(), flattened(), plate()])
def test_vertices_lie_on_the_surface(shape):
    vertices, _ = middle_mesh(shape, box_around(shape))
    assert np.abs(shape.signed_distance(vertices)).max() < 0.3


def test_a_shape_is_enclosed_by_what_is_around_it_or_refused():
    outer = Membrane(1, "liposome", sphere(600.0), 38.0)
    inner = Membrane(2, "liposome", sphere(400.0), 38.0, parent=1)
    small = sphere(100.0)
    assert enclosing_labels(small, [outer, inner], 20.0) == {1, 2}
    assert innermost({1, 2}, [outer, inner]) == 2
    assert enclosing_labels(sphere(100.0, (900.0, 6.0, 7.0)), [outer, inner], 20.0) == set()
    assert enclosing_labels(sphere(100.0, (455.0, 6.0, 7.0)), [outer, inner], 20.0) is None
    assert enclosing_labels(sphere(900.0), [outer], 20.0) is None
    gap_A = 400.0 - 100.0 - 54.0
    assert enclosing_labels(small, [inner], gap_A - 1.0) == {2}
    assert enclosing_labels(small, [inner], gap_A + 1.0) is None
    kept = Membrane(1, "outer mitochondrial membrane", sphere(600.0), 38.0)
    assert enclosing_labels(small, [kept], 20.0) is None


def test_constraints_forbid_their_walls_only():
    middle, above, aside = BOX.centre_A, BOX.centre_A.copy(), BOX.centre_A.copy()
    above[0], aside[2] = BOX.high_A[0] - 5.0, BOX.high_A[2] + 50.0
    points = np.stack([middle, above, aside])
    assert inside_box(points, BOX, "box", 10.0).tolist() == [True, False, False]
    assert inside_box(points, BOX, "sides", 10.0).tolist() == [True, False, True]
    assert inside_box(points, BOX, "none", 10.0).all()


def test_vesicles_keep_apart_and_inside_the_box(scene):
    by_label = {m.label: m for m in scene}
    assert [m.label for m in scene] == list(range(1, len(scene) + 1))
    for membrane in scene:
        vertices, _ = middle_mesh(membrane.shape, BOX)
        assert inside_box(vertices, BOX, "box", membrane.outer_half_width_A).all()
        ancestors, above = set(), membrane.parent
        while above:
            ancestors.add(above)
            above = by_label[above].parent
        for other in scene[: membrane.label - 1]:
            distances = other.shape.signed_distance(vertices)
            assert (distances.max() < 0) == (other.label in ancestors)
            faces_A = membrane.outer_half_width_A + other.outer_half_width_A
            assert np.abs(distances).min() > faces_A - 3.0


def test_some_neighbours_touch_and_some_vesicles_are_nested():
    nested, close = 0, 0
    for seed in range(2):
        placed = with_liposomes((), BOX, LiposomesConfig(count=8), np.random.default_rng(seed))
        nested += sum(m.parent > 0 for m in placed)
        for index, one in enumerate(placed):
            for other in placed[:index]:
                gap = np.abs(other.shape.signed_distance(one.shape.samples_zyx_A)).min()
                gap -= one.outer_half_width_A + other.outer_half_width_A
                close += gap < 3.0 * BOX.voxel_size_A
    assert nested >= 1
    assert close >= 2


def test_lamellae_are_evenly_spaced():
    config = LiposomesConfig(count=4, lamellar_share=1.0, nested_share=0.0, radius_min_nm=45.0)
    roomy = Box((200, 200, 200), 13.5, np.zeros(3))
    placed = with_liposomes((), roomy, config, np.random.default_rng(1))
    lamellae = [m for m in placed if m.kind == "lamella"]
    assert len(lamellae) >= 4
    for lamella in lamellae:
        outside = placed[lamella.parent - 1]
        gaps = -outside.shape.signed_distance(lamella.shape.samples_zyx_A)
        assert gaps == pytest.approx(np.median(gaps), rel=0.12)
        assert 70.0 <= np.median(gaps) <= 130.0


def test_a_box_too_thin_for_any_vesicle_is_refused():
    thin = Box((12, 64, 64), 13.5, np.zeros(3))
    with pytest.raises(MembraneSegError, match="too thin"):
        with_liposomes((), thin, LiposomesConfig(count=3), np.random.default_rng(0))


def test_leaflets_are_drawn_their_distance_apart():
    shape = sphere(200.0, (0.0, 0.0, 0.0))
    fine = Box((8, 240, 240), 2.0, np.array([0.0, -240.0, -240.0]))
    grid = draw_membranes([Membrane(1, "liposome", shape, 38.0)], fine)
    profile = grid.potential_V[0, 120, 120:]
    radius = fine.origin_zyx_A[2] + 2.0 * np.arange(120, 240)
    peaks = [radius[profile * (radius < 200.0) == (profile * (radius < 200.0)).max()][0]]
    peaks.append(radius[profile * (radius > 200.0) == (profile * (radius > 200.0)).max()][0])
    assert peaks == pytest.approx([181.0, 219.0], abs=2.0)


def test_the_drawn_potential_does_not_depend_on_the_voxel():
    """The integral across the bilayer is that of the continuous profile at every voxel size."""
    across = np.arange(-120.0, 120.0, 0.25)
    sums = [
        float(bilayer_potential(across, 38.0, voxel_A).sum()) * 0.25 for voxel_A in (1.0, 8.0, 16.0)
    ]
    assert sums == pytest.approx([sums[0]] * 3, rel=0.02)


def test_shell_volume_is_area_times_thickness(scene):
    labels = draw_membranes(scene, BOX).instances
    for membrane in scene:
        expected = solid(membrane.shape, BOX).area * 2 * membrane.outer_half_width_A
        found = (labels == membrane.label).sum() * BOX.voxel_size_A**3
        assert found == pytest.approx(expected, rel=0.04)


def test_compartments_fill_what_the_meshes_enclose(scene):
    compartments = draw_membranes(scene, BOX).compartments
    for membrane in scene:
        children = [m for m in scene if m.parent == membrane.label]
        expected = solid(membrane.shape, BOX).volume
        expected -= sum(solid(m.shape, BOX).volume for m in children)
        found = (compartments == membrane.label).sum() * BOX.voxel_size_A**3
        assert found == pytest.approx(expected, rel=0.02)


def test_labels_follow_the_origin(scene):
    moved_box = Box(BOX.shape_zyx, BOX.voxel_size_A, np.zeros(3))
    moved = [
        Membrane(m.label, m.kind, m.shape.moved_to(m.shape.centre_zyx_A - BOX.low_A), m.thickness_A)
        for m in scene
    ]
    ours, theirs = draw_membranes(moved, moved_box), draw_membranes(scene, BOX)
    assert (ours.instances != theirs.instances).mean() < 1e-6
    assert np.abs(ours.potential_V - theirs.potential_V).max() < 1e-4


@pytest.mark.parametrize("shape", [bent(250.0, BOX.centre_A, 0.25), sheet()])
def test_no_voxel_near_the_surface_is_overlooked(shape):
    index = np.stack(np.meshgrid(*map(np.arange, BOX.shape_zyx), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    wanted = index[np.abs(shape.signed_distance(BOX.to_angstrom(index))) <= 60.0]
    found = near_voxels(shape, BOX, 60.0).index_zyx
    as_numbers = [np.ravel_multi_index(i.T, BOX.shape_zyx) for i in (wanted, found)]
    assert np.isin(*as_numbers).all()
    assert len(found) < 0.6 * len(index)
