"""Tubes, flat sacs and sheets: closed forms, dense meshes, and the recipes that place them."""

import numpy as np
import pytest
from surfaces import distance_ratio, solid

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.bilayers import draw_membranes
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import middle_mesh
from membraneseg.phantom.paths import PathStyle, path_within, wandering_path
from membraneseg.phantom.placement import inside_box
from membraneseg.phantom.plates import Plate
from membraneseg.phantom.sheets import SheetsConfig, with_sheets
from membraneseg.phantom.tubes import TubesConfig, tube_along, with_tubes
from membraneseg.phantom.tubular import Rod, Tube, Union

BOX = Box((64, 160, 160), 13.5, np.array([-50.0, 300.0, 20.0]))
STYLE = PathStyle(spacing_A=15.0, persistence_A=3000.0, bend_radius_A=600.0, wave_height_A=150.0)


def wandering_tube(seed=0):
    path = wandering_path(0.3, 3000.0, STYLE, np.random.default_rng(seed))
    return tube_along(path, 190.0, np.array([0.03, 0.0, -0.04, 0.03]))


def junction():
    tube = wandering_tube()
    path = wandering_path(1.6, 1000.0, STYLE, np.random.default_rng(5))
    return Union(
        (tube, tube_along(path + tube.points_zyx_A[90] - path[0], 180.0, np.zeros(1))), 110.0
    )


def test_a_rod_has_the_volume_and_area_of_a_capsule():
    mesh = solid(Rod(np.zeros(3), np.array([100.0, 200.0, 800.0]), 150.0))
    length_A = np.sqrt(100.0**2 + 200.0**2 + 800.0**2)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(np.pi * 150.0**2 * (length_A + 4 / 3 * 150.0), rel=0.01)
    assert mesh.area == pytest.approx(2 * np.pi * 150.0 * (length_A + 2 * 150.0), rel=0.01)


def test_a_straight_tube_is_a_rod():
    rod = Rod(np.zeros(3), np.array([100.0, 200.0, 800.0]), 150.0)
    line = np.linspace(rod.start_zyx_A, rod.end_zyx_A, 60)
    points = np.random.default_rng(0).uniform(-300.0, 1100.0, (3000, 3))
    tube = Tube(line, np.full(60, 150.0))
    assert tube.signed_distance(points) == pytest.approx(rod.signed_distance(points), abs=1e-6)


def test_distance_from_a_bent_tube_is_that_from_a_torus():
    turns = np.linspace(0.0, np.pi, 200)
    ring = 900.0 * np.column_stack([np.zeros(200), np.sin(turns), np.cos(turns)])
    points = np.random.default_rng(1).uniform(
        [-400.0, 200.0, -900.0], [400.0, 1200.0, 900.0], (3000, 3)
    )
    exact = np.hypot(np.hypot(points[:, 1], points[:, 2]) - 900.0, points[:, 0]) - 200.0
    ours = Tube(ring, np.full(200, 200.0)).signed_distance(points)
    assert np.abs(ours - exact).max() < 0.5


@pytest.mark.parametrize("offset_A", [-40.0, -25.0, 25.0, 40.0])
def test_distances_from_undulating_tubes_agree_with_those_from_the_triangles(offset_A):
    ratio = distance_ratio(wandering_tube(), solid(wandering_tube()), offset_A)
    assert len(ratio) > 1000
    assert ratio == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("offset_A", [-25.0, 25.0])
def test_distances_hold_along_the_crease_of_a_junction(offset_A):
    mesh = solid(junction())
    assert mesh.is_watertight
    assert mesh.body_count == 1
    assert mesh.euler_number == 2
    ratio = distance_ratio(junction(), mesh, offset_A)
    assert np.mean(np.abs(ratio - 1.0) < 0.1) > 0.99


@pytest.mark.parametrize("shape", [wandering_tube(), junction()])
def test_samples_lie_on_tubes_and_cover_them(shape):
    samples = shape.samples_zyx_A
    assert np.abs(shape.signed_distance(samples)).max() < 1.0
    vertices = solid(shape).vertices[:, ::-1]
    nearest = np.linalg.norm(vertices[::40, None] - samples[None], axis=2).min(axis=1)
    assert nearest.max() < 60.0


def test_paths_keep_their_persistence_length_their_bends_and_their_plane():
    style = PathStyle(spacing_A=20.0, persistence_A=3000.0, bend_radius_A=150.0, wave_height_A=80.0)
    rng, cosines = np.random.default_rng(0), []
    for _ in range(400):
        path = wandering_path(0.0, 4000.0, style, rng)
        assert np.abs(path[:, 0]).max() <= 80.0
        steps = np.diff(path[:, 1:], axis=0)
        angle = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
        assert np.abs(np.diff(angle)).max() <= 20.0 / 150.0 + 1e-9
        cosines.append(np.cos(angle[170] - angle[20]))
    assert np.mean(cosines) == pytest.approx(np.exp(-150 * 20.0 / 6000.0), abs=0.06)


def test_the_run_within_is_the_unbroken_one_around_the_start():
    path = np.arange(10.0)[:, None] * np.ones(3)
    inside = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1], dtype=bool)
    assert path_within(path, inside, 4)[:, 0].tolist() == [3.0, 4.0, 5.0]
    assert path_within(path, inside, 0)[:, 0].tolist() == [0.0, 1.0]


@pytest.fixture(scope="module")
def tubes():
    config = TubesConfig(count=5, junction_share=0.5)
    return with_tubes((), BOX, config, np.random.default_rng(2))


def test_tubes_keep_apart_and_in_the_ice(tubes):
    assert len(tubes) >= 3
    assert any(isinstance(m.shape, Union) for m in tubes)
    for tube in tubes:
        vertices, _ = middle_mesh(tube.shape, BOX)
        assert inside_box(vertices, BOX, "sides", tube.outer_half_width_A).all()
        for other in tubes[: tube.label - 1]:
            gap = np.abs(other.shape.signed_distance(vertices)).min()
            gap -= tube.outer_half_width_A + other.outer_half_width_A
            assert gap > 1.5 * BOX.voxel_size_A


def test_tubes_have_radii_of_their_range_and_cross_the_side_walls(tubes):
    parts = [p for m in tubes for p in (m.shape.parts if isinstance(m.shape, Union) else [m.shape])]
    radii = np.concatenate([part.radii_A for part in parts])
    assert radii.min() >= 0.85 * 0.9 * 120.0
    assert radii.max() <= 1.1 * 260.0
    ends = np.concatenate([part.points_zyx_A[[0, -1]] for part in parts])
    assert (~inside_box(ends, BOX, "box")).sum() >= 4


def test_tubes_that_no_wall_may_cut_are_watertight():
    config = TubesConfig(count=2, constraint="box")
    for tube in with_tubes((), BOX, config, np.random.default_rng(1)):
        assert solid(tube.shape, BOX).is_watertight
        assert tube.parent == 0


def test_the_same_seed_draws_the_same_tubes(tubes):
    again = with_tubes((), BOX, TubesConfig(count=5, junction_share=0.5), np.random.default_rng(2))
    assert [m.label for m in again] == [m.label for m in tubes]
    points = np.random.default_rng(0).uniform(BOX.low_A, BOX.high_A, (200, 3))
    for one, other in zip(again, tubes, strict=True):
        assert (one.shape.signed_distance(points) == other.shape.signed_distance(points)).all()


def test_the_membranes_of_a_cisterna_are_its_thickness_apart():
    config = SheetsConfig(count=2, pair_share=1.0, pair_distance_nm=28.0)
    placed = with_sheets((), BOX, config, np.random.default_rng(4))
    assert len(placed) == 2
    for membrane in placed:
        assert isinstance(membrane.shape, Plate)
        vertices, _ = middle_mesh(membrane.shape, BOX)
        flat = (vertices - membrane.shape.middle.point_zyx_A) @ membrane.shape.middle.axes_zyx[1:].T
        within = np.linalg.norm(flat, axis=1) < membrane.shape.radius_A - 50.0
        heights = membrane.shape.middle.signed_distance(vertices[within])
        walls = inside_box(vertices[within], BOX, "box", 1.0)  # clipped at the walls
        assert np.abs(heights[walls]) == pytest.approx(140.0, abs=1.0)


def test_sheets_cross_the_border_and_keep_apart():
    config = SheetsConfig(count=4, pair_share=0.5)
    placed = with_sheets((), BOX, config, np.random.default_rng(1))
    kinds = [m.kind for m in placed]
    assert kinds.count("plasma membrane") == 2
    assert kinds.count("endoplasmic reticulum") >= 1
    for membrane in placed:
        vertices, _ = middle_mesh(membrane.shape, BOX)
        at_wall = ~inside_box(vertices, BOX, "box", 0.5)
        assert at_wall.sum() > 50
        for other in placed[: membrane.label - 1]:
            gap = np.abs(other.shape.signed_distance(vertices)).min()
            assert gap > membrane.outer_half_width_A + other.outer_half_width_A + 20.0


def test_sheets_lean_no_further_than_their_tilt():
    config = SheetsConfig(count=3, pair_share=0.0, tilt_deg=10.0)
    for seed in range(4):
        for membrane in with_sheets((), BOX, config, np.random.default_rng(seed)):
            assert abs(membrane.shape.axes_zyx[0, 0]) <= np.sin(np.deg2rad(10.0)) + 1e-9


def test_the_lumen_of_a_cisterna_is_a_compartment_and_a_plasma_membrane_has_none():
    config = SheetsConfig(count=2, pair_share=0.5)
    placed = with_sheets((), BOX, config, np.random.default_rng(1))
    compartments = draw_membranes(placed, BOX).compartments
    plate = placed[1]
    expected = solid(plate.shape, BOX).area / 2 * plate.shape.thickness_A
    assert (compartments == 1).sum() == 0
    assert (compartments == 2).sum() * BOX.voxel_size_A**3 == pytest.approx(expected, rel=0.15)


def test_recipes_of_count_0_leave_everything_as_it_is(tubes):
    rng = np.random.default_rng(0)
    assert with_tubes(tubes, BOX, TubesConfig(), rng) == tubes
    assert with_sheets(tubes, BOX, SheetsConfig(), rng) == tubes


@pytest.mark.parametrize(
    ("config", "settings", "match"),
    [
        (TubesConfig, {"count": -1}, "tubes.count"),
        (TubesConfig, {"radius_min_nm": 30.0, "radius_max_nm": 20.0}, "minimum < maximum"),
        (TubesConfig, {"persistence_nm": 0.0}, "persistence_nm is 0.0"),
        (TubesConfig, {"junction_share": 1.5}, "0 to 1"),
        (TubesConfig, {"constraint": "top"}, "constraint is 'top'"),
        (SheetsConfig, {"count": -1}, "sheets.count"),
        (SheetsConfig, {"pair_share": 2.0}, "pair_share is 2.0"),
        (SheetsConfig, {"pair_distance_nm": 5.0}, "pair_distance_nm is 5.0"),
        (SheetsConfig, {"waviness_nm": 90.0}, "waviness_nm is 90.0"),
        (SheetsConfig, {"tilt_deg": 100.0}, "tilt_deg is 100.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(config, settings, match):
    with pytest.raises(MembraneSegError, match=match):
        config(**settings)


def test_a_box_too_thin_for_any_tube_is_refused():
    thin = Box((16, 100, 100), 13.5, np.zeros(3))
    with pytest.raises(MembraneSegError, match="too thin for tubes"):
        with_tubes((), thin, TubesConfig(count=1), np.random.default_rng(0))
