"""Distance and normal of a body near its membranes, computed no finer than the body is curved."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from synth2d.bodies import Body, Grid, distance_and_normal

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Window = tuple[slice, slice]

BAND_ROWS = 64
"""Rows that are drawn at once: few enough to stay in the processor's cache."""
COARSE_STEPS = ((4, 32.0), (2, 14.0))
"""Pixels between computed places, and the radius of curvature in pixels that this needs."""


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
        Of the whole slice.
    window : (rows, columns)
        Where values will be asked for.

    Notes
    -----
    Where the body bends little over some pixels, the three fields are computed on every 4th or
    2nd pixel and interpolated by cubics (R. Keys 1981, doi:10.1109/TASSP.1981.1163711); their
    error at the membrane stays below a hundredth of a pixel.
    """

    def __init__(self, body: Body, grid: Grid, window: Window) -> None:
        radius_px = tightest_radius_A(body) / grid.spacing_A
        fitting = [step for step, needed in COARSE_STEPS if radius_px > needed]
        self.step = fitting[0] if fitting else 1
        self.body, self.grid, self.window = body, grid, window
        if self.step > 1:
            rows, columns = (_coarse_places(part, self.step) for part in window)
            middle = (len(grid.y_A) - 1) / 2
            coarse = Grid(
                grid.z_A,
                (rows - middle) * grid.spacing_A,
                (columns - middle) * grid.spacing_A,
                grid.spacing_A,
            )
            far_A = self.step * grid.spacing_A
            distance, normals = distance_and_normal(body, coarse, (grid.spacing_A, far_A, far_A))
            self.fields = np.stack([distance, normals[0], normals[2]])
            self.weights = _cubic_weights(len(grid.y_A), self.step)

    def at(self, tile: Window) -> tuple[Float32, Float32, Float32]:
        """Distance in Å, nz and nx, each (C, h, w), in a tile of the window."""
        if self.step == 1:
            return self._computed(tile)
        picked = []
        for part, own in zip(tile, self.window, strict=True):
            start, stop = part.start - own.start, part.stop - own.start
            coarse = slice(start // self.step, (stop - 1) // self.step + 4)
            picked.append((coarse, self.weights[start:stop, coarse]))
        (rows, up), (columns, across) = picked
        fine = np.matmul(np.matmul(up, self.fields[:, :, rows, columns]), across.T)
        return fine[0], fine[1], fine[2]

    def _computed(self, tile: Window) -> tuple[Float32, Float32, Float32]:
        """Return the same without interpolation: one pixel more on each side for the gradient."""
        size = len(self.grid.y_A)
        wide, inner = [], []
        for part in tile:
            low, high = max(part.start - 1, 0), min(part.stop + 1, size)
            wide.append(slice(low, high))
            inner.append(slice(part.start - low, part.stop - low))
        distance, normals = distance_and_normal(self.body, self.grid.part(wide[0], wide[1]))
        kept = (slice(None), inner[0], inner[1])
        return distance[kept], normals[0][kept], normals[2][kept]

    def tiles(self, reach_A: float) -> list[Window]:
        """Tiles that hold everything the body draws, BAND_ROWS high and as wide as needed.

        Parameters
        ----------
        reach_A : float
            Distance from a membrane beyond which its profile is nothing.

        Returns
        -------
        list of (rows, columns)
            Whole bands where the body is strongly curved, or its lumen is filled.
        """
        rows, columns = self.window
        bands = [
            slice(first, min(first + BAND_ROWS, rows.stop))
            for first in range(rows.start, rows.stop, BAND_ROWS)
        ]
        if self.body.lumen or self.step == 1:
            return [(band, columns) for band in bands]
        margin = reach_A + 2 * self.step * self.grid.spacing_A
        low, high = min(self.body.offsets_A) - margin, max(self.body.offsets_A) + margin
        active = ((self.fields[0] > low) & (self.fields[0] < high)).any(axis=0)
        return [
            (band, slice(*span)) for band in bands for span in self._spans(active, band, columns)
        ]

    def _spans(
        self, active: npt.NDArray[np.bool_], band: slice, columns: slice
    ) -> list[tuple[int, int]]:
        """First and last columns of the stretches of a band in which something is active."""
        first = (band.start - self.window[0].start) // self.step
        here = np.asarray(active[first : first + BAND_ROWS // self.step + 3].any(axis=0))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], here.astype(np.int8), [0]])))
        spans: list[tuple[int, int]] = []
        for start, stop in edges.reshape(-1, 2):
            left = columns.start + max(int(start) - 2, 0) * self.step
            right = min(columns.start + int(stop) * self.step, columns.stop)
            if spans and left <= spans[-1][1]:
                left = spans.pop()[0]
            if right > left:
                spans.append((left, right))
        return spans


def _coarse_places(part: slice, step: int) -> Float64:
    """Pixel coordinates of the coarse samples: one before the part's start, two after its end."""
    count = (part.stop - 1 - part.start) // step + 4
    return np.asarray(part.start + step * (np.arange(count) - 1.0))


@lru_cache(maxsize=8)
def _cubic_weights(pixels: int, step: int) -> Float32:
    """Weights (pixels, coarse samples) of Keys' cubic convolution with a = −1/2."""
    count = (pixels - 1) // step + 4
    far = np.abs(np.arange(pixels)[:, None] / step - (np.arange(count) - 1.0))
    near = 1.5 * far**3 - 2.5 * far**2 + 1.0
    outer = -0.5 * far**3 + 2.5 * far**2 - 4.0 * far + 2.0
    return np.where(far < 1, near, np.where(far < 2, outer, 0.0)).astype(np.float32)
