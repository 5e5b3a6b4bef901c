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

    def at(self, points: Float32) -> Float32:
        """Value at (..., 3) points."""
        total = np.zeros(points.shape[:-1], dtype=np.float32)
        for amplitude, vector, phase in zip(self.amplitude, self.vectors, self.phase, strict=True):
            argument = points @ vector.astype(np.float32)
            argument += np.float32(phase)
            np.sin(argument, out=argument)
            argument *= np.float32(amplitude)
            total += argument
        return total


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


def lengths(vectors: Float32) -> Float32:
    """Lengths (...) of (..., 3) vectors; much faster than a sum over so short an axis."""
    return np.asarray(np.sqrt(vectors[..., 0] ** 2 + vectors[..., 1] ** 2 + vectors[..., 2] ** 2))


def implicit_value(body: Body, points_A: Float32) -> Float32:
    """F at (..., 3) points: a relative radius minus one, or a height in Å for a sheet."""
    local = (points_A - body.centre_A.astype(np.float32)) @ body.rotation.T.astype(np.float32)
    if body.axes_A is None:
        return np.asarray(local[..., 0] - body.waves.at(points_A), dtype=np.float32)
    scaled = local / body.axes_A.astype(np.float32)
    radius = lengths(np.asarray(scaled, dtype=np.float32)) + np.float32(1e-6)
    unit = scaled / radius[..., None]
    return np.asarray(radius / (1.0 + body.waves.at(unit)) - 1.0, dtype=np.float32)


def distance_and_normal(body: Body, points_A: Float32, spacing_A: float) -> tuple[Float32, Float32]:
    """Signed distance in Å to a body's surface and the unit normal, on a regular grid.

    Parameters
    ----------
    body : Body
    points_A : (C, H, W, 3) float32
        Grid positions; C, H and W at least 2.
    spacing_A : float
        Grid spacing, the same along all three axes.

    Returns
    -------
    distance_A : (C, H, W) float32
    normals_zyx : (C, H, W, 3) float32
    """
    value = implicit_value(body, points_A)
    gradient = np.stack(list(np.gradient(value, spacing_A)), axis=-1)
    length = lengths(gradient) + np.float32(1e-9)
    return value / length, (gradient / length[..., None]).astype(np.float32)


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
