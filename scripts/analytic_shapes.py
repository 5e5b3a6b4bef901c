"""Closed bodies with a known surface, and the points that a tilt series would leave of them.

Lengths in voxels, arrays zyx. Every body is a fine mesh of the true surface with unit normals.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation
from scipy.special import expit, ndtr
from skimage.measure import marching_cubes

from gp_fit.coverage import vertex_areas
from gp_fit.harmonics import degrees_of, harmonic_gradients, harmonics
from gp_fit.sphere import icosphere, mesh_volume, spiral_directions
from synth2d.wedge import wedge_depth_deg

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Implicit = Callable[[Float64], Float64]

CAP_DEPTH_DEG = 10.0
"""Deeper in the wedge than this, a membrane cannot be seen: the caps."""
_WAVES = 300
_CHUNK = 20_000


@dataclass(frozen=True)
class Body:
    """A closed body.

    Parameters
    ----------
    name : str
    vertices, normals : (V, 3) float64
        True surface and its outward unit normals.
    faces : (F, 3) int64
        Counter-clockwise from outside when read as xyz.
    bend_px : float
        Radius of curvature across the wedge's edge, which tells how far streaks run off.
    axis : (3,) float64
        Unit vector about which gaps are cut.
    """

    name: str
    vertices: Float64
    normals: Float64
    faces: Int64
    bend_px: float
    axis: Float64

    @property
    def volume(self) -> float:
        """Enclosed voxels³."""
        return mesh_volume(self.vertices, self.faces)

    @property
    def areas(self) -> Float64:
        """Area (V,) that each vertex stands for."""
        return vertex_areas(self.vertices, self.faces)

    def is_cap(self, tilt_range_deg: float) -> npt.NDArray[np.bool_]:
        """Which vertices (V,) no tilt shows."""
        return np.asarray(wedge_depth_deg(self.normals, tilt_range_deg) > CAP_DEPTH_DEG)


def vesicle(
    rng: np.random.Generator, radius: float = 32.0, deformation: float = 0.07, fine: int = 32
) -> Body:
    """Sphere with a random bending deformation of degrees 2 to 8.

    Parameters
    ----------
    rng : numpy.random.Generator
    radius : float
    deformation : float
        Root mean square of the radial displacement over the radius.
    fine : int
        Parts into which the icosahedron's edges are cut.

    Returns
    -------
    Body
        Amplitude of degree l in proportion to 4 / ((l - 1)(l + 2)), as thermal bending leaves it.
    """
    degrees = degrees_of(8)
    safe = np.maximum(degrees, 2)
    draw = rng.normal(size=len(degrees)) * 4.0 / ((safe - 1.0) * (safe + 2.0)) * (degrees > 1)
    draw *= deformation / (harmonics(spiral_directions(2000), 8) @ draw).std()
    directions, faces = icosphere(fine)
    height = 1.0 + harmonics(directions, 8) @ draw
    normals = height[:, None] * directions - harmonic_gradients(directions, 8) @ draw
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    surface = radius * height[:, None] * directions
    return Body("vesicle", surface, normals, faces, radius, np.array([1.0, 0.0, 0.0]))


def tube(rng: np.random.Generator) -> Body:
    """Bent capsule, 80 long and 20 wide."""

    def outside(q: Float64) -> Float64:
        along = np.clip(q[:, 1], -30.0, 30.0)
        for _ in range(8):  # Newton: nearest point of the parabola (0, t, t² / 90)
            bend = along**2 / 90.0
            slope = (along - q[:, 1]) + (bend - q[:, 2]) * along / 45.0
            curve = 1.0 + (along / 45.0) ** 2 + (bend - q[:, 2]) / 45.0
            along = np.clip(along - slope / np.maximum(curve, 0.3), -30.0, 30.0)
        axis = np.column_stack([np.zeros(len(q)), along, along**2 / 90.0])
        return np.asarray(np.linalg.norm(q - axis, axis=1) - 10.0)

    return _posed("tube", outside, rng, 10.0)


def dumbbell(rng: np.random.Generator) -> Body:
    """Two balls of radius 18 that a neck of radius 7 joins."""

    def outside(q: Float64) -> Float64:
        ends = [np.linalg.norm(q - [0.0, at, 0.0], axis=1) - 18.0 for at in (-28.0, 28.0)]
        neck = np.maximum(np.linalg.norm(q[:, ::2], axis=1) - 7.0, np.abs(q[:, 1]) - 28.0)
        return -6.0 * np.logaddexp.reduce([-ends[0] / 6.0, -ends[1] / 6.0, -neck / 6.0], axis=0)

    return _posed("dumbbell", outside, rng, 18.0)


def stomatocyte(rng: np.random.Generator) -> Body:
    """Ball of radius 28 with a deep round dent: concave, with a thick rim."""

    def outside(q: Float64) -> Float64:
        ball = np.linalg.norm(q, axis=1) - 28.0
        dent = 19.0 - np.linalg.norm(q - [0.0, 13.0, 0.0], axis=1)
        return 3.0 * np.logaddexp(ball / 3.0, dent / 3.0)

    return _posed("stomatocyte", outside, rng, 28.0)


def _posed(name: str, outside: Implicit, rng: np.random.Generator, bend_px: float) -> Body:
    """Mesh an implicit body, its y axis turned at random in the plane and tipped up to 20°."""
    grid = np.arange(-60.0, 61.0)
    nodes = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.concatenate(
        [outside(nodes[i : i + 200_000]) for i in range(0, len(nodes), 200_000)]
    )
    vertices, faces, _, _ = marching_cubes(values.reshape((len(grid),) * 3), 0.0)
    positions = vertices.astype(np.float64) - 60.0
    for _ in range(3):
        slope = _slope(outside, positions)
        square = np.sum(slope**2, axis=1, keepdims=True)
        positions = positions - outside(positions)[:, None] * slope / square
    normals = _slope(outside, positions)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    turns = [rng.uniform(0.0, np.pi), np.deg2rad(rng.uniform(-20.0, 20.0))]
    turn = Rotation.from_euler("xz", turns).as_matrix()  # here x is the beam's axis, z the first
    faces = np.asarray(faces, dtype=np.int64)
    if mesh_volume(positions, faces) < 0.0:
        faces = np.ascontiguousarray(faces[:, ::-1])
    return Body(name, positions @ turn.T, normals @ turn.T, faces, bend_px, turn[:, 1])


def _slope(outside: Implicit, q: Float64) -> Float64:
    steps = 1e-4 * np.eye(3)
    return np.stack([(outside(q + step) - outside(q - step)) / 2e-4 for step in steps], axis=1)


@dataclass(frozen=True)
class Sight:
    """How a body is seen.

    Parameters
    ----------
    tilt_range_deg : float
        θ of a ±θ single-axis tilt series about y.
    found_at_most, half_depth_deg, softness_deg : float
        Detection p = found_at_most · σ((half_depth - depth) / softness).
    noise_px : float
        Scatter of each point.
    common_px : float
        Scatter that points within some voxels of each other share.
    streak_depth_deg : float
        Wedge depth from which on the membrane runs straight on instead of bending; 90 for none.
    outliers : float
        Share of points anywhere in the box.
    gaps_deg : tuple of float
        Widths of sectors about the body's axis from which every point is lost.
    density : float
        Points per voxel² where all is seen.
    """

    tilt_range_deg: float = 60.0
    found_at_most: float = 0.92
    half_depth_deg: float = 0.0
    softness_deg: float = 5.76
    noise_px: float = 0.7
    common_px: float = 0.0
    streak_depth_deg: float = 90.0
    outliers: float = 0.03
    gaps_deg: tuple[float, ...] = (40.0, 25.0)
    density: float = 1.0

    def detection_probability(self, normals: Float64) -> Float64:
        """Probability (N,) that a membrane with unit normals (N, 3) is found."""
        depth = wedge_depth_deg(normals, self.tilt_range_deg)
        steps = (self.half_depth_deg - depth) / self.softness_deg
        return np.asarray(self.found_at_most * expit(steps))

    def reliability(self, normals: Float64) -> Float64:
        """Chance (N,) that a point on a surface with unit normals (N, 3) has not run off."""
        depth = wedge_depth_deg(normals, self.tilt_range_deg)
        return np.asarray(expit(self.streak_depth_deg - STREAK_MARGIN_DEG - depth))


STREAK_MARGIN_DEG = 3.0
STREAKED = {
    "half_depth_deg": 12.0,
    "softness_deg": 3.0,
    "found_at_most": 0.95,
    "noise_px": 0.3,
    "common_px": 0.2,
    "streak_depth_deg": -5.0,
}
"""What a network's points look like against a phantom's true surface."""
MISS_LENGTH_PX = 2.7
"""Correlation length of misses: 2π ℓ² = 45 voxels² for an independent trial."""


def cloud(body: Body, sight: Sight, rng: np.random.Generator) -> Float64:
    """Draw the points (N, 3) that are found of a body."""
    points, normals = _spread(body, sight.density, rng)
    depth = wedge_depth_deg(normals, sight.tilt_range_deg)
    luck = ndtr(_smooth_field(points, MISS_LENGTH_PX, rng))
    seen = luck < sight.detection_probability(normals)
    azimuth = _azimuth_deg(points - body.vertices.mean(axis=0), body.axis)
    for width in sight.gaps_deg:
        seen &= (azimuth - rng.uniform(0.0, 360.0)) % 360.0 > width
    past = np.deg2rad(np.clip(depth - sight.streak_depth_deg, 0.0, 40.0))
    run_off = body.bend_px * (1.0 / np.cos(past) - 1.0)
    run_off += sight.common_px * _smooth_field(points, 2.0 * MISS_LENGTH_PX, rng)
    found = points[seen] + run_off[seen, None] * normals[seen]
    found = found + sight.noise_px * rng.normal(size=found.shape)
    low, high = body.vertices.min(axis=0), body.vertices.max(axis=0)
    middle, half = 0.5 * (low + high), 0.65 * (high - low)
    stray = rng.uniform(-1.0, 1.0, size=(round(sight.outliers * len(found)), 3)) * half + middle
    return np.concatenate([found, stray])


def _azimuth_deg(offsets: Float64, axis: Float64) -> Float64:
    """Angle (N,) about an axis, from anywhere."""
    first = np.cross(axis, np.roll(axis, 1) + 0.1)
    first /= np.linalg.norm(first)
    return np.asarray(np.rad2deg(np.arctan2(offsets @ np.cross(axis, first), offsets @ first)))


def _spread(body: Body, density: float, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Even points on the surface, with normals."""
    corners = body.vertices[body.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    face = rng.choice(len(area), size=round(density * area.sum()), p=area / area.sum())
    weights = rng.dirichlet(np.ones(3), size=len(face))
    points = np.einsum("nk,nkd->nd", weights, corners[face])
    normals = np.einsum("nk,nkd->nd", weights, body.normals[body.faces[face]])
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _smooth_field(points: Float64, length_px: float, rng: np.random.Generator) -> Float64:
    """Gaussian random field (N,) of unit variance and covariance exp(-r² / 2ℓ²), by waves."""
    waves = rng.normal(size=(3, _WAVES)) / length_px
    phases = rng.uniform(0.0, 2.0 * np.pi, size=_WAVES)
    parts = [
        np.cos(points[i : i + _CHUNK] @ waves + phases).sum(axis=1)
        for i in range(0, len(points), _CHUNK)
    ]
    return np.asarray(np.concatenate(parts) * np.sqrt(2.0 / _WAVES))
