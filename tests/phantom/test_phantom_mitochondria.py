"""Mitochondria: one inner surface of the right genus, its distances, its compartments."""

import numpy as np
import pytest
from scipy.ndimage import label
from surfaces import box_around, distance_ratio, solid

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.bilayers import draw_membranes
from membraneseg.phantom.box import Box
from membraneseg.phantom.folding import MATRIX_GAP_A, Axis, lamella
from membraneseg.phantom.membranes import middle_mesh
from membraneseg.phantom.mitochondria import (
    PAIR_DISTANCE_A,
    MitochondriaConfig,
    mitochondrion,
    with_mitochondria,
)
from membraneseg.phantom.placement import inside_box
from membraneseg.phantom.plates import Plate
from membraneseg.phantom.tubes import tube_along
from membraneseg.phantom.tubular import Union

BOX = Box((56, 168, 168), 13.5, np.zeros(3))
CONFIG = MitochondriaConfig(count=1, radius_min_nm=80.0, radius_max_nm=100.0)


@pytest.fixture(scope="module")
def whole():
    """A mitochondrion that no wall cuts, and the box around it."""
    turns = np.linspace(-0.25, 0.25, 120)
    line = 6400.0 * np.column_stack([np.zeros(120), np.cos(turns), np.sin(turns)])
    body = tube_along(line, 1000.0, np.array([0.03, -0.06, 0.02]))
    box = box_around(body, 27.0)
    return mitochondrion(body, (1, 0), box, MitochondriaConfig(), np.random.default_rng(3)), box


@pytest.fixture(scope="module")
def compartments(whole):
    membranes, box = whole
    return draw_membranes(membranes, box).compartments


@pytest.fixture(scope="module")
def inner_mesh(whole):
    (_, inner), box = whole
    return solid(inner.shape, box, 28.0)


def test_the_inner_membrane_is_one_surface_with_a_handle_for_every_further_neck(whole, inner_mesh):
    (_, inner), _ = whole
    necks = [crista.neck_count for crista in inner.shape.cristae]
    assert len(necks) >= 5
    assert max(necks) >= 2
    assert inner_mesh.is_watertight
    assert inner_mesh.body_count == 1
    assert inner_mesh.euler_number == 2 - 2 * sum(count - 1 for count in necks)


@pytest.mark.parametrize(("offset_A", "share"), [(-40.0, 0.985), (-25.0, 0.995), (25.0, 0.995)])
def test_the_bilayer_has_its_thickness_all_over_the_folds(whole, inner_mesh, offset_A, share):
    (_, inner), _ = whole
    ratio = distance_ratio(inner.shape, inner_mesh, offset_A, count=4000)
    assert np.mean(np.abs(ratio - 1.0) < 0.1) > share


def test_samples_lie_on_the_inner_membrane(whole):
    (_, inner), _ = whole
    samples = inner.shape.samples_zyx_A
    assert len(samples) > 1000
    assert np.abs(inner.shape.signed_distance(samples)).max() < 1.0


def test_the_matrix_fills_what_the_inner_mesh_encloses(whole, compartments, inner_mesh):
    membranes, box = whole
    matrix_A3 = (compartments == 2).sum() * box.voxel_size_A**3
    assert matrix_A3 == pytest.approx(inner_mesh.volume, rel=0.01)
    between_A3 = (compartments == 1).sum() * box.voxel_size_A**3
    outer_A3 = solid(membranes[0].shape, box).volume
    assert between_A3 == pytest.approx(outer_A3 - inner_mesh.volume, rel=0.02)


def test_every_crista_opens_into_the_space_between_the_membranes(compartments):
    _, count = label(compartments == 1)
    assert count == 1


def test_the_boundary_runs_parallel_to_the_outer_membrane(whole, inner_mesh):
    (outer, inner), _ = whole
    depths = -outer.shape.signed_distance(np.ascontiguousarray(inner_mesh.vertices[:, ::-1]))
    pair_A = -inner.shape.boundary.outward_A
    assert PAIR_DISTANCE_A[0] <= pair_A <= PAIR_DISTANCE_A[1]
    assert np.mean(np.abs(depths - pair_A) < 1.0) > 0.3
    assert depths.min() > pair_A - 1.0


def test_cristae_keep_apart(whole):
    (_, inner), _ = whole
    cristae = inner.shape.cristae
    for index, crista in enumerate(cristae):
        samples = crista.sac.samples_zyx_A
        samples = samples[inner.shape.boundary.signed_distance(samples) < 0.0]
        for other in cristae[:index]:
            assert other.sac.signed_distance(samples).min() > MATRIX_GAP_A - 20.0


def test_lamellae_reach_far_across_and_their_rims_are_round(whole):
    (outer, inner), _ = whole
    axis = Axis(outer.shape, inner.shape.boundary)
    rng, shares = np.random.default_rng(0), []
    for _ in range(40):
        crista = lamella(axis, 1600.0, np.zeros(3), rng)
        assert isinstance(crista.sac, Union)
        plate = crista.sac.parts[0]
        assert isinstance(plate, Plate)
        assert plate.thickness_A / 2 >= 80.0
        side = crista.sac.parts[1].end_zyx_A - crista.sac.parts[1].start_zyx_A
        side /= np.linalg.norm(side)
        point, _ = axis.at(1600.0)
        width_A = axis.way_out_A(point, side) + axis.way_out_A(point, -side)
        far_end_A = (plate.middle.point_zyx_A - point) @ side - plate.radius_A
        shares.append((axis.way_out_A(point, side) - far_end_A + plate.thickness_A / 2) / width_A)
    assert min(shares) > 0.6
    assert max(shares) < 1.02


@pytest.fixture(scope="module")
def cut():
    return with_mitochondria((), BOX, CONFIG, np.random.default_rng(1))


def test_a_mitochondrion_in_the_box_has_two_membranes_and_cristae(cut):
    outer, inner = cut
    assert (outer.kind, outer.parent) == ("outer mitochondrial membrane", 0)
    assert (inner.kind, inner.parent) == ("inner mitochondrial membrane", outer.label)
    assert len(inner.shape.cristae) >= 3
    vertices, _ = middle_mesh(inner.shape, BOX)
    walls = np.minimum(vertices - BOX.low_A, BOX.high_A - vertices).min(axis=1)
    free = walls > 1.0
    assert np.abs(inner.shape.signed_distance(vertices[free])).max() < 1.0
    assert outer.shape.signed_distance(vertices).max() < -PAIR_DISTANCE_A[0] + 1.0


def test_the_drawn_membranes_have_no_holes(cut):
    grid = draw_membranes(cut, BOX)
    for membrane in cut:
        vertices, _ = middle_mesh(membrane.shape, BOX)
        z, y, x = np.rint(BOX.to_index(vertices)).astype(int).T
        assert grid.distance_A[z, y, x].max() < np.sqrt(3.0) / 2 * BOX.voxel_size_A + 1.0
        assert (grid.instances[z, y, x] == membrane.label).all()


def test_a_mitochondrion_that_no_wall_may_cut_stays_inside():
    roomy = Box((160, 300, 300), 20.0, np.zeros(3))
    config = MitochondriaConfig(count=1, radius_min_nm=90.0, radius_max_nm=95.0, constraint="box")
    outer, _ = with_mitochondria((), roomy, config, np.random.default_rng(0))
    assert inside_box(outer.shape.samples_zyx_A, roomy, "box", outer.outer_half_width_A).all()


def test_two_mitochondria_keep_apart():
    roomy = Box((72, 300, 300), 20.0, np.zeros(3))
    config = MitochondriaConfig(count=2, radius_min_nm=80.0, radius_max_nm=100.0)
    placed = with_mitochondria((), roomy, config, np.random.default_rng(0))
    assert [m.parent for m in placed] == [0, 1, 0, 3]
    gap = placed[0].shape.signed_distance(placed[2].shape.samples_zyx_A).min()
    assert gap > placed[0].outer_half_width_A + placed[2].outer_half_width_A + 30.0


def test_count_0_leaves_everything_as_it_is(cut):
    assert with_mitochondria(cut, BOX, MitochondriaConfig(), np.random.default_rng(0)) == cut


def test_a_box_too_thin_for_an_uncut_mitochondrion_is_refused():
    config = MitochondriaConfig(count=1, constraint="sides")
    with pytest.raises(MembraneSegError, match="at most"):
        with_mitochondria((), BOX, config, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"count": -1}, "mitochondria.count"),
        ({"radius_min_nm": 20.0}, "60 <= minimum"),
        ({"crista_spacing_min_nm": 30.0}, "50 <= minimum"),
        ({"tubular_share": -0.1}, "tubular_share is -0.1"),
        ({"constraint": "lid"}, "constraint is 'lid'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, match):
    with pytest.raises(MembraneSegError, match=match):
        MitochondriaConfig(**settings)
