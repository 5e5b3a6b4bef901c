"""Distance and normal of a body near its membranes, computed no finer than the body is curved."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from synth2d.bodies import Body, Grid, distance_and_normal

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.intp]
Window = tuple[slice, slice]

COARSE_STEPS = ((4, 32.0), (2, 14.0))
"""Pixels between computed places, and the radius of curvature in pixels that this needs."""
TAPS = 4
"""Computed places per axis that a cubic interpolates between."""


def tightest_radius_A(body: Body) -> float:
    """Smallest radius of curvature of a body's surface, without the waves of a closed one."""
    if body.axes_A is not None:
        return float(body.axes_A.min() ** 2 / body.axes_A.max())
    curvature = (np.abs(body.waves.amplitude) * (body.waves.vectors**2).sum(axis=1)).sum()
    return float(1.0 / max(curvature, 1e-9))


class BodySurface:
    """Signed distance to a body and the z and x components of its normal, in a window.

    Parameters
    ----------
    body : Body
    grid : Grid
        Of the whole slice, as many rows as columns.
    window : (rows, columns)
        Where values will be asked for; widened to whole cells of the coarse grid.

    Notes
    -----
    Where the body bends little over some pixels, the three fields are computed on every 4th or
    2nd pixel and interpolated by cubics (R. Keys 1981, doi:10.1109/TASSP.1981.1163711); their
    error at the membrane stays below a hundredth of a pixel.
    """

    def __init__(self, body: Body, grid: Grid, window: Window) -> None:
        radius_px = tightest_radius_A(body) / grid.spacing_A
        size = len(grid.y_A)
        fitting = [step for step, needed in COARSE_STEPS if radius_px > needed and size % step == 0]
        self.step = fitting[0] if fitting else 1
        self.offsets_A, self.grid = body.offsets_A, grid
        self.window = _whole_cells(window[0], self.step), _whole_cells(window[1], self.step)
        if self.step == 1:
            self.fields = _every_pixel(body, grid, self.window)
            return
        rows, columns = (_coarse_places(part, self.step) for part in self.window)
        middle, spacing = (size - 1) / 2, grid.spacing_A
        coarse = Grid(grid.z_A, (rows - middle) * spacing, (columns - middle) * spacing, spacing)
        far_A = self.step * spacing
        distance, normals = distance_and_normal(body, coarse, (spacing, far_A, far_A))
        self.fields = np.stack([distance, normals[0], normals[2]])

    def distance_A(self) -> Float32:
        """Distance (C, h, w) float32 in Å, everywhere in the window."""
        if self.step == 1:
            return np.asarray(self.fields[0])
        up, across = (_cubic_weights(part.stop - part.start, self.step) for part in self.window)
        return np.asarray(np.matmul(np.matmul(up, self.fields[0]), across.T))

    def near(self, reach_A: float) -> tuple[Pixels, Float32]:
        """Distance and normal at the pixels to which one of the membranes reaches.

        Parameters
        ----------
        reach_A : float
            Distance from a membrane within which no pixel may be missed.

        Returns
        -------
        pixels : (N,) intp
            Flat indices into the whole slice, each once.
        fields : (3, C, N) float32
            Distance in Å, nz and nx there.
        """
        step, width, (_, planes, _, places) = self.step, len(self.grid.x_A), self.fields.shape
        rows, columns = np.nonzero(self._cells(reach_A))
        first = (self.window[0].start + step * rows) * width
        first += self.window[1].start + step * columns
        here = (rows * places + columns)[:, None]
        flat = self.fields.reshape(3 * planes, -1)
        if step == 1:
            return first, flat.take(here[:, 0], axis=1).reshape(3, planes, len(first))
        coarse = flat.take(here + _square(TAPS, places), axis=1).reshape(-1, TAPS**2)
        pixels = (first[:, None] + _square(step, width)).ravel()
        return pixels, (coarse @ _cell_weights(step)).reshape(3, planes, len(pixels))

    def distance_of(self, pixels: Pixels) -> Float32:
        """Distance (C, N) float32 in Å at pixels (N,) of the window, flat indices of the slice."""
        (rows, columns), distance = self.window, self.distance_A()
        row, column = np.divmod(pixels, len(self.grid.x_A))
        inside = (row - rows.start) * distance.shape[2] + (column - columns.start)
        return np.asarray(distance.reshape(len(distance), -1).take(inside, axis=1))

    def _cells(self, reach_A: float) -> npt.NDArray[np.bool_]:
        """Which squares of step² pixels hold a place that one of the membranes may reach."""
        distance, half_diagonal = self.fields[0], self.step * np.sqrt(0.5)
        if self.step == 1:
            return _within(distance, self.offsets_A, reach_A)
        corners = _within(
            distance[:, 1:-1, 1:-1], self.offsets_A, reach_A + half_diagonal * self.grid.spacing_A
        )
        either = corners[:-1] | corners[1:]
        return np.asarray(either[:, :-1] | either[:, 1:])


def _within(
    distance_A: Float32, offsets_A: tuple[float, ...], reach_A: float
) -> npt.NDArray[np.bool_]:
    """Where (h, w) any of the planes (C, h, w) lies within a reach of one of the membranes."""
    near = np.zeros(distance_A.shape, dtype=bool)
    for offset in offsets_A:
        near |= np.abs(distance_A - np.float32(offset)) < reach_A
    return np.asarray(near.any(axis=0))


def _square(edge: int, width: int) -> Pixels:
    """Flat indices (edge²,) of a square's pixels in an image, from its first one."""
    steps = np.arange(edge)
    return np.asarray((steps[:, None] * width + steps).ravel(), dtype=np.intp)


def _whole_cells(part: slice, step: int) -> slice:
    """The part of an axis, widened to multiples of the step."""
    return slice(part.start // step * step, -(-part.stop // step) * step)


def _every_pixel(body: Body, grid: Grid, window: Window) -> Float32:
    """Fields (3, C, h, w) of a window: one pixel more on each side for the gradient."""
    size = len(grid.y_A)
    wide, inner = [], []
    for part in window:
        low, high = max(part.start - 1, 0), min(part.stop + 1, size)
        wide.append(slice(low, high))
        inner.append(slice(part.start - low, part.stop - low))
    distance, normals = distance_and_normal(body, grid.part(wide[0], wide[1]))
    fields = np.stack([distance, normals[0], normals[2]])
    return np.ascontiguousarray(fields[:, :, inner[0], inner[1]])


def _coarse_places(part: slice, step: int) -> Float64:
    """Pixel coordinates of the coarse samples: one before the part's start, two after its end."""
    count = (part.stop - part.start) // step + TAPS - 1
    return np.asarray(part.start + step * (np.arange(count) - 1.0))


@lru_cache(maxsize=64)
def _cubic_weights(pixels: int, step: int) -> Float32:
    """Weights (pixels, coarse samples) of Keys' cubic convolution with a = −1/2."""
    count = pixels // step + TAPS - 1
    far = np.abs(np.arange(pixels)[:, None] / step - (np.arange(count) - 1.0))
    near = 1.5 * far**3 - 2.5 * far**2 + 1.0
    outer = -0.5 * far**3 + 2.5 * far**2 - 4.0 * far + 2.0
    return np.where(far < 1, near, np.where(far < 2, outer, 0.0)).astype(np.float32)


@lru_cache(maxsize=8)
def _cell_weights(step: int) -> Float32:
    """Weights (TAPS², step²) of the coarse samples about a cell for its pixels."""
    along = _cubic_weights(step, step)
    return np.ascontiguousarray(np.kron(along, along).T)
