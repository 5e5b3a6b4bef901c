"""Move each surface onto the density: CryoVesNet's radial profile, for any shape.

References
----------
Khosrozadeh et al., CryoVesNet, J. Cell Biol. 2024, "Segmentation refinement using radial profile".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from gp_fit.errors import GeometryError
from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.surface.align import patch_radius_nm, point_shifts
from membraneseg.surface.fit import FittedMembrane, SurfaceConfig, fit_membrane
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.mesh import seen_vertices
from membraneseg.surface.pool import in_processes
from membraneseg.surface.profile import (
    Profiles,
    band_contrast,
    sample_profiles,
    sharpness,
    thickness,
    unit,
    weighted_mean,
)
from membraneseg.surface.refined import (
    MembraneProfile,
    RefineConfig,
    RefinedMembrane,
    reason_to_drop,
    unrefined,
)
from membraneseg.surface.window import VoxelWindow, window_about
from membraneseg.types import Bool, Float64

logger = logging.getLogger(__name__)

STEP_VOXELS = 0.5
EXPLAINED_TOLERANCE = 0.01
"""The share of explained points may fluctuate by this much between two fits."""
SHARPNESS_KEPT = 0.98
"""A refit may flatten the mean profile to this share: a pure shift changes it by noise alone."""

NEGLIGIBLE_SHARE = 0.3
"""Of the shift at which refinement is done; a smaller one is not worth a first refit."""

WINDOW_SLACK_PX = 12.0
"""A refit may shift the inferred parts of a surface by so much more than its points moved."""

Fitter = Callable[[int, Float64], FittedMembrane]
Volume = npt.NDArray[np.generic] | VoxelWindow


def refine_membranes(
    voxels: npt.NDArray[np.generic],
    membranes: Sequence[FittedMembrane],
    frame: VolumeFrame,
    configs: tuple[SurfaceConfig, RefineConfig],
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
) -> list[RefinedMembrane]:
    """Refine every membrane; drop those whose place shows no dark line at all.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Densities, dark membranes; may be a memory map.
    membranes : sequence of FittedMembrane
    frame : VolumeFrame
    configs : (SurfaceConfig, RefineConfig)
        The first for the refits and the observed flag.
    progress : callable, optional
        Told (done, total).
    jobs : int
        Processes; 0 for one per core. The result does not depend on it.

    Returns
    -------
    list of RefinedMembrane
        In the order given, less those dropped (logged with their score). One whose refinement
        fails keeps its place, with a warning.
    """
    started = time.perf_counter()
    surface_config, config = configs
    moves = (config.rounds + 1) * config.largest_shift_voxels
    margin = _reach_px(config, frame) + moves + WINDOW_SLACK_PX
    items = (
        (window_about(voxels, membrane.surface.vertices_zyx, margin), membrane)
        for membrane in membranes
    )
    work = partial(_refine_one, frame=frame, configs=configs)
    outcomes = in_processes(work, items, len(membranes), jobs, progress)
    kept = []
    for membrane, outcome in zip(membranes, outcomes, strict=True):
        refined = outcome.value or unrefined(membrane, outcome.reason)
        observed = _seen(refined.membrane, frame, surface_config)
        reason = reason_to_drop(refined, float(observed.mean()), config)
        if reason and not outcome.reason:
            logger.info("membrane %d dropped: %s", membrane.label, reason)
        else:
            kept.append(refined)
    seconds = time.perf_counter() - started
    logger.info("refine: %d of %d membranes kept in %.1f s", len(kept), len(membranes), seconds)
    return kept


def _refine_one(
    item: tuple[VoxelWindow, FittedMembrane],
    frame: VolumeFrame,
    configs: tuple[SurfaceConfig, RefineConfig],
) -> RefinedMembrane:
    window, membrane = item

    def refit(label: int, points_zyx_A: Float64) -> FittedMembrane:
        return fit_membrane(label, points_zyx_A, frame, configs[0])

    return refine_membrane(window, membrane, frame, refit, configs)


def refine_membrane(
    voxels: Volume,
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
        mean_shift = float(np.abs(shifts).mean())
        if mean_shift < NEGLIGIBLE_SHARE * config.converged_voxels:
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
        if mean_shift < config.converged_voxels:
            break
    shift = float(np.sqrt((travelled**2).mean())) if len(travelled) else 0.0
    return _described(current, profiles, frame.voxel_size_nm, config, (shift, rounds))


def _profiles(
    voxels: Volume,
    membrane: FittedMembrane,
    frame: VolumeFrame,
    surface_config: SurfaceConfig,
    config: RefineConfig,
) -> Profiles:
    observed = _seen(membrane, frame, surface_config)
    reach = _reach_px(config, frame)
    return sample_profiles(voxels, membrane.surface, observed, reach, STEP_VOXELS)


def _reach_px(config: RefineConfig, frame: VolumeFrame) -> float:
    """How far from the surface the tomogram is sampled, in voxels."""
    return max(config.reach_nm / frame.voxel_size_nm, 2 * config.largest_shift_voxels + 2.0)


def _seen(membrane: FittedMembrane, frame: VolumeFrame, surface_config: SurfaceConfig) -> Bool:
    points = angstrom_to_index(membrane.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
    return seen_vertices(membrane.surface, points, frame, surface_config)


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
