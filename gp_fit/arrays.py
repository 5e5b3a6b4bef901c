"""Array types, and the one check that every fit makes of its points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gp_fit.errors import (
    CollinearPointsError,
    CoplanarPointsError,
    GeometryError,
    TooFewPointsError,
)

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

FLATNESS = 1e-6
"""Points count as flat if their extent across is less than this share of that along."""


def checked_points(points: Float64, dimensions: int, minimum: int) -> Float64:
    """Return the points as float64, or say what is wrong with them.

    Parameters
    ----------
    points : (N, dimensions) array
        Positions.
    dimensions : int
        2 for yx, 3 for zyx.
    minimum : int
        Smallest N that the caller can use.

    Returns
    -------
    (N, dimensions) float64

    Raises
    ------
    GeometryError
        Wrong shape or not finite.
    TooFewPointsError, CollinearPointsError, CoplanarPointsError
        Too little for any fit.
    """
    positions = np.asarray(points, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != dimensions:
        raise GeometryError(f"points have shape {positions.shape}, expected (N, {dimensions})")
    if not np.isfinite(positions).all():
        raise GeometryError("some points are NaN or infinite; remove them before fitting")
    if len(positions) < minimum:
        raise TooFewPointsError(
            f"{len(positions)} points, but at least {minimum} are needed; "
            "merge this group with its neighbours or drop it"
        )
    extents = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    if extents[1] <= FLATNESS * extents[0]:
        raise CollinearPointsError(f"all {len(positions)} points lie on one line; add other points")
    if dimensions == 3 and extents[2] <= FLATNESS * extents[0]:
        raise CoplanarPointsError(
            f"all {len(positions)} points lie in one plane (a single slice?); "
            "add points of neighbouring slices"
        )
    return positions
