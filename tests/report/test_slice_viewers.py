import runpy
import sys
from pathlib import Path

import cv2
import mrcfile
import numpy as np
import pytest
from PIL import Image
from small_stages import CENTRE_PX, RADIUS_PX, SCALE, SHAPE, VOXEL_SIZE_A, make_stages

from membraneseg.colours import PROBABILITY, inferred_colour, membrane_colour

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    return make_stages(tmp_path_factory.mktemp("result"))


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


def test_a_missing_stage_is_named_in_one_sentence(tmp_path, result, monkeypatch, capsys):
    (tmp_path / "tomogram.mrc").symlink_to(result / "tomogram.mrc")
    with pytest.raises(SystemExit, match=r"^2$"):
        viewed("view_groups", tmp_path, monkeypatch)
    assert "groups.npz is not there: give the output folder" in capsys.readouterr().err


def refused(result, monkeypatch, capsys) -> str:
    """What a viewer says that shall open a window and cannot."""
    with pytest.raises(SystemExit, match=r"^2$"):
        run_script(
            "view_groups", [str(result), "--tomogram", str(result / "tomogram.mrc")], monkeypatch
        )
    return capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has programs without a screen")
def test_without_a_screen_one_sentence_names_the_remedy(result, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    told = refused(result, monkeypatch, capsys)
    assert told.count("\n") == 1
    assert "work at a desktop or under xvfb-run, or use --save FILE.png" in told


def test_an_opencv_without_windows_is_named_with_the_remedy(result, monkeypatch, capsys):
    def none(_title: str) -> None:
        raise cv2.error("The function is not implemented.")

    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(cv2, "namedWindow", none)
    told = refused(result, monkeypatch, capsys)
    assert told.count("\n") == 1
    assert "use --save FILE.png, or install opencv-python in its place" in told


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
