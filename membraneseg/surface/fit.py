"""One implicit surface per membrane: the bridge from groups in Å to gp_fit in voxels."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.special import expit

from gp_fit.config import FitConfig
from gp_fit.fitted import FittedSurface
from gp_fit.points import superpoint_spacing
from gp_fit.scene import Scene
from gp_fit.star_fit import StarConfig
from membraneseg.coords import angstrom_to_index
from membraneseg.errors import MembraneSegError
from membraneseg.surface.closure import star_candidate
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.free_form import dense_points, free_surface, seen_part
from membraneseg.surface.implicit import Surface
from membraneseg.surface.pool import in_processes
from membraneseg.surface.trimming import leaves_by, within_volume
from membraneseg.types import Float64, MembraneGroup
from synth2d.wedge import wedge_depth_deg

logger = logging.getLogger(__name__)

DETECTED_AT_MOST = 0.92
"""Share of a fully visible membrane that the network finds."""
DETECTION_SOFTNESS_DEG = 5.76
"""Wedge depth over which the found share falls by a factor e in the wedge."""
RELIABLE_SOFTNESS_DEG = 1.0


@dataclass(frozen=True)
class SurfaceConfig:
    """How the surfaces are fitted and what counts as observed."""

    wedge_evidence: bool = field(
        default=True,
        metadata={"help": "let what was not seen speak: no points where the wedge would show them"},
    )
    reliable_depth_deg: float = field(
        default=-8.0,
        metadata={"help": "wedge depth from which points run straight on and count for less"},
    )
    sigma_inflation: float = field(
        default=1.2, metadata={"help": "factor on the fit's standard deviation, from phantoms"}
    )
    sigma_floor_voxels: float = field(
        default=0.16, metadata={"help": "added in square: what neighbouring points err together"}
    )
    support_radius_voxels: float = field(
        default=2.5,
        metadata={"help": "points within this distance (voxels) make a vertex observed"},
    )
    support_share: float = field(
        default=0.25,
        metadata={"help": "share of the median point density that a vertex needs to be observed"},
    )
    flag_smoothing_rounds: int = field(
        default=3, metadata={"help": "times the observed flag is averaged with its neighbours"}
    )
    closure: ClosureRules = field(
        default_factory=ClosureRules, metadata={"help": "what is closed, and where sheets end"}
    )
    gp: FitConfig = field(
        # Neighbouring points of a network err together: their common error is no shape, and
        # finer superpoints would only share it out among more of them.
        default_factory=lambda: FitConfig(star=StarConfig(superpoints=1200, erring_together=4.0)),
        metadata={"help": "the fit itself"},
    )

    def __post_init__(self) -> None:
        if not 0.5 <= self.support_radius_voxels <= 20.0:
            raise MembraneSegError(
                f"support_radius_voxels is {self.support_radius_voxels}, expected 0.5 to 20; "
                "change fit.support_radius_voxels"
            )
        if not 0.0 < self.support_share <= 1.0:
            raise MembraneSegError(
                f"support_share is {self.support_share}, expected above 0 and at most 1; "
                "change fit.support_share"
            )
        if not 0 <= self.flag_smoothing_rounds <= 50:
            raise MembraneSegError(
                f"flag_smoothing_rounds is {self.flag_smoothing_rounds}, expected 0 to 50; "
                "change fit.flag_smoothing_rounds"
            )


@dataclass(frozen=True)
class FittedMembrane:
    """One membrane and the surface through it.

    Parameters
    ----------
    label : int
        The label of its group.
    points_zyx_A : (P, 3) float64
        The points that the surface was fitted to.
    surface : Surface
        In voxels.
    warnings : tuple of str
        What a reader should know.
    """

    label: int
    points_zyx_A: Float64
    surface: Surface
    warnings: tuple[str, ...] = ()


def detection_probability(normals_zyx: Float64, tilt_range_deg: float) -> Float64:
    """Probability that a membrane with these normals was seen.

    Parameters
    ----------
    normals_zyx : (..., 3) float64
        Unit normals.
    tilt_range_deg : float
        θ of a ±θ tilt series.

    Returns
    -------
    (...) float64
        0.92 σ(−depth / 5.76°), with the wedge depth of `synth2d.wedge`.
    """
    depth = wedge_depth_deg(normals_zyx, tilt_range_deg)
    return np.asarray(DETECTED_AT_MOST * expit(-depth / DETECTION_SOFTNESS_DEG))


def fit_membrane(
    label: int, points_zyx_A: Float64, frame: VolumeFrame, config: SurfaceConfig
) -> FittedMembrane:
    """Fit the surface of one membrane.

    Parameters
    ----------
    label : int
    points_zyx_A : (P, 3) float64
    frame : VolumeFrame
    config : SurfaceConfig

    Returns
    -------
    FittedMembrane

    Raises
    ------
    gp_fit.errors.GeometryError
        When no surface can be made of the points.
    """
    points_px = angstrom_to_index(points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)

    def seen(normals_zyx: Float64) -> Float64:
        return detection_probability(normals_zyx, frame.tilt_range_deg)

    def reliable(normals_zyx: Float64) -> Float64:
        depth = wedge_depth_deg(normals_zyx, frame.tilt_range_deg)
        return np.asarray(expit((config.reliable_depth_deg - depth) / RELIABLE_SOFTNESS_DEG))

    evidence = seen if config.wedge_evidence else None
    trust = reliable if config.wedge_evidence else None
    dense = dense_points(points_px, config.gp)
    scene = Scene(points_px, dense, evidence, frame.contains, trust)
    surface = star_candidate(scene, frame, config.closure, config.gp)
    if surface is None or is_mostly_beyond(surface, points_px, frame, config):
        surface = free_surface(scene, frame, config.closure, config.gp)
    else:
        if config.closure.closed == "none":
            surface = seen_part(surface, points_px, frame, config.closure)
        surface = within_volume(surface, frame, config.closure)
    return FittedMembrane(label, points_zyx_A, surface, tuple(surface.warnings))


def is_mostly_beyond(
    surface: FittedSurface, points_px: Float64, frame: VolumeFrame, config: SurfaceConfig
) -> bool:
    """Whether a large closed shape is hardly seen, and stays open since it leaves the volume.

    What is guessed of it outside then only bends the part inside, which a surface on a lattice
    follows more closely.
    """
    rules = config.closure
    if rules.closed != "auto" or leaves_by(surface.vertices_zyx, frame) <= rules.border_px:
        return False
    spacing_px = superpoint_spacing(points_px, config.gp.hermite.superpoints)
    return surface.coverage < rules.seen_around and spacing_px > rules.widest_superpoints_px


def fit_membranes(
    groups: Sequence[MembraneGroup],
    frame: VolumeFrame,
    config: SurfaceConfig,
    progress: Callable[[int, int], None] | None = None,
    failed: Callable[[int, str], None] | None = None,
    jobs: int = 1,
) -> list[FittedMembrane]:
    """Fit one surface per group; a group that cannot be fitted is reported and left out.

    Parameters
    ----------
    groups : sequence of MembraneGroup
    frame : VolumeFrame
    config : SurfaceConfig
    progress : callable, optional
        Told (done, total) after each group.
    failed : callable, optional
        Told (label, reason) of each group without a surface.
    jobs : int
        Processes; 0 for one per core. The result does not depend on it.

    Returns
    -------
    list of FittedMembrane
        In the order of the groups.
    """
    started = time.perf_counter()
    work = partial(_fit_group, frame=frame, config=config)
    outcomes = in_processes(work, groups, len(groups), jobs, progress)
    fitted = []
    for group, outcome in zip(groups, outcomes, strict=True):
        if outcome.value is not None:
            fitted.append(outcome.value)
            continue
        logger.info("membrane %d has no surface: %s", group.label, outcome.reason)
        if failed is not None:
            failed(group.label, outcome.reason)
    seconds = time.perf_counter() - started
    logger.info("fit: %d of %d membranes in %.1f s", len(fitted), len(groups), seconds)
    return fitted


def _fit_group(group: MembraneGroup, frame: VolumeFrame, config: SurfaceConfig) -> FittedMembrane:
    return fit_membrane(group.label, group.points_zyx_A, frame, config)
