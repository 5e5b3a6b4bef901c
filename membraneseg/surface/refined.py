"""A refined membrane as a value, what refinement may be told, and what is believed in the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.surface.fit import FittedMembrane
from membraneseg.types import Float64

WHOLE_SHAPES = ("star", "hermite", "anchored")
"""Fits of closed shapes, also where the border of the volume cuts them."""


@dataclass(frozen=True)
class RefineConfig:
    """How surfaces are moved onto the density."""

    rounds: int = field(default=2, metadata={"help": "rounds of moving and refitting; 0: none"})
    reach_nm: float = field(
        default=12.0, metadata={"help": "the density is sampled this far to both sides, nm"}
    )
    patch_radius_nm: float = field(
        default=10.0, metadata={"help": "profiles are averaged over patches of this radius, nm"}
    )
    largest_shift_voxels: float = field(
        default=2.0, metadata={"help": "a point moves at most this far per round, voxels"}
    )
    converged_voxels: float = field(
        default=0.1, metadata={"help": "stop when the mean shift is below this, voxels"}
    )
    doubtful_z: float = field(
        default=6.0,
        metadata={"help": "a membrane darker than its flanks by fewer standard errors is doubtful"},
    )
    floor_z: float = field(
        default=2.0, metadata={"help": "below this a membrane shows no dark line and is dropped"}
    )
    sure_coverage: float = field(
        default=0.3,
        metadata={"help": "a doubtful membrane stays only if a whole shape seen to this share"},
    )
    least_observed: float = field(
        default=0.05, metadata={"help": "membranes seen to a smaller share than this are dropped"}
    )
    strict: bool = field(default=False, metadata={"help": "drop the doubtful membranes as well"})

    def __post_init__(self) -> None:
        limits = {
            "rounds": (0, 20),
            "reach_nm": (4.0, 60.0),
            "patch_radius_nm": (1.0, 100.0),
            "largest_shift_voxels": (0.1, 10.0),
            "converged_voxels": (0.0, 2.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise MembraneSegError(
                    f"{name} is {value}, expected {low} to {high}; change refine.{name}"
                )
        if self.floor_z > self.doubtful_z:
            raise MembraneSegError(
                f"floor_z {self.floor_z} is above doubtful_z {self.doubtful_z}; "
                "lower refine.floor_z"
            )


@dataclass(frozen=True)
class MembraneProfile:
    """What the tomogram shows across one membrane.

    Parameters
    ----------
    offsets_nm : (K,) float64
        Distances from the surface, outward positive.
    density : (K,) float64
        Mean over the observed surface; NaN where unknown.
    depth : float
        Darkness of the membrane against its surroundings, in units of the tomogram.
    z_score : float
        Depth over its standard error.
    thickness_nm : float or None
        Between the middles of the leaflets if `resolved`, else width of the one dark band.
    resolved : bool
    doubtful : bool
        The profile shows no convincing dark line.
    shift_voxels : float
        Root mean square distance that the surface was moved.
    rounds : int
        Kept.
    """

    offsets_nm: Float64
    density: Float64
    depth: float
    z_score: float
    thickness_nm: float | None
    resolved: bool
    doubtful: bool
    shift_voxels: float
    rounds: int


@dataclass(frozen=True)
class RefinedMembrane:
    """A membrane on its density, and the profile that shows it."""

    membrane: FittedMembrane
    profile: MembraneProfile


def unrefined(membrane: FittedMembrane, reason: str = "") -> RefinedMembrane:
    """Return a membrane as it was fitted: no density was looked at, or that failed.

    Parameters
    ----------
    membrane : FittedMembrane
    reason : str
        Why, if that deserves a warning.
    """
    if reason:
        warning = f"not refined on the density: {reason}"
        membrane = replace(membrane, warnings=(*membrane.warnings, warning))
    unknown = MembraneProfile(
        offsets_nm=np.zeros(0),
        density=np.zeros(0),
        depth=float("nan"),
        z_score=float("nan"),
        thickness_nm=None,
        resolved=False,
        doubtful=False,
        shift_voxels=0.0,
        rounds=0,
    )
    return RefinedMembrane(membrane, unknown)


def reason_to_drop(refined: RefinedMembrane, observed: float, config: RefineConfig) -> str:
    """Why a membrane is not believed: a whole shape is evidence, an open patch is not."""
    if observed < config.least_observed:
        return f"only {observed:.1%} of it was seen"
    surface, score = refined.membrane.surface, refined.profile.z_score
    if config.strict and refined.profile.doubtful:
        return f"doubtful: no clear dark line (z = {score:.1f}, {config.doubtful_z} is needed)"
    shaped = surface.method in WHOLE_SHAPES and surface.coverage >= config.sure_coverage
    floor = config.floor_z if shaped else config.doubtful_z
    return "" if score >= floor else f"no dark line (z = {score:.1f}, {floor} is needed)"
