"""Looking at vesicles in napari, and correcting them with clicks.

All that a click does is done by plain functions of the package; here they are tied to a window.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64
from membraneseg.vesicle_command import Opened, open_result, save_corrected
from membraneseg.vesicle_files import balls_from
from membraneseg.vesicles.corrections import History, add_vesicle, remove_vesicle
from membraneseg.vesicles.spheres import Vesicle

KEYS = "click: add or remove · U: undo · S: save"


class Session:
    """Corrections of one result, whether or not a window shows them.

    Parameters
    ----------
    folder : Path
        Of `membraneseg vesicles`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: Opened = open_result(folder)
        self.history = History((tuple(self.opened.vesicles),))

    def click(self, index_zyx: Float64) -> str:
        """Remove the vesicle round a place, or add one where there is none.

        Parameters
        ----------
        index_zyx : (3,) float64
            In voxels.

        Returns
        -------
        str
            What was done, or why nothing was.
        """
        tomogram = self.opened.setting.tomogram
        vesicles = self.history.now
        balls = balls_from(vesicles, tomogram)
        apart = np.linalg.norm(balls.centres_px - index_zyx, axis=1) - balls.radii_px
        if len(apart) and apart.min() < 0.0:
            label = int(balls.ids[int(apart.argmin())])
            self.history = self.history.then(remove_vesicle(vesicles, label))
            return f"vesicle {label} removed"
        place_A = index_zyx * tomogram.voxel_size_A + tomogram.origin_zyx_A
        where = (self.opened.view, tomogram.origin_zyx_A)
        try:
            now = add_vesicle(vesicles, balls, place_A, where, self.opened.config.refinement)
        except MembraneSegError as error:
            return str(error)
        self.history = self.history.then(now)
        return f"vesicle {now[-1].id} added, radius {now[-1].radius_A / 10.0:.1f} nm"

    def undo(self) -> str:
        """Take the last correction back."""
        possible = self.history.can_undo
        self.history = self.history.undone()
        return "undone" if possible else "nothing to undo"

    def save(self) -> str:
        """Write the vesicles as they are now."""
        return save_corrected(self.folder, self.opened, self.history.now).summary[0]


def show(folder: Path, edit: bool) -> None:
    """Open a result in napari; returns when the window is closed.

    Parameters
    ----------
    folder : Path
    edit : bool
        Whether clicks correct.

    Raises
    ------
    MembraneSegError
        If napari is not installed, or there is no result.
    """
    try:
        napari = import_module("napari")
    except ImportError as error:
        raise MembraneSegError(
            f'napari cannot be imported ({error}): install it with pip install "membraneseg[view]".'
        ) from error
    session = Session(folder)
    make_window(napari.Viewer(title=f"{folder.name}: vesicles"), session, edit)
    napari.run()


def make_window(viewer: Any, session: Session, edit: bool) -> Any:
    """Put tomogram and vesicles into a viewer, and tie clicks and keys to a session.

    Parameters
    ----------
    viewer : napari.Viewer
    session : Session
    edit : bool

    Returns
    -------
    napari layer
        The vesicles, as points in voxel coordinates.
    """
    tomogram = session.opened.setting.tomogram
    viewer.add_image(np.asarray(tomogram.voxels), name="tomogram", colormap="gray")
    layer = viewer.add_points(
        np.empty((0, 3)), name="vesicles", ndim=3, out_of_slice_display=True, face_color="#2f7ed860"
    )
    _draw(layer, session.history.now, session)
    if not edit:
        return layer
    viewer.status = KEYS

    def done(text: str) -> None:
        _draw(layer, session.history.now, session)
        viewer.status = f"{text} · {KEYS}"

    def clicked(_: Any, event: Any) -> None:
        done(session.click(np.asarray(event.position, dtype=np.float64)[-3:]))

    def undo(_: Any) -> None:
        done(session.undo())

    def save(_: Any) -> None:
        done(session.save())

    layer.mouse_drag_callbacks.append(clicked)
    viewer.bind_key("u", undo, overwrite=True)
    viewer.bind_key("s", save, overwrite=True)
    return layer


def _draw(layer: Any, vesicles: list[Vesicle], session: Session) -> None:
    """Show spheres by their outer radius."""
    tomogram = session.opened.setting.tomogram
    balls = balls_from(vesicles, tomogram)
    outer = np.array([v.outer_radius_A or v.radius_A for v in vesicles]) / tomogram.voxel_size_A
    layer.data = balls.centres_px
    layer.size = 2.0 * outer
