"""What a walker may ask about a picture beside its fragments."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


class Cues(NamedTuple):
    """What the caller knows of the picture beside the fragments; functions of points.

    Parameters
    ----------
    visibility : callable
        (..., 2) unit tangents to the share (0–1) at which a membrane running so is seen.
    density : callable
        (..., 2) points to the probability (0–1) of a membrane there.
    to_border : callable
        (..., 2) points to the distance from the border of the picture, negative outside.

    Points and distances are in the caller's lengths, not in units.
    """

    visibility: Callable[[Float64], Float64]
    density: Callable[[Float64], Float64]
    to_border: Callable[[Float64], Float64]
