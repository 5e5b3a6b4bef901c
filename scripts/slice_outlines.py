"""Outlines of synthetic slices: where the membranes of `synth2d` bodies cut the slice."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import find_contours

from synth2d.bodies import Body, Grid, distance_and_normal
from synth2d.config import SliceConfig
from synth2d.layout import draw_bodies, log_uniform
from synth2d.wedge import contrast_kept, wedge_depth_deg

Float64 = npt.NDArray[np.float64]

BORDER_PX = 2.5  # nothing is traced so close to the border
SHORTEST_PX = 15.0  # outlines that are cut shorter by the border are left out


@dataclass(frozen=True)
class Outline:
    """One membrane in one slice.

    Parameters
    ----------
    points_yx_px : (N, 2) float64
        In order, one pixel apart.
    closed : bool
    kept : (N,) float64
        Share of its contrast that the missing wedge leaves.
    """

    points_yx_px: Float64
    closed: bool
    kept: Float64


def draw_outlines(
    rng: np.random.Generator, config: SliceConfig
) -> tuple[list[Outline], float, float]:
    """All membranes of a synthetic slice; also its pixel size in Å and its tilt range.

    Parameters
    ----------
    rng : Generator
    config : SliceConfig

    Returns
    -------
    outlines : list of Outline
    pixel_size_A, tilt_range_deg : float
    """
    pixel_size = log_uniform(rng, config.pixel_size_A)
    theta = float(rng.uniform(*config.tilt_range_deg))
    bodies = draw_bodies(rng, config, config.size_px * pixel_size)
    found: list[Outline] = []
    for body in bodies:
        owner = None if body.inside is None else bodies[body.inside]
        found += _cut(body, owner, config.size_px, pixel_size, theta)
    return found, pixel_size, theta


def _cut(body: Body, owner: Body | None, size: int, pixel_A: float, theta: float) -> list[Outline]:
    """Cut a body's membranes with the middle slice."""
    reach = (body.radius_A if np.isfinite(body.radius_A) else size * pixel_A) / pixel_A + 4.0
    middle = body.centre_A[1:] / pixel_A + (size - 1) / 2
    if not np.isfinite(body.radius_A):
        middle, reach = np.full(2, (size - 1) / 2), size / 2
    low = np.maximum(np.floor(middle - reach), 0.0)
    high = np.minimum(np.ceil(middle + reach), size - 1.0)
    step = 1.0 if reach < 30 else 3.0 if 70 < reach < np.inf and body.axes_A is not None else 2.0
    if (high - low < 4 * step).any() or abs(body.centre_A[0]) > body.radius_A:
        return []
    axes = [np.arange(a, b + 0.5 * step, step) for a, b in zip(low, high, strict=True)]
    y_A, x_A = ((axis - (size - 1) / 2) * pixel_A for axis in axes)
    grid = Grid(np.array([-1.0, 0.0, 1.0]) * step * pixel_A, y_A, x_A, step * pixel_A)
    distance, normals = distance_and_normal(body, grid)
    allowed = np.full(distance[1].shape, -1.0)
    if owner is not None:  # cristae end where the inner membrane begins
        allowed = distance_and_normal(owner, grid)[0][1] - owner.offsets_A[-1] + 30.0
    found = []
    for offset in body.offsets_A:
        for contour in find_contours(distance[1] - offset, 0.0):
            found += _outlines(contour, (low, step, size), (normals[:, 1], allowed), theta)
    return found


def _outlines(
    contour: Float64,
    place: tuple[Float64, float, int],
    fields: tuple[npt.NDArray[np.float32], Float64],
    theta: float,
) -> list[Outline]:
    """Even out a contour of the grid, and keep what lies in the picture and in the owner."""
    low, step, size = place
    normals, allowed = fields
    closed = bool(np.allclose(contour[0], contour[-1]))
    points = even_spacing(contour * step + low, 1.0)
    where = ((points - low) / step).T
    normal = np.stack(
        [ndimage.map_coordinates(component, where, order=1) for component in normals], axis=1
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    kept = contrast_kept(wedge_depth_deg(normal, theta))
    inside = (np.minimum(points, size - 1 - points) > BORDER_PX).all(axis=1)
    inside &= ndimage.map_coordinates(allowed, where, order=1) < 0
    if inside.all() and closed:
        return [Outline(points[:-1], True, kept[:-1])] if len(points) > SHORTEST_PX else []
    runs = true_runs(inside, closed)
    return [Outline(points[r], False, kept[r]) for r in runs if len(r) > SHORTEST_PX]


def even_spacing(curve: Float64, spacing: float) -> Float64:
    """Points along a curve at about equal distances, both end points among them."""
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    stops = np.linspace(0.0, arc[-1], max(2, round(arc[-1] / spacing) + 1))
    return np.stack([np.interp(stops, arc, curve[:, axis]) for axis in (0, 1)], axis=1)


def true_runs(flags: npt.NDArray[np.bool_], closed: bool) -> list[npt.NDArray[np.int64]]:
    """Indices of the stretches where flags are true; across the seam if closed."""
    if flags.all() or not flags.any():
        return [np.arange(len(flags))] if flags.all() else []
    first = int(np.argmin(flags)) if closed else 0  # a false place to begin with
    order = (np.arange(len(flags)) + first) % len(flags)
    labels, count = ndimage.label(flags[order])
    return [order[labels == k] for k in range(1, count + 1)]
