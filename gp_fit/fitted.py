"""The result of a fit: a function in space, a mesh, and what is known about both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gp_fit.anchored import AnchoredSurface
from gp_fit.arrays import Float64, Int64
from gp_fit.hermite import HermiteSurface
from gp_fit.lattice import LatticeSurface
from gp_fit.sphere import mesh_area, mesh_volume
from gp_fit.star_shaped import StarShapedSurface

_PREFIX = "surface_"
_SURFACES: dict[
    str,
    type[StarShapedSurface] | type[HermiteSurface] | type[AnchoredSurface] | type[LatticeSurface],
] = {
    "star": StarShapedSurface,
    "hermite": HermiteSurface,
    "sheet": HermiteSurface,
    "anchored": AnchoredSurface,
    "lattice": LatticeSurface,
}


class ImplicitSurface(Protocol):
    """A function in space whose zero level set is the surface; negative inside."""

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,), near the surface about a distance in voxels."""
        ...

    def gradient(self, points_zyx: Float64) -> Float64:
        """Return the gradient (N, 3) of f."""
        ...

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels of the surface along its normal."""
        ...

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return everything needed to make the surface again."""
        ...


def distance(surface: ImplicitSurface, points_zyx: Float64) -> Float64:
    """First-order signed distance f / |∇f| (N,) in voxels; reliable near the surface."""
    slope = np.linalg.norm(surface.gradient(points_zyx), axis=1)
    return np.asarray(surface.value(points_zyx) / np.maximum(slope, 1e-6))


@dataclass(frozen=True, eq=False)
class FittedSurface:
    """A fitted membrane.

    Parameters
    ----------
    method : str
        'star', 'hermite', 'sheet', 'anchored' or 'lattice'.
    reason : str
        Why this method, in one sentence.
    closed : bool
        Whether the surface encloses a volume; if not, it is trimmed to where the points are.
    surface : ImplicitSurface
        The function in space.
    vertices_zyx : (V, 3) float64
        In voxels.
    faces : (F, 3) int64
        Counter-clockwise from outside when the vertices are read as xyz = zyx[::-1].
    vertex_sd : (V,) float64
        Standard deviation of the position along the normal, in voxels.
    explained : float
        Share of the points, isolated ones apart, near the surface.
    coverage : float
        Share of a closed surface's area near which there are points; 1 for a trimmed sheet.
    warnings : tuple of str
        What the user should know.
    """

    method: str
    reason: str
    closed: bool
    surface: ImplicitSurface
    vertices_zyx: Float64
    faces: Int64
    vertex_sd: Float64
    explained: float
    coverage: float
    warnings: tuple[str, ...] = ()

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,), negative inside, near the surface about a distance in voxels."""
        return self.surface.value(points_zyx)

    def gradient(self, points_zyx: Float64) -> Float64:
        """Gradient (N, 3) of f."""
        return self.surface.gradient(points_zyx)

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels of the surface along its normal."""
        return self.surface.sd(points_zyx)

    def distance(self, points_zyx: Float64) -> Float64:
        """First-order signed distance (N,) in voxels: f / |∇f|."""
        return distance(self.surface, points_zyx)

    @property
    def area(self) -> float:
        """Area of the mesh in voxels²."""
        return mesh_area(self.vertices_zyx, self.faces)

    @property
    def volume(self) -> float:
        """Enclosed volume in voxels³; not a number if the surface is open."""
        return mesh_volume(self.vertices_zyx, self.faces) if self.closed else float("nan")

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays that `numpy.savez` writes and reads without pickle."""
        own: dict[str, npt.NDArray[np.generic]] = {
            "method": np.array(self.method),
            "reason": np.array(self.reason),
            "closed": np.array(self.closed),
            "vertices_zyx": self.vertices_zyx,
            "faces": self.faces,
            "vertex_sd": self.vertex_sd,
            "explained": np.array(self.explained),
            "coverage": np.array(self.coverage),
            "warnings": np.array(self.warnings, dtype=np.str_),
        }
        inner = {_PREFIX + name: array for name, array in self.surface.to_arrays().items()}
        return own | inner

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> FittedSurface:
        """Make the surface again from the arrays of `to_arrays`."""
        inner = {
            name.removeprefix(_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(_PREFIX)
        }
        method = str(arrays["method"])
        return cls(
            method=method,
            reason=str(arrays["reason"]),
            closed=bool(arrays["closed"]),
            surface=_SURFACES[method].from_arrays(inner),
            vertices_zyx=np.asarray(arrays["vertices_zyx"], dtype=np.float64),
            faces=np.asarray(arrays["faces"], dtype=np.int64),
            vertex_sd=np.asarray(arrays["vertex_sd"], dtype=np.float64),
            explained=float(arrays["explained"]),
            coverage=float(arrays["coverage"]),
            warnings=tuple(str(warning) for warning in arrays["warnings"]),
        )
