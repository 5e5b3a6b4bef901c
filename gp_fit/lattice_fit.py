"""The smoothest spline through points along their normals, from coarse lattices to fine ones."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import LinearOperator, cg

from gp_fit.arrays import Float64
from gp_fit.hermite_system import Turns
from gp_fit.lattice_system import LEVELS, Level, rows_of_turns
from gp_fit.splines import Float32, Spline

_ITERATIONS = (60, 400, 1200)
"""At most, from the finest lattice to the coarsest, on which what is far from points settles."""
_TOLERANCE = 3e-4
_LEAST_SHARE = 1e-6


def fitted_splines(
    levels: list[Level],
    turns: Turns | None = None,
    turn_weight: float = 1.0,
    start: list[Spline] | None = None,
) -> list[Spline]:
    """Fit splines to points and further slopes.

    Parameters
    ----------
    levels : list of Level
    turns : Turns, optional
        Further slopes, in voxels.
    turn_weight : float
        Their weight against that of a point, voxels².
    start : list of Spline, optional
        An earlier fit of the same levels, near which the new one is.

    Returns
    -------
    list of Spline
        From the finest to the coarsest; where one ends, the next goes on.
    """
    splines: list[Spline] = []
    for number, level in zip(reversed(range(LEVELS)), levels, strict=True):
        found = np.zeros(level.lattice.count, dtype=np.float32)
        if splines:  # the border of a finer lattice stays as the coarser one has it
            found = splines[0].on(level.lattice)
        known = None if start is None else start[number].coefficients - found
        slopes = rows_of_turns(turns or Turns(), level.lattice, turn_weight)
        found[level.free] += _solved(level, slopes, found, known, _ITERATIONS[number])
        splines.insert(0, Spline(level.lattice, found))
    return splines


def _solved(
    level: Level,
    slopes: tuple[csr_matrix, Float32],
    about: Float32,
    start: Float32 | None,
    iterations: int,
) -> Float32:
    """What to add to the free nodes of coefficients (count,) by conjugate gradients."""
    free, (rows, sides) = level.free, slopes
    inner = rows[:, free]
    across = csr_matrix(inner.T)
    rest = level.target - level.inner @ about[free] - level.border @ about[~free]
    rest += across @ (sides - rows @ about)
    system = LinearOperator(
        level.inner.shape,
        matvec=lambda shift: level.inner @ shift + across @ (inner @ shift),
        dtype=np.float32,
    )
    diagonal = level.inner.diagonal() + across.power(2).sum(axis=1).A1
    # 0 at a node that no point and no second derivative touches
    scaling = diags(1.0 / np.maximum(diagonal, _LEAST_SHARE * diagonal.max()))
    begun = None if start is None else start[free]
    found = cg(system, rest, x0=begun, rtol=_TOLERANCE, maxiter=iterations, M=scaling)[0]
    return np.asarray(found)


def values_of(splines: list[Spline], points_zyx: Float64) -> tuple[Float64, Float64]:
    """Value (N,) and gradient (N, 3) of the finest spline that covers each point (N, 3)."""
    value, gradient = np.empty(len(points_zyx)), np.empty((len(points_zyx), 3))
    left = np.arange(len(points_zyx))
    for spline in splines:
        value[left], gradient[left], covered = spline.at(points_zyx[left])
        left = left[~covered]
    return value, gradient
