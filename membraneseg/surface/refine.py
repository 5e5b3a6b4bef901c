"""Move each surface onto the density: CryoVesNet's radial profile, for any shape.

References
----------
Khosrozadeh et al., CryoVesNet, J. Cell Biol. 2024, "Segmentation refinement using radial profile".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gp_fit.errors import GeometryError
from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.errors import MembraneSegError
from membraneseg.surface.align import patch_radius_nm, point_shifts
from membraneseg.surface.fit import FittedMembrane, SurfaceConfig, fit_membrane
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.mesh import seen_vertices
from membraneseg.surface.profile import (
    Profiles,
    band_contrast,
    sample_profiles,
    sharpness,
    thickness,
    unit,
    weighted_mean,
)
from membraneseg.types import Float64

logger = logging.getLogger(__name__)

STEP_VOXELS = 0.5
EXPLAINED_TOLERANCE = 0.01
"""The share of explained points may fluctuate by this much between two fits."""
SHARPNESS_KEPT = 0.98
"""A refit may flatten the mean profile to this share: a pure shift changes it by noise alone."""

Fitter = Callable[[int, Float64], FittedMembrane]


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
        metadata={"help": "a doubtful membrane stays only if closed and seen to this share"},
    )

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


def refine_membranes(
    voxels: npt.NDArray[np.generic],
    membranes: Sequence[FittedMembrane],
    frame: VolumeFrame,
    surface_config: SurfaceConfig,
    config: RefineConfig,
    progress: Callable[[int, int], None] | None = None,
) -> list[RefinedMembrane]:
    """Refine every membrane; drop those whose place shows no dark line at all.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Densities, dark membranes; may be a memory map.
    membranes : sequence of FittedMembrane
    frame : VolumeFrame
    surface_config : SurfaceConfig
        For the refits and the observed flag.
    config : RefineConfig
    progress : callable, optional
        Told (done, total).

    Returns
    -------
    list of RefinedMembrane
        In the order given, less those dropped (logged with their score).
    """

    def refit(label: int, points_zyx_A: Float64) -> FittedMembrane:
        return fit_membrane(label, points_zyx_A, frame, surface_config)

    started = time.perf_counter()
    kept = []
    for done, membrane in enumerate(membranes, start=1):
        refined = refine_membrane(voxels, membrane, frame, refit, (surface_config, config))
        reason = _reason_to_drop(refined, config)
        if reason:
            logger.warning("membrane %d dropped: %s", membrane.label, reason)
        else:
            kept.append(refined)
        if progress is not None:
            progress(done, len(membranes))
    seconds = time.perf_counter() - started
    logger.info("refine: %d of %d membranes kept in %.1f s", len(kept), len(membranes), seconds)
    return kept


def refine_membrane(
    voxels: npt.NDArray[np.generic],
    membrane: FittedMembrane,
    frame: VolumeFrame,
    refit: Fitter,
    configs: tuple[SurfaceConfig, RefineConfig],
) -> RefinedMembrane:
    """Move one surface onto the density and measure its profile.

    Parameters
    ----------
    voxels : (Z, Y, X) array
    membrane : FittedMembrane
    frame : VolumeFrame
    refit : callable
        (label, points in Å) → FittedMembrane.
    configs : (SurfaceConfig, RefineConfig)

    Returns
    -------
    RefinedMembrane

    Notes
    -----
    Points move by the shift of their patch against the mean profile plus that of its dark middle
    against the surface. A refit is kept only if the profile stays sharp and the points explained.
    """
    surface_config, config = configs
    current, profiles = membrane, _profiles(voxels, membrane, frame, surface_config, config)
    travelled, rounds = np.zeros(len(membrane.points_zyx_A)), 0
    for _ in range(config.rounds):
        points = angstrom_to_index(current.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
        voxel_nm, largest = frame.voxel_size_nm, config.largest_shift_voxels
        patch_nm = patch_radius_nm(profiles, voxel_nm, config.patch_radius_nm, config.doubtful_z)
        shifts = point_shifts(profiles, points, voxel_nm, patch_nm, largest)
        if float(np.abs(shifts).mean()) < config.converged_voxels:
            break
        moved = points + shifts[:, None] * unit(current.surface.gradient(points))
        moved_A = index_to_angstrom(moved, frame.voxel_size_A, frame.origin_zyx_A)
        try:
            candidate = refit(membrane.label, moved_A)
        except (GeometryError, np.linalg.LinAlgError) as error:
            logger.info("membrane %d keeps its earlier fit: %s", membrane.label, error)
            break
        tried = _profiles(voxels, candidate, frame, surface_config, config)
        if not _is_better(candidate, tried, current, profiles, frame.voxel_size_nm):
            break
        current, profiles, rounds = candidate, tried, rounds + 1
        travelled = travelled + shifts
    shift = float(np.sqrt((travelled**2).mean())) if len(travelled) else 0.0
    return _described(current, profiles, frame.voxel_size_nm, config, (shift, rounds))


def _profiles(
    voxels: npt.NDArray[np.generic],
    membrane: FittedMembrane,
    frame: VolumeFrame,
    surface_config: SurfaceConfig,
    config: RefineConfig,
) -> Profiles:
    surface = membrane.surface
    points = angstrom_to_index(membrane.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
    observed = seen_vertices(surface, points, frame, surface_config)
    reach = max(config.reach_nm / frame.voxel_size_nm, 2 * config.largest_shift_voxels + 2.0)
    return sample_profiles(voxels, surface, observed, reach, STEP_VOXELS)


def _is_better(
    candidate: FittedMembrane,
    tried: Profiles,
    current: FittedMembrane,
    profiles: Profiles,
    voxel_size_nm: float,
) -> bool:
    explained = candidate.surface.explained >= current.surface.explained - EXPLAINED_TOLERANCE
    same_kind = candidate.surface.closed == current.surface.closed
    before, after = (sharpness(one, voxel_size_nm) for one in (profiles, tried))
    return explained and same_kind and after >= SHARPNESS_KEPT * before


def _described(
    membrane: FittedMembrane,
    profiles: Profiles,
    voxel_size_nm: float,
    config: RefineConfig,
    moves: tuple[float, int],
) -> RefinedMembrane:
    """Measure the final profile."""
    depth, z_score = band_contrast(profiles, voxel_size_nm, config.patch_radius_nm)
    doubtful = z_score < config.doubtful_z
    mean, width = weighted_mean(profiles.density, profiles.areas), None
    if not doubtful and np.isfinite(mean).all():
        width = thickness(mean, profiles.offsets, 0.0, depth / z_score)
    profile = MembraneProfile(
        offsets_nm=profiles.offsets * voxel_size_nm,
        density=mean,
        depth=depth,
        z_score=z_score,
        thickness_nm=None if width is None else width[0] * voxel_size_nm,
        resolved=width is not None and width[1],
        doubtful=doubtful,
        shift_voxels=moves[0],
        rounds=moves[1],
    )
    return RefinedMembrane(membrane, profile)


def _reason_to_drop(refined: RefinedMembrane, config: RefineConfig) -> str:
    """Why a membrane is not believed: a closed shape is evidence, an open patch is not."""
    surface, score = refined.membrane.surface, refined.profile.z_score
    shaped = surface.closed and surface.coverage >= config.sure_coverage
    floor = config.floor_z if shaped else config.doubtful_z
    if score >= floor:
        return ""
    return f"no dark line (z = {score:.1f}, at least {floor} is needed)"
