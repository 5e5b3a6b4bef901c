"""The slice while it is being drawn, and the membranes on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from synth2d.bodies import Body, Grid
from synth2d.body_surface import BodySurface, Window
from synth2d.lookup import evenly_spaced
from synth2d.optics import PROFILE_REACH_A
from synth2d.wedge import SURE_DEG, UNSEEN_DEG, wedge_depth_and_contrast

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BACKGROUND, PROTEIN, MEMBRANE, IGNORE = 0, 1, 2, 255

SHOWN = 0.1
"""Share of its contrast from which on a crista counts as being there."""


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
        """Distance beyond which the profile is less than 3 ‰ of its darkest value."""
        position, density = self.profile
        seen = np.abs(density) > 3e-3 * np.abs(density).max()
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
    if window is not None:
        _draw_near(canvas, (body, owner), window, (number, style), around)
    if style.studs:
        _stud(canvas, whole, around[whole], style)


def _draw_near(
    canvas: Canvas,
    bodies: tuple[Body, Body | None],
    window: Window,
    named: tuple[int, Style],
    around: Float32,
) -> None:
    """Draw a body where it comes near, and note its distance in the middle slice (in place)."""
    body, owner = bodies
    surface = BodySurface(body, canvas.grid, window)
    limit = None if owner is None else BodySurface(owner, canvas.grid, window)
    for tile in surface.tiles(named[1].reach_A):
        distance, nz, nx = surface.at(tile)
        depth, kept = wedge_depth_and_contrast(nz, nx, canvas.theta_deg)
        if limit is not None and owner is not None:  # cristae end where the inner membrane begins
            gap = np.float32(owner.offsets_A[-1] - 30.0) - limit.at(tile)[0]
            kept *= expit(gap / np.float32(15.0))
        _draw_tile(canvas, body, tile, (distance, depth, kept), named)
        middle = len(distance) // 2
        near = distance[middle]
        if owner is not None:  # no heads where the crista is not
            near = np.where(kept[middle] > SHOWN, near, np.float32(np.inf))
        around[tile] = near


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
    heads = cv2.GaussianBlur(ring.astype(np.float32), (0, 0), width) * (2 * np.pi * width**2)
    canvas.density[:, window[0], window[1]] += 0.8 * heads
