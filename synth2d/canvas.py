"""The slice while it is being drawn, and the membranes on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from synth2d.bodies import Body, Grid, distance_and_normal, implicit_value, lengths
from synth2d.lookup import evenly_spaced
from synth2d.optics import PROFILE_REACH_A
from synth2d.wedge import SURE_DEG, UNSEEN_DEG, wedge_depth_and_contrast

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BACKGROUND, PROTEIN, MEMBRANE, IGNORE = 0, 1, 2, 255

BAND_ROWS = 32
"""Rows that are drawn at once: few enough to stay in the processor's cache."""
COARSE = 8
"""Pixels between the places where a body's distance is looked up first; divides BAND_ROWS."""

SHOWN = 0.1
"""Share of its contrast from which on a crista counts as being there."""

Window = tuple[slice, slice]


@dataclass
class Canvas:
    """What has been drawn so far; the only values here that change."""

    grid: Grid
    contrast: Float32  # (C, H, W) membranes and lumina, darkest about -1
    density: Float32  # (C, H, W) of everything that still has to go through the microscope
    labels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int16]
    theta_deg: float


@dataclass(frozen=True)
class Style:
    """What all membranes of a slice share.

    Parameters
    ----------
    profile : (distance_A, density), both (M,) float64
        Imaged density across a membrane; distances evenly spaced.
    label_half_A : float
        Half the thickness of the label.
    studs : float
        Chance of a membrane protein's head per pixel of the surface.
    rng : Generator
    """

    profile: tuple[Float64, Float64]
    label_half_A: float
    studs: float
    rng: np.random.Generator

    @property
    def reach_A(self) -> float:
        """Distance beyond which the profile is less than a thousandth of its darkest value."""
        position, density = self.profile
        seen = np.abs(density) > 1e-3 * np.abs(density).max()
        return max(float(np.abs(position[seen]).max()), 80.0)  # studs stand 80 Å away


def empty_canvas(grid: Grid, theta_deg: float) -> Canvas:
    """A canvas of zeros."""
    return Canvas(
        grid,
        np.zeros(grid.shape, dtype=np.float32),
        np.zeros(grid.shape, dtype=np.float32),
        np.zeros(grid.shape[1:], dtype=np.uint8),
        np.zeros(grid.shape[1:], dtype=np.int16),
        theta_deg,
    )


def window_of(body: Body, grid: Grid) -> Window | None:
    """Rows and columns that a body and its fringes can reach; None if it misses the slice."""
    reach = body.radius_A + PROFILE_REACH_A
    if abs(body.centre_A[0]) > reach:
        return None
    size = grid.shape[1]
    if not np.isfinite(reach):
        return slice(0, size), slice(0, size)
    middle = body.centre_A[1:] / grid.spacing_A + (size - 1) / 2
    low = np.clip(np.floor(middle - reach / grid.spacing_A), 0, size).astype(int)
    high = np.clip(np.ceil(middle + reach / grid.spacing_A) + 1, 0, size).astype(int)
    if (high - low < 4).any():
        return None
    return slice(low[0], high[0]), slice(low[1], high[1])


def draw_body(canvas: Canvas, body: Body, number: int, owner: Body | None, style: Style) -> None:
    """Add one body's membranes to the canvas (in place).

    Parameters
    ----------
    canvas : Canvas
    body : Body
    number : int
        Identity of its first membrane; the next ones follow.
    owner : Body or None
        What the body is confined to.
    style : Style
    """
    whole = window_of(body, canvas.grid)
    window = whole if owner is None else window_of(owner, canvas.grid)
    if whole is None:
        return
    around = np.full(canvas.grid.shape[1:], np.inf, dtype=np.float32)
    tiles = near_surface(body, canvas.grid, window, style.reach_A) if window is not None else []
    for rows, columns in tiles:
        low = max(rows.start - 1, 0), max(columns.start - 1, 0)
        high = min(rows.stop + 1, len(around)), min(columns.stop + 1, len(around))
        surface = _surface(canvas, body, owner, (slice(low[0], high[0]), slice(low[1], high[1])))
        inner = (
            slice(None),
            slice(rows.start - low[0], rows.stop - low[0]),
            slice(columns.start - low[1], columns.stop - low[1]),
        )
        distance, depth, kept = (field[inner] for field in surface)
        _draw_tile(canvas, body, (rows, columns), (distance, depth, kept), (number, style))
        middle = len(distance) // 2
        near = distance[middle]
        if owner is not None:  # no heads where the crista is not
            near = np.where(kept[middle] > SHOWN, near, np.float32(np.inf))
        around[rows, columns] = near
    if style.studs:
        _stud(canvas, whole, around[whole], style)


def near_surface(body: Body, grid: Grid, window: Window, reach_A: float) -> list[Window]:
    """Tiles of a window that hold everything a body draws: near its membranes, or all of it.

    Parameters
    ----------
    body : Body
    grid : Grid
    window : (rows, columns)
    reach_A : float
        Distance from a membrane beyond which its profile is nothing.

    Returns
    -------
    list of (rows, columns)
        BAND_ROWS high, as wide as needed; whole bands where the body or the window is small, or
        the lumen differs from the surroundings.
    """
    rows, columns = window
    bands = [
        slice(first, min(first + BAND_ROWS, rows.stop))
        for first in range(rows.start, rows.stop, BAND_ROWS)
    ]
    narrow = body.axes_A is not None and body.axes_A.min() < 6 * COARSE * grid.spacing_A
    if body.lumen or narrow or columns.stop - columns.start < 2 * BAND_ROWS:
        return [(band, columns) for band in bands]
    coarse = Grid(grid.z_A[::2], grid.y_A[rows][::COARSE], grid.x_A[columns][::COARSE], 1.0)
    value = implicit_value(body, coarse)
    steps = (coarse.z_A[1] - coarse.z_A[0], COARSE * grid.spacing_A, COARSE * grid.spacing_A)
    distance = value / (lengths(list(np.gradient(value, *steps))) + np.float32(1e-9))
    margin = reach_A + 2 * COARSE * grid.spacing_A
    low, high = min(body.offsets_A) - margin, max(body.offsets_A) + margin
    active = np.any((distance > low) & (distance < high), axis=0, keepdims=True)[0]
    tiles = []
    for band in bands:
        first = (band.start - rows.start) // COARSE
        here = np.asarray(active[first : first + BAND_ROWS // COARSE + 1].any(axis=0))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], here.astype(np.int8), [0]])))
        for start, stop in edges.reshape(-1, 2):
            left = columns.start + max(start - 1, 0) * COARSE
            tiles.append((band, slice(left, min(columns.start + stop * COARSE, columns.stop))))
    return tiles


def _surface(
    canvas: Canvas, body: Body, owner: Body | None, window: Window
) -> tuple[Float32, Float32, Float32]:
    """Distance from a body, its wedge depth, and the share of its contrast: each (C, h, w)."""
    part = canvas.grid.part(*window)
    distance, normals = distance_and_normal(body, part)
    depth, kept = wedge_depth_and_contrast(normals, canvas.theta_deg)
    if owner is not None:  # cristae end where the inner membrane begins
        limit, _ = distance_and_normal(owner, part)
        kept *= expit((np.float32(owner.offsets_A[-1] - 30.0) - limit) / np.float32(15.0))
    return distance, depth, kept


def _draw_tile(
    canvas: Canvas,
    body: Body,
    window: Window,
    surface: tuple[Float32, Float32, Float32],
    named: tuple[int, Style],
) -> None:
    """Draw all membranes of a body into a part of the canvas."""
    distance, depth, kept = surface
    number, style = named
    middle = distance.shape[0] // 2
    shown = np.ones(kept[middle].shape, dtype=bool) if body.inside is None else kept[middle] > SHOWN
    contrast = canvas.contrast[:, window[0], window[1]]
    for layer, offset in enumerate(body.offsets_A):
        shifted = distance - np.float32(offset)
        contrast += kept * imaged(style.profile, shifted)
        on = np.abs(shifted[middle]) <= style.label_half_A
        _label(canvas, window, on & shown, depth[middle], number + layer)
    if body.lumen:
        contrast -= np.float32(body.lumen) * expit(distance * np.float32(-1 / 20.0))


def imaged(profile: tuple[Float64, Float64], distance_A: Float32) -> Float32:
    """Imaged density at a distance from the middle of a membrane; 0 beyond the profile."""
    position, density = profile
    step = float(position[1] - position[0])
    table = np.concatenate([[0.0], density, [0.0]])
    return evenly_spaced(table, float(position[0]) - step, step, distance_A)


def _label(
    canvas: Canvas, window: Window, on: npt.NDArray[np.bool_], depth: Float32, number: int
) -> None:
    """Label one membrane in some rows of the middle slice, by its wedge depth."""
    labels, instances = canvas.labels[window], canvas.instances[window]
    soft = on & (depth > SURE_DEG)
    soft &= (depth < UNSEEN_DEG) & (labels != MEMBRANE)
    labels[soft] = IGNORE
    labels[on & (depth <= SURE_DEG)] = MEMBRANE
    instances[on] = number


def _stud(canvas: Canvas, window: Window, distance: Float32, style: Style) -> None:
    """Membrane proteins: heads some 60 Å outside the surface at random places."""
    ring = np.abs(distance - 65.0) < 15.0
    ring &= style.rng.random(ring.shape) < style.studs
    width = 35.0 / float(np.float32(canvas.grid.spacing_A))
    heads = ndimage.gaussian_filter(ring.astype(np.float32), width) * (2 * np.pi * width**2)
    canvas.density[:, window[0], window[1]] += 0.8 * heads
