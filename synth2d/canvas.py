"""The slice while it is being drawn, and the membranes on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from synth2d.bodies import Body, Grid
from synth2d.body_surface import BodySurface, Pixels, Window
from synth2d.lookup import evenly_spaced
from synth2d.optics import PROFILE_REACH_A
from synth2d.wedge import SURE_DEG, UNSEEN_DEG, contrast_of_normals, depth_deg

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


def middle_planes(canvas: Canvas, count: int) -> Canvas:
    """The canvas without the planes that only the direction of membranes was needed for."""
    first = (len(canvas.contrast) - count) // 2
    kept = slice(first, first + count)
    grid = replace(canvas.grid, z_A=canvas.grid.z_A[kept])
    return replace(canvas, grid=grid, contrast=canvas.contrast[kept], density=canvas.density[kept])


def window_of(body: Body, grid: Grid, fringes_A: float) -> Window | None:
    """Rows and columns that a body and its fringes can reach; None if it misses the slice."""
    reach = body.radius_A + fringes_A
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
    whole = window_of(body, canvas.grid, PROFILE_REACH_A)
    if whole is None:
        return
    window = window_of(owner or body, canvas.grid, style.reach_A)
    near = None
    if window is not None:
        near = _draw_near(canvas, (body, owner), window, (number, style))
    if style.studs:
        _stud(canvas, whole, near, style)


def _draw_near(
    canvas: Canvas,
    bodies: tuple[Body, Body | None],
    window: Window,
    named: tuple[int, Style],
) -> tuple[Pixels, Float32]:
    """Draw a body (in place) where it comes near, and return its distance in the middle slice."""
    body, owner = bodies
    surface = BodySurface(body, canvas.grid, window)
    if body.lumen:
        filled = rising(surface.distance_A(), -20.0)
        canvas.contrast[:, *surface.window] -= np.float32(body.lumen) * filled
    pixels, (distance, nz, nx) = surface.near(named[1].reach_A)
    kept = contrast_of_normals(nz, nx, canvas.theta_deg)
    middle = len(distance) // 2
    shown = np.ones(len(pixels), dtype=bool)
    if owner is not None:  # cristae end where the inner membrane begins, and heads with them
        limit = BodySurface(owner, canvas.grid, surface.window)
        gap = np.float32(owner.offsets_A[-1] - 30.0) - limit.distance_of(pixels)
        kept *= rising(gap, 15.0)
        shown = kept[middle] > SHOWN
    density = np.zeros_like(distance)
    for layer, offset in enumerate(body.offsets_A):
        shifted = distance - np.float32(offset)
        density += imaged(named[1].profile, shifted)
        on = shown & (np.abs(shifted[middle]) <= named[1].label_half_A)
        depth = depth_deg(nz[middle, on], nx[middle, on], canvas.theta_deg)
        _label(canvas, pixels[on], depth, named[0] + layer)
    density *= kept
    for plane, drawn in zip(canvas.contrast, density, strict=True):
        plane.reshape(-1)[pixels] += drawn
    return pixels[shown], distance[middle, shown]


def rising(distance_A: Float32, width_A: float) -> Float32:
    """Logistic function of distance over width; by tanh, which is fast and never overflows."""
    half = 0.5 * np.tanh(distance_A * np.float32(0.5 / width_A))
    return np.asarray(half + 0.5, dtype=np.float32)


def imaged(profile: tuple[Float64, Float64], distance_A: Float32) -> Float32:
    """Imaged density at a distance from the middle of a membrane; 0 beyond the profile."""
    position, density = profile
    step = float(position[1] - position[0])
    table = np.concatenate([[0.0], density, [0.0]])
    return evenly_spaced(table, float(position[0]) - step, step, distance_A)


def _label(canvas: Canvas, pixels: Pixels, depth: Float32, number: int) -> None:
    """Label pixels of one membrane in the middle slice, by their wedge depth in degrees."""
    labels, instances = canvas.labels.reshape(-1), canvas.instances.reshape(-1)
    soft = (depth > SURE_DEG) & (depth < UNSEEN_DEG) & (labels[pixels] != MEMBRANE)
    labels[pixels[soft]] = IGNORE
    labels[pixels[depth <= SURE_DEG]] = MEMBRANE
    instances[pixels] = number


def _stud(
    canvas: Canvas, window: Window, near: tuple[Pixels, Float32] | None, style: Style
) -> None:
    """Membrane proteins: heads some 60 Å outside the surface at random places."""
    around = np.full(canvas.grid.shape[1:], np.inf, dtype=np.float32)
    if near is not None:
        around.reshape(-1)[near[0]] = near[1]
    ring = np.abs(around[window] - 65.0) < 15.0
    ring &= style.rng.random(ring.shape) < style.studs
    width = 35.0 / float(np.float32(canvas.grid.spacing_A))
    heads = cv2.GaussianBlur(ring.astype(np.float32), (0, 0), width) * (2 * np.pi * width**2)
    canvas.density[:, window[0], window[1]] += 0.8 * heads
