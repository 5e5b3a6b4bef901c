"""Radius and centre of each vesicle from its radial profile, by bounded steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64
from membraneseg.vesicles.balls import Balls
from membraneseg.vesicles.radial import MembraneBand, RadialProfile, membrane_band
from membraneseg.vesicles.rays import (
    OFFSET_STEP_A,
    Rays,
    View,
    closure,
    filled,
    profile_offsets_A,
    read_rays,
)

CENTRE_INWARD_A, CENTRE_OUTWARD_A = 50.0, 60.0
"""The centre is sought with this part of the profile."""
SLOPE_SMOOTHING_A = 5.0


@dataclass(frozen=True)
class RefinementConfig:
    """How far and how often spheres are moved onto the density."""

    rounds: int = field(default=10, metadata={"help": "most rounds of radius and centre"})
    directions: int = field(default=400, metadata={"help": "rays from the centre of a vesicle"})
    search_nm: float = field(
        default=3.0, metadata={"help": "the membrane is sought this far from where it was"}
    )
    largest_change: float = field(
        default=0.3,
        metadata={"help": "bound on all changes of radius or centre, as a share of the radius"},
    )
    largest_step_nm: float = field(
        default=2.0, metadata={"help": "bound on the step of the centre in one round"}
    )
    converged_nm: float = field(
        default=0.03, metadata={"help": "a vesicle that moves less is finished"}
    )

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.directions < 20:
            raise MembraneSegError(
                f"rounds {self.rounds} and directions {self.directions}: expected 1 or more and "
                "20 or more; correct them under refinement"
            )
        if not 0.0 < self.largest_change < 1.0:
            raise MembraneSegError(
                f"largest_change is {self.largest_change}, expected between 0 and 1; correct "
                "refinement.largest_change"
            )
        for name in ("search_nm", "largest_step_nm", "converged_nm"):
            if getattr(self, name) <= 0.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected a positive number; correct "
                    f"refinement.{name}"
                )


@dataclass(frozen=True, eq=False)
class Measured:
    """Spheres with what the density says of their membranes.

    Parameters
    ----------
    balls : Balls
    profiles : (N, K) float64
        Radial profile of each; NaN where unknown.
    offsets_A : (K,) float64
        From the radius of each, outward positive.
    bands : tuple of (MembraneBand or None)
        None where no membrane shows.
    closures : (N,) float64
        How much of the membrane is left where it shows least; see `rays.closure`.
    """

    balls: Balls
    profiles: Float64
    offsets_A: Float64
    bands: tuple[MembraneBand | None, ...]
    closures: Float64


def refined(
    balls: Balls, view: View, config: RefinementConfig, still: Balls | None = None
) -> Measured:
    """Move spheres onto the density.

    Parameters
    ----------
    balls : Balls
    view : View
    config : RefinementConfig
    still : Balls, optional
        Neighbours that do not move.

    Returns
    -------
    Measured
        In the order of `balls`.

    Notes
    -----
    Each round reads the radial profile, sets the radius to the middle of the membrane, and shifts
    the centre by what makes the profile, projected back, agree best with the tomogram: the
    weighted least-squares solution of I(d n) - P(d) = -P'(d) n·s for the shift s, with a gradient
    of the density along z, y and x as nuisance; that is the maximum of the cross-correlation,
    to first order, without its grid. Directions count by how much contrast the missing wedge
    leaves them. What lies nearer to a neighbour's membrane than to the vesicle's own, outside it,
    does not count. Steps are bounded, and so is the sum of all of them.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169, equations 3 to 5: there
    without bounds, over all directions, neighbours included.
    """
    start, now = balls, balls
    moving = np.ones(len(balls), dtype=bool)
    for _ in range(config.rounds):
        centres, radii = now.centres_px.copy(), now.radii_px.copy()
        everyone = joined(now, still)
        for index in np.flatnonzero(moving).tolist():
            rays = read_rays(index, everyone, view, config.directions)
            radius, centre = _better(rays, now, index, view, config)
            radii[index], centres[index] = _bounded(radius, centre, start, index, config)
        step_px = np.linalg.norm(centres - now.centres_px, axis=1) + np.abs(radii - now.radii_px)
        now = replace(now, centres_px=centres, radii_px=radii)
        moving &= step_px * view.voxel_size_A > config.converged_nm * 10.0
        if not moving.any():
            break
    return measured(now, view, config, still)


def measured(
    balls: Balls,
    view: View,
    config: RefinementConfig,
    still: Balls | None = None,
    bulges_px: Float64 | None = None,
) -> Measured:
    """Read the membranes of spheres, or of mild ellipsoids, where they stand.

    Parameters
    ----------
    balls, view, config, still
        As for `refined`.
    bulges_px : (N, 3, 3) float64, optional
        How far they differ from spheres; see `ellipsoids.Bulges`.

    Returns
    -------
    Measured
    """
    offsets_A = profile_offsets_A()
    profiles = np.full((len(balls), len(offsets_A)), np.nan)
    everyone = joined(balls, still)
    bands: list[MembraneBand | None] = []
    closures = np.full(len(balls), np.nan)
    for index in range(len(balls)):
        bulge_px = None if bulges_px is None else bulges_px[index]
        rays = read_rays(index, everyone, view, config.directions, bulge_px)
        profiles[index] = rays.profile()
        profile = RadialProfile(offsets_A, filled(profiles[index]))
        closures[index] = closure(rays, profile.density)
        bands.append(membrane_band(profile, config.search_nm * 10.0))
    return Measured(balls, profiles, offsets_A, tuple(bands), closures)


def joined(balls: Balls, still: Balls | None) -> Balls:
    """Return spheres and their neighbours as one, in this order."""
    if still is None:
        return balls
    return Balls(
        np.concatenate([balls.ids, still.ids]),
        np.concatenate([balls.centres_px, still.centres_px]),
        np.concatenate([balls.radii_px, still.radii_px]),
    )


def _better(
    rays: Rays, balls: Balls, index: int, view: View, config: RefinementConfig
) -> tuple[float, Float64]:
    """Radius and centre in voxels after one step; as they were where no membrane shows."""
    radius, centre = float(balls.radii_px[index]), balls.centres_px[index]
    profile = filled(rays.profile())
    band = membrane_band(RadialProfile(rays.offsets_A, profile), config.search_nm * 10.0)
    if not np.isfinite(profile).all():
        return radius, centre
    shift_A = _shift_A(rays, profile)
    length_A = float(np.linalg.norm(shift_A))
    longest_A = config.largest_step_nm * 10.0
    if length_A > longest_A:
        shift_A = shift_A * (longest_A / length_A)
    if band is not None:
        radius += band.middle_A / view.voxel_size_A
    return radius, centre + shift_A / view.voxel_size_A


def _shift_A(rays: Rays, profile: Float64) -> Float64:
    """Shift (3,) zyx of the centre that explains how the rays differ from their mean."""
    smooth = gaussian_filter1d(profile, SLOPE_SMOOTHING_A / OFFSET_STEP_A, mode="nearest")
    slope = np.gradient(smooth, OFFSET_STEP_A)
    part = (rays.offsets_A > -CENTRE_INWARD_A) & (rays.offsets_A < CENTRE_OUTWARD_A)
    weights = rays.weights[:, part] * rays.distances_A[part] ** 2
    residual = rays.density[:, part] - profile[part]
    # All six unknowns multiply the direction, so the sums over offsets come first.
    by_ray = np.stack(
        [weights @ slope[part] ** 2, -(weights @ slope[part]), weights.sum(axis=1)], axis=1
    )
    right = np.stack([-((weights * residual) @ slope[part]), (weights * residual).sum(axis=1)], 1)
    outer = rays.directions[:, :, None] * rays.directions[:, None, :]
    steep, mixed, flat = (np.tensordot(by_ray[:, k], outer, axes=1) for k in range(3))
    matrix = np.block([[steep, mixed], [mixed, flat]])
    vector = (right.T @ rays.directions).ravel()
    return np.asarray(np.linalg.lstsq(matrix, vector, rcond=1e-9)[0][:3], dtype=np.float64)


def _bounded(
    radius: float, centre: Float64, start: Balls, index: int, config: RefinementConfig
) -> tuple[float, Float64]:
    """Keep radius and centre within the bound round where they started."""
    first, bound = float(start.radii_px[index]), config.largest_change
    change = centre - start.centres_px[index]
    length = float(np.linalg.norm(change))
    if length > bound * first:
        change = change * (bound * first / length)
    radius = float(np.clip(radius, (1.0 - bound) * first, (1.0 + bound) * first))
    return radius, start.centres_px[index] + change
