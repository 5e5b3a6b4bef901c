import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt
from skimage.measure import marching_cubes

from membraneseg.report.drawing import SlicePainter
from membraneseg.report.slices import Grid, Plane, grey_range, probability_opacity, richest_planes
from membraneseg.types import Mesh

SHAPE = (14, 20, 26)
SCALE = 10  # picture pixels per voxel


def l_shaped_body() -> np.ndarray:
    body = np.zeros(SHAPE, dtype=bool)
    body[3:11, 4:8, 5:20] = True
    body[3:11, 4:16, 5:10] = True
    body[7:11, 12:16, 5:22] = True  # and another arm higher up, so that no axis is a mirror
    return body


def mesh_of(body: np.ndarray, voxel_size_A: float, origin_zyx_A: np.ndarray) -> Mesh:
    vertices, faces, _, _ = marching_cubes(body.astype(float), 0.5)
    count = len(vertices)
    placed = vertices.astype(np.float64) * voxel_size_A + origin_zyx_A
    return Mesh(placed, faces.astype(np.int64), np.zeros(count), np.ones(count, dtype=bool))


def drawn(painter: SlicePainter, plane: Plane, voxels: np.ndarray, contours: bool) -> np.ndarray:
    width, height = painter.grid.shape[plane.across], painter.grid.shape[plane.up]
    figure = Figure(figsize=(width * SCALE / 100, height * SCALE / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    painter.slice(axes, plane, voxels)
    if contours:
        painter.contours(axes, plane)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


@pytest.mark.parametrize(("axis", "index"), [(0, 5), (0, 9), (1, 6), (1, 13), (2, 7), (2, 15)])
def test_contours_lie_on_the_edge_of_an_l_shaped_body_with_a_shifted_origin(axis, index):
    body = l_shaped_body()
    origin = np.array([-512.0, 2345.6, 78.9])
    voxels = np.where(body, -1.0, 1.0).astype(np.float32)
    grid = Grid(SHAPE, 13.7, origin)
    painter = SlicePainter(grid, (-3.0, 1.0), ((1, mesh_of(body, 13.7, origin)),), 0.7)
    plane = Plane(axis, index)

    inside = np.take(body, index, axis=axis)[::-1]  # picture rows run downward
    plain = drawn(painter, plane, voxels, contours=False)
    centres = plain[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE].mean(axis=2)
    np.testing.assert_array_equal(centres < 200, inside)

    picture = drawn(painter, plane, voxels, contours=True)
    line = np.ptp(picture, axis=2) > 60
    fine = np.kron(inside, np.ones((SCALE, SCALE))) > 0
    from_edge = np.where(fine, distance_transform_edt(fine), distance_transform_edt(~fine))
    assert line.sum() > 4 * SCALE
    # Marching cubes puts the surface half a voxel outside the centres, cutting corners.
    assert from_edge[line].max() < 0.6 * SCALE


def test_planes_are_titled_with_their_axes_and_index():
    titles = [Plane(0, 3).title, Plane(1, 4).title, Plane(2, 5).title]
    assert titles == ["XY · z = 3", "XZ · y = 4", "YZ · x = 5"]


def test_the_extent_reaches_half_a_voxel_beyond_the_outer_centres():
    grid = Grid((4, 5, 6), 20.0, np.array([100.0, -200.0, 0.0]))
    assert Plane(1, 0).extent_nm(grid) == pytest.approx((-1.0, 11.0, 9.0, 17.0))


def test_the_grey_range_is_percentile_1_and_99_5_of_a_ramp():
    ramp = np.random.default_rng(3).permutation(np.arange(100_000.0)).reshape(10, 100, 100)
    low, high = grey_range(ramp.astype(np.float32))
    assert low == pytest.approx(1_000, abs=1)
    assert high == pytest.approx(99_500, abs=1)


def test_a_constant_or_broken_volume_still_has_a_grey_range():
    assert grey_range(np.full((2, 3, 4), 7.0)) == (7.0, 8.0)
    assert grey_range(np.full((2, 3, 4), np.nan)) == (0.0, 1.0)


def test_the_probability_layer_is_empty_below_0_15_and_grows_with_the_probability():
    opacity = probability_opacity(np.array([0.0, 0.15, 0.4, 0.7, 1.0, np.nan], dtype=np.float32))
    assert opacity[[0, 1, 5]].tolist() == [0, 0, 0]
    assert 0 < opacity[2] < opacity[3] < opacity[4] == 190


def test_the_chosen_planes_pass_through_the_only_vesicle():
    grid = Grid((40, 60, 80), 10.0, np.array([5.0, 6.0, 7.0]))
    directions = np.random.default_rng(0).normal(size=(4000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = (np.array([12, 44, 21]) + 6 * directions) * 10.0 + grid.origin_zyx_A
    xy, xz, yz = richest_planes(grid, points)
    assert [plane.index for plane in xy] == pytest.approx([12 - 3.6, 12, 12 + 3.6], abs=0.7)
    assert abs(xz.index - 44) <= 6
    assert abs(yz.index - 21) <= 6


def test_without_membranes_the_planes_are_the_middle_of_the_volume():
    grid = Grid((40, 60, 80), 10.0, np.zeros(3))
    xy, xz, yz = richest_planes(grid, np.zeros((0, 3)))
    assert [plane.index for plane in xy] == [10, 20, 30]
    assert (xz.index, yz.index) == (30, 40)
