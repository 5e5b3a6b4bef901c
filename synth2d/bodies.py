"""Bodies whose surface is a membrane: deformed ellipsoids and wavy sheets, cut by a few slices.

A body is an implicit function F with F < 0 inside; the distance to its surface is taken to
first order, F / |∇F|, which is exact for spheres and planes and good near the surface else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Waves:
    """A sum of plane sine waves: amplitude (W,), wave vectors (W, 3), phases (W,)."""

    amplitude: Float64
    vectors: Float64
    phase: Float64


@dataclass(frozen=True)
class Grid:
    """A regular grid in Å: positions (C,), (H,) and (W,) along z, y and x, equally spaced."""

    z_A: Float64
    y_A: Float64
    x_A: Float64
    spacing_A: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of planes, rows and columns."""
        return len(self.z_A), len(self.y_A), len(self.x_A)

    def part(self, rows: slice, columns: slice) -> Grid:
        """The grid of some rows and columns."""
        return Grid(self.z_A, self.y_A[rows], self.x_A[columns], self.spacing_A)

    def along(self, directions: Float64, origin: Float64) -> Float32:
        """Scalar products (D, C, H, W) of directions (D, 3) with the places from an origin (3,)."""
        from_origin = (self.z_A - origin[0], self.y_A - origin[1], self.x_A - origin[2])
        products = np.empty((len(directions), *self.shape), dtype=np.float32)
        for direction, out in zip(directions, products, strict=True):
            z, y, x = (
                (part * axis).astype(np.float32)
                for part, axis in zip(direction, from_origin, strict=True)
            )
            np.add((z[:, None] + y)[:, :, None], x, out=out)
        return products


@dataclass(frozen=True)
class Body:
    """A closed body (`axes_A` finite) or a sheet (`axes_A` None), with its membranes.

    Parameters
    ----------
    centre_A : (3,) float64
        Centre in Å, zyx, relative to the middle of the slice.
    rotation : (3, 3) float64
        Rows are the body's own axes; for a sheet the first row is its normal.
    axes_A : (3,) float64 or None
        Semi-axes.
    waves : Waves
        Relative deformation of a closed body (of unit vectors) or height of a sheet in Å
        (of positions in Å).
    offsets_A : tuple of float
        Signed distance of each membrane from the surface: (0,) single, (0, -120) double.
    inside : int or None
        Index of the body that this one is confined to, as cristae are.
    lumen : float
        Extra density inside.
    """

    centre_A: Float64
    rotation: Float64
    axes_A: Float64 | None
    waves: Waves
    offsets_A: tuple[float, ...] = (0.0,)
    inside: int | None = None
    lumen: float = 0.0

    @property
    def radius_A(self) -> float:
        """Largest reach from the centre; infinite for a sheet."""
        if self.axes_A is None:
            return np.inf
        return float(self.axes_A.max() * (1.0 + np.abs(self.waves.amplitude).sum()))


def implicit_value(body: Body, grid: Grid) -> Float32:
    """F (C, H, W) on a grid: a relative radius minus one, or a height in Å for a sheet."""
    if body.axes_A is None:
        height: Float32 = grid.along(body.rotation[:1], body.centre_A)[0]
        for wave in _waves_at(body.waves, grid.along(body.waves.vectors, np.zeros(3))):
            height -= wave
        return height
    scaled = body.rotation / body.axes_A[:, None]
    radius = np.float32(1e-6) + lengths(grid.along(scaled, body.centre_A))
    argument = grid.along(body.waves.vectors @ scaled, body.centre_A)
    argument *= np.float32(1.0) / radius
    bulge = np.ones_like(radius)
    for wave in _waves_at(body.waves, argument):
        bulge += wave
    radius /= bulge
    radius -= np.float32(1.0)
    return radius


def _waves_at(waves: Waves, argument: Float32) -> Float32:
    """Each wave's height (W, ...) from its argument without the phase."""
    each = (slice(None), *(argument.ndim - 1) * (None,))
    height = argument + waves.phase.astype(np.float32)[each]
    np.sin(height, out=height)
    height *= waves.amplitude.astype(np.float32)[each]
    return np.asarray(height)


def lengths(components: Float32) -> Float32:
    """Lengths (...) of vectors from their components (D, ...)."""
    squared = components[0] * components[0]
    for component in components[1:]:
        squared += component * component
    return np.asarray(np.sqrt(squared, out=squared))


def distance_and_normal(
    body: Body, grid: Grid, steps_A: tuple[float, float, float] | None = None
) -> tuple[Float32, Float32]:
    """Signed distance in Å to a body's surface, and the unit normal, on a grid.

    Parameters
    ----------
    body : Body
    grid : Grid
        At least two planes, rows and columns.
    steps_A : tuple of float, optional
        Distances of planes, rows and columns where they are not all the grid's spacing.

    Returns
    -------
    distance_A : (C, H, W) float32
    normals_zyx : (3, C, H, W) float32
    """
    value = implicit_value(body, grid)
    gradient = np.empty((3, *value.shape), dtype=np.float32)
    for axis, step in enumerate(steps_A or 3 * (grid.spacing_A,)):
        _differences(value, axis, gradient[axis])
        gradient[axis] /= np.float32(step)
    steepness = np.float32(1.0) / (lengths(gradient) + np.float32(1e-9))
    value *= steepness
    gradient *= steepness
    return value, gradient


def _differences(values: Float32, axis: int, out: Float32) -> None:
    """Write half the central differences of (C, H, W) along an axis, one-sided at its ends."""
    source, target = values.swapaxes(0, axis), out.swapaxes(0, axis)
    np.subtract(source[2:], source[:-2], out=target[1:-1])
    target[1:-1] *= np.float32(0.5)
    np.subtract(source[1], source[0], out=target[0])
    np.subtract(source[-1], source[-2], out=target[-1])


def random_rotation(rng: np.random.Generator) -> Float64:
    """A (3, 3) rotation drawn uniformly."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.sign(np.linalg.det(q)))


def random_waves(rng: np.random.Generator, amplitude: float, frequency: float) -> Waves:
    """Six waves of random direction; `frequency` scales their wave vectors (1/unit)."""
    vectors = rng.normal(size=(6, 3)) * frequency
    weight = rng.uniform(0.2, 1.0, 6) / np.sqrt(6 * 0.45)
    return Waves(amplitude * weight, vectors, rng.uniform(0, 2 * np.pi, 6))
