import runpy
import sys
from pathlib import Path

import cv2
import mrcfile
import numpy as np
import pytest
import trimesh
from PIL import Image

from membraneseg import stage_values
from membraneseg.colours import PROBABILITY, inferred_colour, membrane_colour
from membraneseg.io.stages import save_slices, save_stage
from membraneseg.surface.neighbours import Separated
from membraneseg.types import MembraneGroup, Mesh, SliceFragments

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHAPE = (20, 60, 90)
SCALE = 10  # the viewers draw about 900 pixels wide
VOXEL_SIZE_A = 12.5
ORIGIN_A = np.array([250.0, -500.0, 1000.0])
CENTRE_PX = np.array([10.0, 40.0, 25.0])
RADIUS_PX = 14.0


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    """A run's folder with one sphere in every stage, around CENTRE_PX."""
    folder = tmp_path_factory.mktemp("result")
    with mrcfile.new(folder / "tomogram.mrc") as file:
        file.set_data(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32))
        file.voxel_size = VOXEL_SIZE_A
        file.header.origin = tuple(ORIGIN_A[::-1])
    ball = trimesh.creation.icosphere(subdivisions=5, radius=RADIUS_PX)
    vertices = (np.array(ball.vertices)[:, ::-1] + CENTRE_PX) * VOXEL_SIZE_A + ORIGIN_A
    count = len(vertices)
    mesh = Mesh(vertices, np.array(ball.faces), np.zeros(count), np.ones(count, dtype=bool))
    group = MembraneGroup(4, np.zeros((1, 2), dtype=np.int64), vertices, True)
    probability = np.zeros(SHAPE, dtype=np.float32)
    probability[10, 38:43, 23:28] = 1.0
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = CENTRE_PX[1:] + RADIUS_PX * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    stages = {
        "fragments": stage_values.fragments_to_arrays(
            [SliceFragments(10, (circle,), np.array([True]))]
        ),
        "groups": stage_values.groups_to_arrays([group]),
        "selected": stage_values.groups_to_arrays([group]),
        "meshes": stage_values.meshes_to_arrays(Separated([(4, mesh)], 0, 0)),
    }
    planes = zip(probability, np.zeros(SHAPE, dtype=np.int8), strict=True)
    stream = stage_values.segmentation_to_slices(SHAPE, planes)
    save_slices(folder / "stages" / "segment.npz", stream, "key")
    for name, arrays in stages.items():
        save_stage(folder / "stages" / f"{name}.npz", arrays, "key")
    return folder


def run_script(script: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [script, *words])
    monkeypatch.syspath_prepend(str(SCRIPTS))
    runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")


def viewed(script: str, result: Path, monkeypatch: pytest.MonkeyPatch, z: int = 10) -> np.ndarray:
    picture = result / f"{script}.png"
    words = [str(result), "--tomogram", str(result / "tomogram.mrc"), "--z", str(z)]
    run_script(script, [*words, "--save", str(picture)], monkeypatch)
    return cv2.imread(str(picture))[..., ::-1].astype(int)


def from_centre_px(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Distance in voxels of the pixels of a colour from the centre of the sphere."""
    rows, columns = np.nonzero(np.abs(image - np.array(colour)).max(axis=2) < 6)
    y = SHAPE[1] - 0.5 - (rows + 0.5) / SCALE
    x = (columns + 0.5) / SCALE - 0.5
    return np.hypot(y - CENTRE_PX[1], x - CENTRE_PX[2])


@pytest.mark.parametrize(
    ("script", "number"), [("view_fragments", 1), ("view_groups", 4), ("view_surface", 4)]
)
def test_the_circle_of_a_sphere_is_drawn_where_it_is(script, number, result, monkeypatch):
    image = viewed(script, result, monkeypatch)
    distance = from_centre_px(image, membrane_colour(number))
    assert image.shape == (SHAPE[1] * SCALE, SHAPE[2] * SCALE, 3)
    assert len(distance) > 200
    np.testing.assert_allclose(np.median(distance), RADIUS_PX, atol=0.1)
    assert np.quantile(np.abs(distance - RADIUS_PX), 0.95) < 0.35


def test_the_probability_is_drawn_where_it_is(result, monkeypatch):
    image = viewed("view_probability", result, monkeypatch)
    warm = (image[..., 0] - image[..., 2]) > 60
    rows, columns = np.nonzero(warm)
    assert (SHAPE[1] * SCALE - 1 - rows).min() == 38 * SCALE
    assert (SHAPE[1] * SCALE - 1 - rows).max() == 43 * SCALE - 1
    assert (columns.min(), columns.max()) == (23 * SCALE, 28 * SCALE - 1)
    assert PROBABILITY[0] > PROBABILITY[1] > PROBABILITY[2]


def test_a_slice_beside_the_sphere_shows_no_contour(result, monkeypatch):
    flat = viewed("view_fragments", result, monkeypatch, z=3)
    assert np.ptp(flat, axis=2).max() == 0


def test_a_missing_stage_is_named_in_one_sentence(tmp_path, result, monkeypatch):
    (tmp_path / "tomogram.mrc").symlink_to(result / "tomogram.mrc")
    with pytest.raises(SystemExit, match=r"groups\.npz is not there: give the output folder"):
        viewed("view_groups", tmp_path, monkeypatch)


def test_the_ellipse_handed_on_to_a_slice_is_the_circle_of_the_sphere(result, monkeypatch):
    image = viewed("view_ellipses", result, monkeypatch, z=14)
    distance = from_centre_px(image, (90, 230, 90))
    assert len(distance) > 40
    np.testing.assert_allclose(np.median(distance), np.sqrt(RADIUS_PX**2 - 16), atol=0.15)


def test_the_anchor_inside_is_the_centre_and_those_outside_lie_a_fifth_farther(result, monkeypatch):
    image = viewed("view_anchors", result, monkeypatch)
    inside = from_centre_px(image, inferred_colour(membrane_colour(4)))
    assert inside.min() < 0.5
    outside = from_centre_px(image, (255, 255, 255))
    # The least gap of the recipe, 4 voxels, is more than a fifth of this radius.
    far = outside[outside > RADIUS_PX + 1]
    assert len(far) > 20
    np.testing.assert_allclose(np.median(far), RADIUS_PX + 4.0, atol=0.6)


def test_a_film_has_a_frame_per_slice(result, monkeypatch):
    film = result / "groups.gif"
    words = [str(result), "--tomogram", str(result / "tomogram.mrc"), "--save", str(film)]
    run_script("view_groups", words, monkeypatch)
    with Image.open(film) as frames:
        assert frames.n_frames == SHAPE[0]
        assert frames.size == (SHAPE[2] * SCALE // 2, SHAPE[1] * SCALE // 2)


def test_a_sphere_s_slices_differ_by_what_its_formula_says(result, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    steps = runpy.run_path(str(SCRIPTS / "view_neighbours.py"))["largest_steps"]
    angle = np.linspace(0, 2 * np.pi, 2000)
    circles = {
        z: np.sqrt(100.0 - z**2) * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        for z in range(-9, 10)
    }
    radii = np.sqrt(100.0 - np.arange(-9, 10) ** 2)
    np.testing.assert_allclose(steps(circles), np.abs(np.diff(radii)), atol=1e-9)


def test_the_slice_wise_dice_of_a_perfect_result_is_one(tmp_path, monkeypatch, capsys):
    voxels = np.zeros(SHAPE, dtype=np.int8)
    voxels[3:9, 10:30, 20:40] = 1
    names = {"truth_membranes": voxels, "membranes": voxels, "probability": voxels * 0.4}
    for name, content in names.items():
        with mrcfile.new(tmp_path / f"{name}.mrc") as file:
            file.set_data(content.astype(np.float32 if name == "probability" else np.int8))
            file.voxel_size = VOXEL_SIZE_A
    words = [str(tmp_path), str(tmp_path), "--save", str(tmp_path / "dice.png")]
    run_script("view_dice", words, monkeypatch)
    assert capsys.readouterr().out.splitlines() == [
        "network: mean slice-wise Dice 0.000",
        "final membranes: mean slice-wise Dice 1.000",
    ]
    assert cv2.imread(str(tmp_path / "dice.png")) is not None
