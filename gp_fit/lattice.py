"""Thin-plate surfaces of any size and shape: a spline on a lattice about the points.

The prior is that of the Hermite surface (∫|Hess f|² beside a quadric), but the cost grows with the
area, so folds stay that superpoints of one dense system would smooth away. Beyond the points, two
walls whose rim the wedge hides are closed by the smoothest turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64, checked_points
from gp_fit.hermite_system import Turns
from gp_fit.lattice_fit import fitted_splines, values_of
from gp_fit.lattice_system import (
    LEVELS,
    LatticeConfig,
    Level,
    Oriented,
    levels_about,
    quadric_hessian,
)
from gp_fit.points import (
    local_normals,
    orient_normals,
    superpoint_spacing,
    superpoints,
    transfer_orientation,
)
from gp_fit.splines import Lattice, Spline, numbered

MINIMUM_POINTS = 20
_ASKED, _APART_PX = 3000, 2.0
_STRAYING = 7.0
"""Deviation per voxel beyond the points, times the radius of the folds; from phantoms."""
_STRAYS = (0.04, 0.3)
_OF_CRISTAE = 0.25
_SURE_PX = 1.2
"""Distance of points over which nothing strays."""


@dataclass(frozen=True, eq=False)
class Equations:
    """What points say about a surface on a lattice; a second fit to them is cheap.

    Parameters
    ----------
    places : (M, 3) float64
        Superpoints.
    scatter_px : float
        Of the points about them, along the normals.
    trend : (3, 3) float64
        Hessian of the quadric that most points follow.
    levels : list of Level
    turn_weight : float
        Weight of further slopes against that of a point, voxels².
    """

    places: Float64
    scatter_px: float
    trend: Float64
    levels: list[Level]
    turn_weight: float


def equations_of(points_zyx: Float64, config: LatticeConfig | None = None) -> Equations:
    """Set up the fit of a surface to points.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : LatticeConfig, optional

    Returns
    -------
    Equations

    Raises
    ------
    GeometryError
    """
    options = config or LatticeConfig()
    points = checked_points(points_zyx, 3, MINIMUM_POINTS)
    spacing = superpoint_spacing(points, options.most_superpoints, options.spacing_px)
    places, counts, owner = superpoints(points, spacing)
    weights = counts.astype(np.float64)
    radius = max(options.normal_radius_px, 1.6 * spacing)
    normals = _oriented(places, local_normals(places, radius, weights), options)
    off = np.sum((points - places[owner]) * normals[owner], axis=1)
    data = Oriented(places, normals, weights)
    trend = quadric_hessian(data)
    levels = levels_about(data, trend, options)
    return Equations(places, float(np.sqrt(np.mean(off**2))), trend, levels, options.turn_weight)


class LatticeSurface:
    """Zero level set of the smoothest function through the points, along their normals.

    Parameters
    ----------
    equations : Equations
        Of the points.

    Notes
    -----
    Minimises Σ m_k f(p_k)² + 2 Σ |∇f(p_k) − n_k|² + ∫|Hess f − Q|² over quadratic B-splines, Q the
    Hessian of the quadric that most points follow (Calakli & Taubin 2011,
    doi:10.1111/j.1467-8659.2011.02058.x, without Q): the posterior mean of a thin-plate Gaussian
    process. Linear in the area.
    """

    def __init__(self, equations: Equations) -> None:
        self._settle(fitted_splines(equations.levels), equations)

    def _settle(self, splines: list[Spline], equations: Equations) -> None:
        self._prepare(splines, equations.places, np.array([equations.scatter_px, 0.0]))
        self._lengths[1] = np.clip(_STRAYING * self._folding(equations.trend), *_STRAYS)

    def _prepare(self, splines: list[Spline], places: Float64, lengths: Float64) -> None:
        self.superpoints_zyx = places
        self._splines, self._lengths = splines, lengths
        self._tree = cKDTree(places)

    def _folding(self, trend: Float64) -> float:
        """Root mean square curvature along the surface beside the trend, per voxel."""
        places = self.superpoints_zyx[:: -(-len(self.superpoints_zyx) // _ASKED)]
        ahead, behind = (
            np.stack([self.gradient(places + s * d) for d in np.eye(3)], axis=2)
            for s in (_APART_PX, -_APART_PX)
        )
        hessian = (ahead - behind) / (2.0 * _APART_PX) - trend
        slope = self.gradient(places)
        normal = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
        along = np.eye(3) - normal[:, :, None] * normal[:, None]
        return float(np.sqrt(np.mean(np.sum((along @ hessian @ along) ** 2, axis=(1, 2)))))

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return named arrays from which `from_arrays` makes the same surface."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "places": self.superpoints_zyx,
            "lengths": self._lengths,
        }
        for level, spline in enumerate(self._splines):
            lattice = spline.lattice
            arrays[f"coefficients_{level}"] = spline.coefficients
            arrays[f"used_{level}"] = np.packbits(lattice.used)
            arrays[f"shape_{level}"] = np.array(lattice.number.shape)
            arrays[f"lattice_{level}"] = np.append(lattice.origin_zyx, lattice.step_px)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[np.generic]]) -> LatticeSurface:
        """Make the surface again from the arrays of `to_arrays`."""
        splines = []
        for level in range(LEVELS):
            shape = tuple(int(n) for n in arrays[f"shape_{level}"])
            packed = np.asarray(arrays[f"used_{level}"], dtype=np.uint8)
            used = np.unpackbits(packed, count=int(np.prod(shape))).astype(np.bool_)
            place = np.asarray(arrays[f"lattice_{level}"], dtype=np.float64)
            lattice = Lattice(place[:3], float(place[3]), numbered(used.reshape(shape)))
            held = np.asarray(arrays[f"coefficients_{level}"], dtype=np.float32)
            splines.append(Spline(lattice, held))
        places = np.asarray(arrays["places"], dtype=np.float64)
        surface = cls.__new__(cls)
        surface._prepare(splines, places, np.asarray(arrays["lengths"], dtype=np.float64))
        return surface

    @property
    def straying(self) -> float:
        """Deviation per voxel beyond the points: more on folded membranes."""
        return float(self._lengths[1])

    def turned(self, equations: Equations, turns: Turns) -> LatticeSurface:
        """Fit the same points again with further slopes, the weaker the less is folded.

        A smooth membrane has a stiff prior: what was not seen bends it less.

        Parameters
        ----------
        equations : Equations
            Those that this surface solves.
        turns : Turns
            In voxels, as `asked_turns` asks for them.

        Returns
        -------
        LatticeSurface
        """
        weight = equations.turn_weight * (self.straying / _OF_CRISTAE) ** 2
        surface = LatticeSurface.__new__(LatticeSurface)
        splines = fitted_splines(equations.levels, turns, weight, self._splines)
        surface._settle(splines, equations)
        return surface

    def value(self, points_zyx: Float64) -> Float64:
        """Return f (N,), near the surface about a distance in voxels, negative inside."""
        return values_of(self._splines, np.asarray(points_zyx, dtype=np.float64))[0]

    def gradient(self, points_zyx: Float64) -> Float64:
        """Gradient (N, 3) of f."""
        return values_of(self._splines, np.asarray(points_zyx, dtype=np.float64))[1]

    def sd(self, points_zyx: Float64) -> Float64:
        """Return the standard deviation (N,) in voxels: scatter of the points, and their gaps.

        It grows with the distance from the points, the faster the more folded the surface is.
        """
        noise, straying = self._lengths
        gap = np.asarray(self._tree.query(np.asarray(points_zyx, dtype=np.float64))[0])
        return np.asarray(np.hypot(noise, straying * np.maximum(gap - _SURE_PX, 0.0)))


def _oriented(places: Float64, normals: Float64, config: LatticeConfig) -> Float64:
    """Give normals consistent sides, settled on a coarser set."""
    coarse, _, owner = superpoints(places, config.oriented_spacing_px)
    chosen = _nearest_member(places, coarse, owner)
    rough = orient_normals(places[chosen], normals[chosen])
    return transfer_orientation(places[chosen], rough, places, normals)


def _nearest_member(places: Float64, coarse: Float64, owner: Int64) -> Int64:
    """Index (C,) of the place nearest the mean of each cluster."""
    gap = np.sum((places - coarse[owner]) ** 2, axis=1)
    order = np.lexsort((gap, owner))
    return np.asarray(order[np.unique(owner[order], return_index=True)[1]], dtype=np.int64)
