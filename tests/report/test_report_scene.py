import numpy as np
import pytest
import trimesh
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from membraneseg.colours import inferred_colour, membrane_colour
from membraneseg.report.scene import Camera, draw_scene, scene_size_nm
from membraneseg.report.slices import Grid
from membraneseg.report.triangles import cell_for, coarser, encloses, smooth_normals_xyz
from membraneseg.types import Mesh

GRID = Grid((100, 100, 100), 10.0, np.zeros(3))


def ball(radius_A: float, centre_zyx_A: tuple[float, ...], observed: bool = True) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=4, radius=radius_A)
    vertices = np.array(shape.vertices)[:, ::-1] + np.array(centre_zyx_A)
    count = len(vertices)
    faces = np.array(shape.faces, dtype=np.int64)
    return Mesh(vertices, faces, np.zeros(count), np.full(count, observed))


def picture(meshes, camera: Camera) -> np.ndarray:
    width, height = scene_size_nm(meshes, GRID, camera)
    figure = Figure(figsize=(4, 4 * height / width), dpi=100)
    draw_scene(figure.add_axes((0, 0, 1, 1)), meshes, GRID, camera)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(float)


def similar(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Pixels whose hue is that of a colour, whatever the light: rank and spread of channels."""
    spread = np.ptp(image, axis=2)
    direction = image - image.mean(axis=2, keepdims=True)
    wanted = np.array(colour) - np.mean(colour)
    norm = np.linalg.norm(direction, axis=2) * np.linalg.norm(wanted)
    return (spread > 25) & ((direction @ wanted) / np.maximum(norm, 1e-9) > 0.97)


def test_the_camera_axes_are_a_right_handed_frame():
    for camera in (Camera(), Camera(10, 80), Camera(-200, -35)):
        axes = camera.axes_xyz()
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(axes) == pytest.approx(1.0)


def test_seen_from_minus_y_x_runs_right_and_z_runs_up():
    image = picture(((1, ball(100, (800, 500, 800))),), Camera(-90, 0))
    rows, columns = np.nonzero(similar(image, membrane_colour(1)))
    width_nm, _ = scene_size_nm((), GRID, Camera(-90, 0))
    nm_per_pixel = width_nm / image.shape[1]
    assert columns.mean() * nm_per_pixel == pytest.approx(80.5 + 0.02 * 100, abs=1.0)
    from_bottom = (image.shape[0] - rows.mean()) * nm_per_pixel
    assert from_bottom == pytest.approx(80.5 + 0.03 * 100, abs=1.0)


def test_a_nearer_membrane_hides_a_farther_one():
    near, far = ball(150, (500, 200, 500)), ball(100, (500, 800, 500))
    image = picture(((1, near), (2, far)), Camera(-90, 0))
    assert similar(image, membrane_colour(1)).sum() > 1000
    assert similar(image, membrane_colour(2)).sum() == 0
    behind = picture(((1, near), (2, far)), Camera(90, 0))
    assert similar(behind, membrane_colour(2)).sum() > 500


def test_an_enclosed_membrane_shows_through_the_one_around_it():
    outer, inner = ball(300, (500, 500, 500)), ball(120, (500, 500, 500))
    apart = picture(((1, outer), (2, ball(120, (500, 900, 500)))), Camera(-90, 0))
    nested = picture(((1, outer), (2, inner)), Camera(-90, 0))
    middle = tuple(size // 2 for size in nested.shape[:2])
    orange = np.array(membrane_colour(2), dtype=float)

    def distance(image: np.ndarray) -> float:
        return float(np.linalg.norm(image[middle] - orange))

    assert distance(nested) < 0.7 * distance(apart)


def test_an_inferred_membrane_is_paler_than_a_seen_one():
    seen = picture(((1, ball(300, (500, 500, 500), True)),), Camera(-90, 0))
    inferred = picture(((1, ball(300, (500, 500, 500), False)),), Camera(-90, 0))
    middle = tuple(size // 2 for size in seen.shape[:2])
    expected = np.mean(inferred_colour(membrane_colour(1))) - np.mean(membrane_colour(1))
    assert inferred[middle].mean() - seen[middle].mean() > 0.5 * expected


def test_a_ball_encloses_what_lies_in_it_and_nothing_else():
    outer = ball(300, (0, 0, 0))
    assert encloses(outer, ball(50, (100, 100, -50)))
    assert not encloses(ball(50, (100, 100, -50)), outer)
    assert not encloses(outer, ball(50, (0, 0, 360)))
    assert not encloses(outer, ball(50, (-360, 0, 0)))
    assert not encloses(outer, ball(50, (360, 0, 0)))


def test_enclosure_holds_for_boxes_on_one_grid():
    box = trimesh.creation.box((8, 8, 8)).subdivide().subdivide()
    small = trimesh.creation.box((2, 2, 2))
    meshes = [
        Mesh(
            np.array(m.vertices), np.array(m.faces), np.zeros(len(m.vertices)), m.vertices[:, 0] > 9
        )
        for m in (box, small)
    ]
    assert encloses(*meshes)


def test_a_coarser_sphere_keeps_its_area_and_every_flag():
    fine = ball(1000, (5, 6, 7))
    heights = {"z_A": fine.vertices_zyx_A[:, 0]}
    coarse, values = coarser(fine, heights, 120.0)
    corners = coarse.vertices_zyx_A[coarse.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1).sum() / 2
    assert len(coarse.faces) < 0.5 * len(fine.faces)
    assert area == pytest.approx(4 * np.pi * 1000**2, rel=0.03)
    assert coarse.observed.all()
    np.testing.assert_allclose(values["z_A"], coarse.vertices_zyx_A[:, 0], atol=1e-9)


def test_meshes_become_coarser_only_above_the_wanted_number_of_triangles():
    meshes = [ball(1000, (0, 0, 0)), ball(300, (0, 0, 3000))]
    assert cell_for(meshes, 10_240) is None
    cell_A = cell_for(meshes, 2_000)
    assert 1_000 < sum(len(coarser(mesh, {}, cell_A)[0].faces) for mesh in meshes) < 3_000


def test_smooth_normals_of_a_sphere_point_outward_along_the_radius():
    mesh = ball(50, (0, 0, 0))
    normals = smooth_normals_xyz(mesh)
    middles = mesh.vertices_zyx_A[mesh.faces].mean(axis=1)[:, ::-1]
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    assert (normals * middles).sum(axis=1).min() > 0.999
