"""From points to the state of a Hermite surface: normals, sides, hyper-parameters, rejection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError
from scipy.optimize import minimize

from gp_fit.arrays import Float64, Int64, checked_points
from gp_fit.hermite_system import HermiteData, left_out, observed_covariance, solve
from gp_fit.points import (
    local_normals,
    orient_normals,
    superpoint_spacing,
    superpoints,
    transfer_orientation,
)
from gp_fit.signs import pieces_of, settled_signs

MINIMUM_POINTS = 20
_REACH = 1.3 * 1.5
_REJECTION_ROUNDS = 4
_ORIENTED_SPACINGS = 2.0
_MOST_RESCALED = (1.0, 3.0)


@dataclass(frozen=True)
class HermiteConfig:
    """Options of the Hermite surface."""

    superpoints: int = field(default=600, metadata={"help": "superpoints aimed at"})
    search_superpoints: int = field(
        default=220, metadata={"help": "superpoints used to choose the hyper-parameters"}
    )
    minimum_spacing_px: float = field(default=1.6, metadata={"help": "least superpoint spacing"})
    noise_px: float = field(default=0.7, metadata={"help": "expected scatter of the points"})
    least_slope_noise: float = field(
        default=0.05, metadata={"help": "floor of the scatter of the normals, in radians"}
    )
    least_noise_px: float = field(
        default=0.15, metadata={"help": "floor of the scatter of the points"}
    )
    most_slope_noise: float = field(
        default=0.5, metadata={"help": "its ceiling: else f = 0 everywhere explains the points"}
    )
    rejection: float = field(
        default=4.0, metadata={"help": "leave-one-out deviations that reject a superpoint"}
    )
    most_rejected: float = field(default=0.15, metadata={"help": "largest share rejected"})
    sd_inflation: float = field(default=1.5, metadata={"help": "factor on the deviation"})
    roughness: float = field(
        default=3e-5,
        metadata={"help": "squared amplitude over extent, 1/voxel, that the deviation assumes"},
    )

    def __post_init__(self) -> None:
        for name in ("minimum_spacing_px", "noise_px", "least_slope_noise", "sd_inflation"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, eq=False)
class HermiteState:
    """Everything a Hermite surface is.

    Parameters
    ----------
    centre_zyx : (3,) float64
    scale_px : float
        Voxels per unit of the scaled coordinates.
    data : HermiteData
        Observations that were kept.
    hyper_parameters : (3,) float64
        Squares of amplitude, noise and slope noise, scaled.
    spacing_px : float
        Spacing of the superpoints.
    sd_inflation : float
    """

    centre_zyx: Float64
    scale_px: float
    data: HermiteData
    hyper_parameters: Float64
    spacing_px: float
    sd_inflation: float


def fit_hermite(points_zyx: Float64, config: HermiteConfig) -> HermiteState:
    """Fit a thin-plate process to points.

    Parameters
    ----------
    points_zyx : (N, 3) float64
        Points in voxels, isolated ones already removed.
    config : HermiteConfig

    Returns
    -------
    HermiteState

    Raises
    ------
    GeometryError
        Too few or coplanar points.
    """
    points = checked_points(points_zyx, 3, MINIMUM_POINTS)
    spacing = superpoint_spacing(points, config.superpoints, config.minimum_spacing_px)
    centres, counts, _ = superpoints(points, spacing)
    normals = local_normals(centres, normal_radius(spacing), counts.astype(np.float64))
    normals = orient_normals(centres, normals)
    middle = 0.5 * (centres.min(axis=0) + centres.max(axis=0))
    scale = float(np.linalg.norm(centres - middle, axis=1).max())
    shares = 1.0 / counts
    data = HermiteData(
        (centres - middle) / scale, normals, shares, np.ones_like(shares), 2.0 * _REACH
    )
    pieces = pieces_of(centres, normals, spacing)
    coarse = _coarse_signs(centres, normals, _ORIENTED_SPACINGS * spacing)
    data = _well_sided(data, pieces, coarse, _expected(config, scale))
    chosen = _searched(data, config, scale)
    kept = _kept(data, chosen, config)
    return HermiteState(
        middle, scale, data.part(kept), chosen, spacing, _inflation(config, chosen[0] / scale)
    )


def normal_radius(spacing_px: float) -> float:
    """Radius in voxels of the neighbourhoods that tell the normals."""
    return max(5.0, 1.6 * spacing_px)


def _inflation(config: HermiteConfig, roughness: float) -> float:
    """Factor on the deviation; the part that is seen tells little of how rough the rest is."""
    usual = float(np.clip(np.sqrt(config.roughness / roughness), *_MOST_RESCALED))
    return config.sd_inflation * usual


def _expected(config: HermiteConfig, scale: float) -> Float64:
    """Logs of amplitude, noise and slope noise before anything is seen, scaled."""
    return np.log([0.3, config.noise_px / scale, 0.15])


def _coarse_signs(centres: Float64, normals: Float64, spacing: float) -> Float64:
    """Signs (M,) that a coarser cloud would give the normals: on fine ones noise turns regions."""
    places, counts, _ = superpoints(centres, spacing)
    rough = local_normals(places, 1.6 * spacing, counts.astype(np.float64))
    turned = transfer_orientation(places, orient_normals(places, rough), centres, normals)
    return np.where(np.sum(turned * normals, axis=1) >= 0.0, 1.0, -1.0)


def _well_sided(
    data: HermiteData, pieces: Int64, coarse: Float64, expected: Float64
) -> HermiteData:
    """Turn the normals of whole pieces so that together they are most likely, and outward."""
    normals = data.normals
    if pieces.max() > 0 or (coarse != coarse[0]).any():
        signs = settled_signs(data, pieces, np.exp(2.0 * expected), [coarse])
        normals = normals * signs[:, None]
    outward = np.sum(normals * (data.positions - data.positions.mean(axis=0)))
    return replace(data, normals=normals if outward >= 0.0 else -normals)


def _searched(data: HermiteData, config: HermiteConfig, scale: float) -> Float64:
    """Squares of amplitude, noise and slope noise by restricted marginal likelihood."""
    step = max(1, round(len(data.positions) / config.search_superpoints))
    part = data.part(np.arange(0, len(data.positions), step))
    covariance = observed_covariance(part)
    expected = _expected(config, scale)
    tolerance = np.array([2.0, 0.7, 0.7])

    def cost(logs: Float64) -> float:
        prior = 0.5 * float(np.sum(((logs - expected) / tolerance) ** 2))
        try:
            amplitude2, noise2, slope2 = _squares(logs, config, scale)
            return solve(part, covariance, amplitude2, noise2, slope2).minus_log_likelihood + prior
        except LinAlgError:
            return 1e12

    simplex = np.vstack([expected, expected + np.diag([-1.0, 0.4, 0.4])])
    options = {"initial_simplex": simplex, "maxfev": 40, "xatol": 0.05, "fatol": 0.2}
    found = minimize(cost, expected, method="Nelder-Mead", options=options)
    return _squares(np.asarray(found.x), config, scale)


def _squares(logs: Float64, config: HermiteConfig, scale: float) -> Float64:
    amplitude, noise, slope = np.exp(logs)
    noise = max(noise, config.least_noise_px / scale)
    slope = np.clip(slope, config.least_slope_noise, config.most_slope_noise)
    return np.array([amplitude**2, noise**2, slope**2])


def _kept(data: HermiteData, chosen: Float64, config: HermiteConfig) -> npt.NDArray[np.int64]:
    """Return the indices of the superpoints that the others do not contradict."""
    everything = observed_covariance(data)
    count = len(data.positions)
    kept = np.arange(count)
    least = int(np.ceil((1.0 - config.most_rejected) * count))
    for _ in range(_REJECTION_ROUNDS):
        both = np.concatenate([kept, kept + count])
        solution = solve(data.part(kept), everything[np.ix_(both, both)], *chosen)
        residual = left_out(solution).reshape(2, -1).max(axis=0)
        worst = np.argsort(-residual)[: len(kept) - least]
        rejected = worst[residual[worst] > config.rejection]
        if len(rejected) == 0:
            break
        kept = np.delete(kept, rejected)
    return kept
