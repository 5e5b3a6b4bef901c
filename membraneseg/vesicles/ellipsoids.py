"""Mild ellipsoids instead of spheres: the part of a vesicle's shape that three axes describe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from membraneseg.types import Float64
from membraneseg.vesicles.balls import Balls, distances_in_box
from membraneseg.vesicles.rays import OFFSET_STEP_A, View, filled, read_rays
from membraneseg.vesicles.refinement import (
    CENTRE_INWARD_A,
    CENTRE_OUTWARD_A,
    SLOPE_SMOOTHING_A,
    RefinementConfig,
)

ROUNDS = 3
RIDGE = 0.1
"""Pull towards the sphere, as a share of the mean weight of a direction: it decides where the
missing wedge leaves a part of the shape unseen."""
LARGEST_BULGE = 0.15
"""Bound on how far a semi-axis may differ from the radius, as a share of it."""


@dataclass(frozen=True, eq=False)
class Bulges:
    """How vesicles differ from spheres: along the unit vector n by n·A n.

    Parameters
    ----------
    matrices_px : (N, 3, 3) float64
        A of each: symmetric, trace 0, axes zyx.
    """

    matrices_px: Float64

    def semi_axes_px(self, radii_px: Float64) -> tuple[Float64, Float64]:
        """Semi-axes (N, 3), longest first, and their unit vectors (N, 3, 3), one per row.

        To first order in A, as is the shape itself.
        """
        values, vectors = np.linalg.eigh(self.matrices_px)
        longest_first = values[:, ::-1] + radii_px[:, None]
        return longest_first, np.swapaxes(vectors, 1, 2)[:, ::-1]


def bulges_of(balls: Balls, view: View, config: RefinementConfig) -> Bulges:
    """Fit the bulges of refined spheres to the density.

    Parameters
    ----------
    balls : Balls
    view : View
    config : RefinementConfig

    Returns
    -------
    Bulges

    Notes
    -----
    Along the direction n the membrane lies u(n) = n·A n farther out; weighted least squares of
    I(d n) - P(d) = -P'(d) u(n), with the directions weighted as for the centre.
    """
    matrices = [bulge_of(index, balls, view, config) for index in range(len(balls))]
    return Bulges(np.array(matrices).reshape(-1, 3, 3))


def bulge_of(index: int, balls: Balls, view: View, config: RefinementConfig) -> Float64:
    """Bulge (3, 3) of one of several refined spheres, in voxels; see `bulges_of`."""
    bulge_px = np.zeros((3, 3))
    for _ in range(ROUNDS):
        change = _change_px(index, balls, view, config, bulge_px)
        bulge_px = _bounded(bulge_px + change, float(balls.radii_px[index]))
    return bulge_px


def paint_ellipsoids(
    shape_zyx: tuple[int, ...], balls: Balls, outer_px: Float64, bulges: Bulges
) -> npt.NDArray[np.int32]:
    """Fill the bodies whose outer face lies at `outer_px` + n·A n with their ids.

    Parameters
    ----------
    shape_zyx : tuple of int
    balls : Balls
    outer_px : (N,) float64
    bulges : Bulges

    Returns
    -------
    (Z, Y, X) int32
    """
    labels = np.zeros(shape_zyx, dtype=np.int32)
    for index in np.argsort(-outer_px, kind="stable"):
        reach = outer_px[index] * (1.0 + LARGEST_BULGE)
        box, apart = distances_in_box(shape_zyx, balls.centres_px[index], reach)
        axes = [
            np.arange(part.start, part.stop) - c
            for part, c in zip(box, balls.centres_px[index], strict=True)
        ]
        offset = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        squared = np.maximum(apart**2, 1e-9)
        matrix = bulges.matrices_px[index]
        bulge = np.einsum("...i,ij,...j->...", offset, matrix, offset) / squared
        labels[box][apart <= outer_px[index] + bulge] = balls.ids[index]
    return labels


def _change_px(
    index: int, balls: Balls, view: View, config: RefinementConfig, bulge_px: Float64
) -> Float64:
    """Least-squares change (3, 3) of a bulge; 0 where the profile is not known."""
    rays = read_rays(index, balls, view, config.directions, bulge_px)
    profile = filled(rays.profile())
    if not np.isfinite(profile).all():
        return np.zeros((3, 3))
    smooth = gaussian_filter1d(profile, SLOPE_SMOOTHING_A / OFFSET_STEP_A, mode="nearest")
    slope = np.gradient(smooth, OFFSET_STEP_A)
    part = (rays.offsets_A > -CENTRE_INWARD_A) & (rays.offsets_A < CENTRE_OUTWARD_A)
    weights = rays.weights[:, part]
    steep = weights @ slope[part] ** 2
    right = -((weights * (rays.density[:, part] - profile[part])) @ slope[part])
    shapes = _shapes()
    values = np.einsum("di,kij,dj->dk", rays.directions, shapes, rays.directions)
    matrix = (values.T * steep) @ values
    matrix += RIDGE * float(steep.mean()) * (values.T @ values)
    coefficients = np.linalg.solve(matrix + 1e-12 * np.eye(5), values.T @ right)
    return np.tensordot(coefficients, shapes, axes=1) / view.voxel_size_A


def _shapes() -> Float64:
    """Five symmetric matrices (5, 3, 3) of trace 0 that span all such."""
    shapes = np.zeros((5, 3, 3))
    shapes[0] = np.diag([2.0, -1.0, -1.0]) / 3.0
    shapes[1] = np.diag([0.0, 1.0, -1.0])
    for number, (i, j) in enumerate(((0, 1), (0, 2), (1, 2)), start=2):
        shapes[number, i, j] = shapes[number, j, i] = 1.0
    return shapes


def _bounded(matrix: Float64, radius_px: float) -> Float64:
    """Scale a bulge down until no semi-axis differs too much."""
    largest = float(np.abs(np.linalg.eigvalsh(matrix)).max())
    bound = LARGEST_BULGE * radius_px
    return matrix if largest <= bound else matrix * (bound / largest)
