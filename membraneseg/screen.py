"""Whether there is a screen for windows."""

from __future__ import annotations

import os
import sys

from membraneseg.errors import MembraneSegError

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def check_screen(otherwise: str) -> None:
    """Refuse to open a window where there is no screen, as Qt would end the whole program there.

    Parameters
    ----------
    otherwise : str
        What to do instead, the end of a sentence.

    Raises
    ------
    MembraneSegError
        On Linux if no display is named in the environment.
    """
    if sys.platform != "linux" or any(os.environ.get(name) for name in DISPLAYS):
        return
    raise MembraneSegError(
        f"no window can open, as {' and '.join(DISPLAYS)} are not set: work at a desktop or under "
        f"xvfb-run, or {otherwise}."
    )
