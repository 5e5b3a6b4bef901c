"""The tomogram along rays from the centre of a vesicle, and what each ray counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from membraneseg.types import Float64
from membraneseg.vesicles.balls import Balls
from membraneseg.vesicles.directions import even_directions, visibility

INWARD_A, OUTWARD_A = 110.0, 130.0
"""Rays reach from so far inside the membrane to so far outside it."""
OFFSET_STEP_A = 3.0
LEAST_WEIGHT = 1e-3
"""A distance seen along a smaller share of the directions is unknown."""
LEAST_KNOWN = 0.6
"""A profile of which less is known is not filled in."""
MEMBRANE_A = 65.0
"""A membrane and its fringes lie within this of its middle."""
SECTOR_DEG = 20.0
"""Half the width of the bundles of rays that are looked at together."""
LEAST_SECTOR = 0.3
"""Bundles with a smaller share of the usual weight show too little to say anything."""
WORST_SHARE = 0.1
"""The closure is that of the bundle which this share of all bundles falls below."""


@dataclass(frozen=True, eq=False)
class View:
    """What refinement looks at.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Densities, dark membranes.
    voxel_size_A, tilt_range_deg : float
    """

    voxels: npt.NDArray[np.generic]
    voxel_size_A: float
    tilt_range_deg: float


@dataclass(frozen=True, eq=False)
class Rays:
    """Densities along the rays of one sphere, and what each counts.

    Parameters
    ----------
    directions : (D, 3) float64
    offsets_A : (K,) float64
        From the membrane, outward positive.
    distances_A : (K,) float64
        From the centre, bulges aside.
    density, weights : (D, K) float64
    """

    directions: Float64
    offsets_A: Float64
    distances_A: Float64
    density: Float64
    weights: Float64

    def profile(self) -> Float64:
        """Weighted mean over the directions (K,); NaN where hardly any direction is seen."""
        total = self.weights.sum(axis=0)
        known = total > LEAST_WEIGHT * len(self.directions)
        summed = (self.weights * self.density).sum(axis=0)
        return np.where(known, summed / np.where(known, total, 1.0), np.nan)


def closure(rays: Rays, profile: Float64) -> float:
    """How much of the mean profile is left where the membrane shows least.

    Parameters
    ----------
    rays : Rays
    profile : (K,) float64
        Their mean.

    Returns
    -------
    float
        About 0.6 for a vesicle under noise; about 0 for what is open on some side that the tilts
        show, such as a piece of a tube; NaN if too little is known.

    Notes
    -----
    In bundles of neighbouring rays the mean profile is fitted to the density; the tenth percentile
    of its amplitudes, over bundles that the tilts show, is what counts.
    """
    near = np.abs(rays.offsets_A) < MEMBRANE_A
    if not np.isfinite(profile[near]).all():
        return float("nan")
    model = profile[near] - profile[near].mean()
    weights, density = rays.weights[:, near], rays.density[:, near]
    mean = (weights * density).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    shared = (weights * (density - mean[:, None])) @ model
    scale = weights @ model**2
    cosines = rays.directions @ rays.directions.T
    bundles = np.exp((cosines - 1.0) / (1.0 - np.cos(np.deg2rad(SECTOR_DEG))))
    shared, scale = bundles @ shared, bundles @ scale
    if not (scale > 0).any():
        return float("nan")
    shown = scale > LEAST_SECTOR * np.median(scale[scale > 0])
    return float(np.quantile(shared[shown] / scale[shown], WORST_SHARE))


def profile_offsets_A() -> Float64:
    """Offsets (K,) from the radius at which profiles are read."""
    return np.arange(-INWARD_A, OUTWARD_A + 0.5 * OFFSET_STEP_A, OFFSET_STEP_A)


def read_rays(
    index: int, balls: Balls, view: View, count: int, bulge_px: Float64 | None = None
) -> Rays:
    """Sample the tomogram along rays from the centre of one sphere.

    Parameters
    ----------
    index : int
    balls : Balls
        All of them: what lies nearer to the membrane of another one does not count.
    view : View
    count : int
        Number of rays.
    bulge_px : (3, 3) float64, optional
        The membrane lies n·A n farther out along n.

    Returns
    -------
    Rays
    """
    directions = even_directions(count)
    offsets_A = profile_offsets_A()
    centre, radius_px = balls.centres_px[index], float(balls.radii_px[index])
    offsets_px = offsets_A / view.voxel_size_A
    distances = radius_px + offsets_px
    bulge = np.zeros((3, 3)) if bulge_px is None else bulge_px
    farther = np.einsum("di,ij,dj->d", directions, bulge, directions)
    along = np.maximum(distances + farther[:, None], 0.0)
    places = centre + directions[:, None, :] * along[:, :, None]
    density = _sampled(view.voxels, places)
    weights = np.repeat(visibility(directions, view.tilt_range_deg)[:, None], len(offsets_A), 1)
    inside = (places >= -0.5) & (places <= np.array(view.voxels.shape) - 0.5)
    weights = weights * inside.all(axis=2) * (distances > 0.0)
    reach = radius_px + offsets_px[-1] + float(balls.radii_px.max())
    for other in _near(balls.centres_px, centre, reach):
        if other != index:
            apart = np.linalg.norm(places - balls.centres_px[other], axis=2)
            own = (apart - balls.radii_px[other] > offsets_px) | (offsets_px < 0.0)
            weights = weights * own
    return Rays(directions, offsets_A, distances * view.voxel_size_A, density, weights)


def _near(centres: Float64, centre: Float64, reach: float) -> list[int]:
    found = cKDTree(centres).query_ball_point(centre, reach)
    return [int(index) for index in found]


def _sampled(voxels: npt.NDArray[np.generic], places: Float64) -> Float64:
    """Densities at (D, K, 3) positions; only the box round them is read."""
    flat = places.reshape(-1, 3)
    top = np.asarray(voxels.shape) - 1
    low = np.clip(np.floor(flat.min(axis=0)).astype(int), 0, top)
    high = np.clip(np.ceil(flat.max(axis=0)).astype(int) + 1, low + 1, top + 1)
    crop = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float32)
    density = map_coordinates(crop, (flat - low).T, order=1, mode="nearest")
    return np.asarray(density.reshape(places.shape[:2]), dtype=np.float64)


def filled(profile: Float64) -> Float64:
    """Replace unknown values of a profile (K,) by interpolation, if most are known."""
    known = np.isfinite(profile)
    if known.mean() < LEAST_KNOWN:
        return profile
    places = np.arange(len(profile), dtype=np.float64)
    return np.interp(places, places[known], profile[known])
