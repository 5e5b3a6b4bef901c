"""The napari window of `membraneseg view`, opened on a screen and clicked with a mouse."""

import json
import sys

import numpy as np
import pytest
from drawn_vesicles import VOXEL_A
from small_vesicle_result import DRAWN, THICKNESS_A, make_vesicle_result

from membraneseg.errors import MembraneSegError
from membraneseg.io.tables import read_vesicles_csv
from membraneseg.vesicle_viewer import Session, make_window, show

napari = pytest.importorskip("napari", reason='needs napari: pip install -e ".[view]"')
pytest.importorskip("PySide6", reason='needs Qt: pip install -e ".[view]"')

pytestmark = [
    pytest.mark.display,
    # napari and what it stands on warn of their own deprecations.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.fixture
def result(tmp_path):
    return make_vesicle_result(tmp_path)


class Window:
    """A viewer on the screen, and a hand on its mouse and keys."""

    def __init__(self, viewer) -> None:
        self.viewer = viewer
        self.canvas = viewer.window._qt_viewer.canvas
        self.settle()

    def settle(self) -> None:
        from qtpy.QtTest import QTest

        QTest.qWait(60)

    def place(self, centre_zyx) -> "QPoint":  # noqa: F821
        """Show the slice of a point; give the pixel of the canvas where the point lies."""
        from qtpy.QtCore import QPoint

        self.viewer.dims.set_point(0, centre_zyx[0])
        self.settle()
        scene = self.canvas._scene_canvas
        transform = self.viewer.window._qt_viewer.canvas.view.scene.node_transform(scene.scene)
        x, y = transform.map([centre_zyx[2], centre_zyx[1]])[:2]
        return QPoint(round(float(x)), round(float(y)))

    def click(self, centre_zyx, drag_px: int = 0) -> None:
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        at, native = self.place(centre_zyx), self.canvas.native
        QTest.mouseMove(native, at)
        QTest.mousePress(native, Qt.LeftButton, Qt.NoModifier, at)
        self.settle()
        at = at + QPoint(drag_px, 0)
        if drag_px:
            QTest.mouseMove(native, at)
            self.settle()
        QTest.mouseRelease(native, Qt.LeftButton, Qt.NoModifier, at)
        self.settle()

    def press(self, key: str) -> None:
        from qtpy.QtTest import QTest

        QTest.keyClicks(self.canvas.native, key)
        self.settle()


@pytest.fixture
def window(result):
    """The window as `membraneseg view RESULT --edit` opens it."""
    viewer = napari.Viewer(show=True)
    session = Session(result)
    layer = make_window(viewer, session, edit=True)
    opened = Window(viewer)
    opened.layer, opened.session, opened.told = layer, session, viewer.canvas.overlays.text
    yield opened
    viewer.close()


def shown_radii_px(layer) -> np.ndarray:
    return np.sort(np.asarray(layer._view_size) / 2)


def test_every_slice_shows_the_circles_in_which_it_cuts_the_vesicles(window):
    for z in (20, 31, 40):
        window.viewer.dims.set_point(0, z)
        window.settle()
        outer = np.array([radius + THICKNESS_A / 2 for _, radius in DRAWN]) / VOXEL_A
        height = np.array([centre[0] for centre, _ in DRAWN]) - z
        cut = np.sqrt(outer[np.abs(height) < outer] ** 2 - height[np.abs(height) < outer] ** 2)
        np.testing.assert_allclose(shown_radii_px(window.layer), np.sort(cut), atol=1e-4)


def test_clicks_and_keys_remove_add_undo_and_save(window, result):
    first, radius_A = DRAWN[0]
    window.click(first)
    assert "vesicle 1 removed" in window.told.text
    assert len(window.layer.data) == 3
    window.press("u")
    assert "undone" in window.told.text
    assert len(window.layer.data) == 4
    window.click(first)
    window.click((first[0] + 1.0, first[1] + 1.5, first[2] - 1.0))
    assert "vesicle 5 added" in window.told.text
    assert len(window.layer.data) == 4
    window.press("s")
    assert "1 added, 1 removed: 4 vesicles" in window.told.text
    back = read_vesicles_csv(result / "vesicles.csv")[-1]
    place = np.array(first)[::-1] * VOXEL_A + [777.0, -300.0, 50.0]
    assert np.linalg.norm(np.array([back.x_A, back.y_A, back.z_A]) - place) < 2.0
    assert back.radius_A == pytest.approx(radius_A, abs=2.0)
    changes = json.loads((result / "vesicles.json").read_text())["corrections"]
    assert changes == [{"added": [5], "removed": [1]}]
    for centre, _ in DRAWN:
        window.click(centre)
    assert len(window.layer.data) == 0
    window.press("s")
    changes = json.loads((result / "vesicles.json").read_text())["corrections"]
    assert changes[1:] == [{"added": [], "removed": [2, 3, 4, 5]}]


def test_dragging_moves_the_picture_and_corrects_nothing(window):
    window.click(DRAWN[0][0], drag_px=40)
    assert len(window.layer.data) == 4


def test_a_click_where_no_membrane_is_says_so(window):
    window.click((30.0, 45.0, 95.0))
    assert "no membrane shows" in window.told.text or "click nearer" in window.told.text
    assert len(window.layer.data) == 4


def test_the_command_opens_a_window_and_returns_when_it_is_closed(result):
    from qtpy.QtCore import QTimer

    seen = {}

    def look_and_close() -> None:
        viewer = napari.current_viewer()
        seen.update(title=viewer.title, layers=[layer.name for layer in viewer.layers])
        viewer.close()

    application = napari.qt.get_qapp()
    QTimer.singleShot(500, look_and_close)
    show(result, edit=True)
    assert application is not None
    assert seen == {"title": "out: vesicles", "layers": ["tomogram", "vesicles"]}


def test_without_a_screen_one_sentence_names_the_remedy(result, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("only Linux has programs without a screen")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MembraneSegError, match=r"xvfb-run, or correct with .*--add"):
        show(result, edit=True)
