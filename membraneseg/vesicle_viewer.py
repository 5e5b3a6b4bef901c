"""Looking at vesicles in napari, and correcting them with clicks.

All that a click does is done by plain functions of the package; here they are tied to a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.report.slices import grey_range
from membraneseg.screen import check_screen
from membraneseg.types import Float64
from membraneseg.vesicle_command import Opened, open_result, save_corrected
from membraneseg.vesicle_files import balls_from
from membraneseg.vesicles.corrections import History, add_vesicle, remove_vesicle

KEYS = "click: add or remove · U: undo · S: save"
COLOUR = "#2f7ed8"
LEFT, STILL_PX = 1, 4.0


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
        """Write the vesicles as they are now; what comes later is told against these."""
        summary = save_corrected(self.folder, self.opened, self.history.now).summary
        self.opened = replace(self.opened, vesicles=self.history.now)
        return summary[0]


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
        If napari, its Qt or a display is missing, or there is no result.
    """
    session = Session(folder)
    check_screen("correct with `membraneseg vesicles --add X,Y,Z` and `--remove ID`")
    try:
        import_module("napari.qt")  # napari alone can be imported without Qt, but opens no window
        napari = import_module("napari")
    except ImportError as error:
        reason = str(error).strip().splitlines()[0]
        raise MembraneSegError(
            f'napari cannot be opened ({reason}): install it with pip install "membraneseg[view]".'
        ) from error
    viewer = napari.Viewer(title=f"{folder.name}: vesicles")
    make_window(viewer, session, edit)
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
        The vesicles, as points in voxel coordinates; each is drawn where the slice cuts it.
    """
    voxels = session.opened.setting.tomogram.voxels
    viewer.add_image(
        np.asarray(voxels), name="tomogram", colormap="gray", contrast_limits=grey_range(voxels)
    )
    layer = viewer.add_points(
        np.empty((0, 3)),
        name="vesicles",
        ndim=3,
        projection_mode="rescale_spherical",
        face_color=f"{COLOUR}28",
        border_color=COLOUR,
        border_width=0.03,
    )
    viewer.dims.axis_labels = ("z", "y", "x")
    viewer.camera.orientation2d = ("up", "right")  # as in the report, IMOD and ChimeraX
    _draw(viewer, layer, session)
    if edit:
        _tie(viewer, layer, session)
    return layer


def _tie(viewer: Any, layer: Any, session: Session) -> None:
    """Let clicks and keys correct, and tell in the picture what they did."""
    told = viewer.canvas.overlays.text
    told.text, told.visible = KEYS, True

    def done(text: str) -> None:
        _draw(viewer, layer, session)
        told.text = f"{text}\n{KEYS}"

    def clicked(_: Any, event: Any) -> Iterator[None]:
        if event.button != LEFT or viewer.dims.ndisplay != 2:
            return
        pressed = np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            if np.linalg.norm(np.asarray(event.pos) - pressed) > STILL_PX:
                return  # dragging moves the picture
            yield
        done(session.click(np.asarray(event.position, dtype=np.float64)[-3:]))

    viewer.mouse_drag_callbacks.append(clicked)
    for owner in (viewer, layer):  # a layer of points has a use of its own for S
        owner.bind_key("u", lambda _: done(session.undo()), overwrite=True)
        owner.bind_key("s", lambda _: done(session.save()), overwrite=True)


def _draw(viewer: Any, layer: Any, session: Session) -> None:
    """Show spheres by their outer radius, in every slice that cuts them."""
    tomogram = session.opened.setting.tomogram
    vesicles = session.history.now
    outer = np.array([v.outer_radius_A or v.radius_A for v in vesicles]) / tomogram.voxel_size_A
    layer.data = balls_from(vesicles, tomogram).centres_px
    layer.size = 2.0 * outer
    # napari looks for spheres only so far from the slice.
    reach = (float(outer.max(initial=1.0)), 0.0, 0.0)
    viewer.dims.margin_left = viewer.dims.margin_right = reach
