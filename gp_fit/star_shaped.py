"""Closed surfaces that every ray from their centre leaves once: vesicles and the like."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64
from gp_fit.ellipsoid import Ellipsoid
from gp_fit.harmonics import harmonic_sum, harmonics
from gp_fit.reliability import Reliability
from gp_fit.sphere import icosphere, mesh_volume
from gp_fit.star_fit import StarConfig, StarState, fit_star
from gp_fit.star_system import normal_scale

_CHUNK = 8192
_FINEST_SD = 40
"""Parts of the icosahedron's edges from which on the deviation is interpolated: it is smooth."""


class StarShapedSurface:
    """Gaussian process on the sphere, about a fitted ellipsoid.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels that may show only part of the surface; isolated ones already removed.
    config : StarConfig, optional
    ellipsoid : Ellipsoid, optional
        The frame; fitted if not given.
    reliability : callable, optional
        Chance (N,) that points with unit normals (N, 3) zyx lie where the surface is; see
        `fit_star`.

    Raises
    ------
    GeometryError

    Notes
    -----
    Cost about 0.3 s for 10 000 points on a surface of radius 30.
    """

    def __init__(
        self,
        points_zyx: Float64,
        config: StarConfig | None = None,
        ellipsoid: Ellipsoid | None = None,
        reliability: Reliability | None = None,
    ) -> None:
        self.state = fit_star(points_zyx, config or StarConfig(), ellipsoid, reliability)

    @classmethod
    def from_state(cls, state: StarState) -> StarShapedSurface:
        """Make the surface of a known state, without fitting."""
        surface = cls.__new__(cls)
        surface.state = state
        return surface

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays from which `from_arrays` makes the same surface."""
        state = self.state
        return {
            "centre_zyx": state.ellipsoid.centre_zyx,
            "semi_axes": state.ellipsoid.semi_axes,
            "rotation": state.ellipsoid.rotation,
            "max_degree": np.array(state.max_degree),
            "coefficients": state.coefficients,
            "covariance": state.covariance,
            "hyper_parameters": np.array([state.noise_px, state.amplitude, state.roughness]),
            "sd_inflation": np.array(state.sd_inflation),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> StarShapedSurface:
        """Make the surface again from the arrays of `to_arrays`."""
        real = {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}
        noise, amplitude, roughness = (float(number) for number in real["hyper_parameters"])
        state = StarState(
            Ellipsoid(real["centre_zyx"], real["semi_axes"], real["rotation"]),
            int(real["max_degree"]),
            real["coefficients"],
            real["covariance"],
            noise,
            amplitude,
            roughness,
            float(real["sd_inflation"]),
        )
        return cls.from_state(state)

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,): distance in voxels along the ray from the centre, negative inside."""
        radius, scaled_radius, directions = self._polar(points_zyx)
        return np.asarray(radius * (1.0 - self.height(directions) / scaled_radius))

    def gradient(self, points_zyx: Float64) -> Float64:
        """Gradient (N, 3) of f; on the surface it points along the outward normal."""
        state = self.state
        radius, scaled_radius, directions = self._polar(points_zyx)
        offsets = np.asarray(points_zyx, dtype=np.float64) - state.ellipsoid.centre_zyx
        height, slopes = self.height_and_slopes(directions)
        ray = offsets / radius[:, None] * (1.0 - height / scaled_radius)[:, None]
        towards = (height[:, None] * directions - slopes) / state.ellipsoid.semi_axes
        across = (radius / scaled_radius**2)[:, None] * (towards @ state.ellipsoid.rotation.T)
        return np.asarray(ray + across)

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels of the surface position along its normal."""
        return self.sd_in(self._polar(points_zyx)[2])

    def sd_in(self, directions: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels along the normal, for directions (N, 3)."""
        state = self.state
        result = np.empty(len(directions))
        for begin in range(0, len(directions), _CHUNK):
            part = directions[begin : begin + _CHUNK]
            basis = harmonics(part, state.max_degree)
            variance = np.sum((basis @ state.covariance) * basis, axis=1)
            height, slopes = self.height_and_slopes(part)
            scale = normal_scale(part, height, slopes, state.ellipsoid.semi_axes)
            result[begin : begin + _CHUNK] = np.sqrt(np.maximum(variance, 0.0)) * scale
        return state.sd_inflation * result

    def height(self, directions: Float64) -> Float64:
        """1 + g (N,) in unit directions (N, 3) of the ellipsoid's scaled frame."""
        return self.height_and_slopes(directions)[0]

    def height_and_slopes(self, directions: Float64) -> tuple[Float64, Float64]:
        """1 + g (N,) and the tangential gradient (N, 3) of g, in unit directions (N, 3)."""
        height, slopes = np.empty(len(directions)), np.empty((len(directions), 3))
        for begin in range(0, len(directions), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            height[part], slopes[part] = harmonic_sum(directions[part], self.state.coefficients)
        return 1.0 + height, slopes

    def mesh(self, spacing_px: float = 2.0) -> tuple[Float64, Int64]:
        """Triangulate the surface.

        Parameters
        ----------
        spacing_px : float
            Mean distance of neighbouring vertices.

        Returns
        -------
        vertices_zyx : (V, 3) float64
        faces : (F, 3) int64
            Watertight, counter-clockwise from outside when read as xyz = zyx[::-1].
        """
        directions, faces = icosphere(self._frequency(spacing_px))
        vertices = self.state.ellipsoid.unscaled(directions * self.height(directions)[:, None])
        return vertices, faces.copy()

    def vertex_sd(self, spacing_px: float = 2.0) -> Float64:
        """Return the standard deviation (V,) in voxels at the vertices of such a `mesh`."""
        frequency = self._frequency(spacing_px)
        directions = icosphere(frequency)[0]
        if frequency <= _FINEST_SD:
            return self.sd_in(directions)
        known = icosphere(_FINEST_SD)[0]
        gap, nearest = cKDTree(known).query(directions, k=4)
        weights = 1.0 / (gap**2 + 1e-9)
        deviation = self.sd_in(known)
        return np.asarray(np.sum(weights * deviation[nearest], axis=1) / weights.sum(axis=1))

    @property
    def volume(self) -> float:
        """Enclosed volume in voxels³, from a fine mesh."""
        directions, faces = icosphere(40)
        vertices = self.state.ellipsoid.unscaled(directions * self.height(directions)[:, None])
        return mesh_volume(vertices, faces)

    def _frequency(self, spacing_px: float) -> int:
        radius = float(np.sqrt(np.mean(self.state.ellipsoid.semi_axes**2)))
        return max(4, int(np.ceil(1.2 * radius / spacing_px)))

    def _polar(self, points_zyx: Float64) -> tuple[Float64, Float64, Float64]:
        """Distance from the centre in voxels, the same in the scaled frame, direction there."""
        ellipsoid = self.state.ellipsoid
        offsets = np.asarray(points_zyx, dtype=np.float64) - ellipsoid.centre_zyx
        radius = np.maximum(np.linalg.norm(offsets, axis=1), 1e-9)
        scaled = ellipsoid.scaled(points_zyx)
        length = np.linalg.norm(scaled, axis=1)
        at_centre = length < 1e-12
        scaled[at_centre] = [1e-9, 0.0, 0.0]
        length[at_centre] = 1e-9
        return radius, length, scaled / length[:, None]
