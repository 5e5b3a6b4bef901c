"""The order of the steps from a tomogram to its synaptic vesicles."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from membraneseg.coords import index_to_angstrom
from membraneseg.errors import MembraneSegError
from membraneseg.ledger import Reporter
from membraneseg.outputs import narrow_labels
from membraneseg.types import Bool, Float32, Float64, Tomogram
from membraneseg.vesicle_config import VesicleRunConfig
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, Balls
from membraneseg.vesicles.ellipsoids import Bulges, bulges_of
from membraneseg.vesicles.membership import Judged, judged
from membraneseg.vesicles.rays import View
from membraneseg.vesicles.refinement import Measured, measured, refined
from membraneseg.vesicles.segments import adapted, balls_of, labelled
from membraneseg.vesicles.spheres import Vesicle
from membraneseg.vesicles.thresholds import darkest_shell_threshold

log = logging.getLogger(__name__)

Result = TypeVar("Result")
IntLabels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Steps:
    """What each step found, in order; a step that was left out is missing.

    Parameters
    ----------
    labels : dict of str to (Z, Y, X) int16 or uint16
        Of the steps "threshold" and "segments".
    balls : dict of str to list of Vesicle
        Of the steps "spheres", "refinement" and "outliers".
    seconds : dict of str to float
        Processor time of each step.
    """

    labels: dict[str, IntLabels]
    balls: dict[str, list[Vesicle]]
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class FoundVesicles:
    """The vesicles of a tomogram and how they were found.

    Parameters
    ----------
    vesicles : list of Vesicle
        In order of their ids, 1 … N.
    probability : (Z, Y, X) float32
        Of vesicle, lumen and membrane.
    judged : Judged or None
        Profiles and p values, those that were dropped included; None if no sphere was measured.
    before : Measured or None
        The same spheres before refinement.
    bulges : Bulges or None
        Of `vesicles`, where ellipsoids were asked for.
    steps : Steps
    """

    vesicles: list[Vesicle]
    probability: Float32
    judged: Judged | None
    before: Measured | None
    bulges: Bulges | None
    steps: Steps


def vesicles_from(
    probability: Float32,
    tomogram: Tomogram,
    config: VesicleRunConfig,
    region: Bool | None,
    reporter: Reporter,
) -> FoundVesicles:
    """Go from any probability of vesicle (lumen and membrane) to vesicles.

    Parameters
    ----------
    probability : (Z, Y, X) float32
    tomogram : Tomogram
        Dark membranes.
    config : VesicleRunConfig
        With a tilt range.
    region : (Z, Y, X) bool or None
        Where centres may lie.
    reporter : Reporter

    Returns
    -------
    FoundVesicles

    Raises
    ------
    MembraneSegError
        If the region is not of the tomogram's shape.
    """
    if region is not None and region.shape != tomogram.voxels.shape:
        raise MembraneSegError(
            f"the region has {region.shape} voxels and the tomogram {tomogram.voxels.shape}, "
            "expected the same: give a mask of this tomogram."
        )
    steps = Steps({}, {}, {})
    view = View(tomogram.voxels, tomogram.voxel_size_A, config.tilt_range_deg)
    clock = _Clock(steps, reporter)
    labels = _segments(probability, tomogram, config, clock)
    balls = clock.timed("spheres", lambda: balls_of(labels, tomogram.voxel_size_A))
    if region is not None:
        balls = balls.chosen(within(region, balls.centres_px))
    if "spheres" not in config.steps:
        return FoundVesicles(_plain(balls, tomogram), probability, None, None, None, steps)
    steps.balls["spheres"] = _plain(balls, tomogram)
    found = before = measured(balls, view, config.refinement)
    if "refinement" in config.steps:
        found = clock.timed("refinement", lambda: refined(balls, view, config.refinement))
        steps.balls["refinement"] = as_vesicles(_unjudged(found), tomogram)
    verdict = _unjudged(found)
    if "outliers" in config.steps:
        verdict = clock.timed(
            "outliers", lambda: judged(found, balls, view, config.outliers, config.refinement)
        )
        steps.balls["outliers"] = as_vesicles(verdict, tomogram)
    vesicles = as_vesicles(verdict, tomogram)
    bulges = None
    if config.ellipsoids:
        kept = verdict.measured.balls.chosen(~verdict.dropped)
        bulges = clock.timed("ellipsoids", lambda: bulges_of(kept, view, config.refinement))
    log.info("%d vesicles of %d segments", len(vesicles), len(balls))
    return FoundVesicles(vesicles, probability, verdict, before, bulges, steps)


@dataclass(frozen=True, eq=False)
class _Clock:
    """Notes the processor time of each step, and tells who watches."""

    steps: Steps
    reporter: Reporter

    def timed(self, name: str, work: Callable[[], Result]) -> Result:
        with self.reporter.stage(name) as progress:
            started = time.process_time()
            result = work()
            self.steps.seconds[name] = time.process_time() - started
            progress(1.0)
        return result


def _segments(
    probability: Float32, tomogram: Tomogram, config: VesicleRunConfig, clock: _Clock
) -> IntLabels:
    """Global threshold, labels, and what the adaptive threshold makes of them."""

    def threshold() -> tuple[float, IntLabels]:
        level = config.plain_threshold
        if "threshold" in config.steps:
            level = darkest_shell_threshold(probability, tomogram.voxels, config.threshold)
        return level, narrow_labels(labelled(probability, level))

    level, labels = clock.timed("threshold", threshold)
    clock.steps.labels["threshold"] = labels
    if "segments" not in config.steps:
        return labels
    voxel_A = tomogram.voxel_size_A
    better = clock.timed(
        "segments",
        lambda: narrow_labels(adapted(labels, probability, level, voxel_A, config.segments)),
    )
    clock.steps.labels["segments"] = better
    return better


def as_vesicles(verdict: Judged, tomogram: Tomogram) -> list[Vesicle]:
    """Rows of the table, numbered anew, for the spheres that were not dropped."""
    measured_ones = verdict.measured
    places = index_to_angstrom(
        measured_ones.balls.centres_px, tomogram.voxel_size_A, tomogram.origin_zyx_A
    )
    radii = measured_ones.balls.radii_px * tomogram.voxel_size_A
    vesicles: list[Vesicle] = []
    for index in np.flatnonzero(~verdict.dropped):
        plain = Vesicle(len(vesicles) + 1, places[index], float(radii[index]))
        band, p_value = measured_ones.bands[index], float(verdict.p_values[index])
        if band is not None:
            plain = replace(
                plain,
                outer_radius_A=plain.radius_A + 0.5 * band.thickness_A,
                thickness_A=band.thickness_A,
                membrane_intensity=band.intensity,
                p_value=p_value if np.isfinite(p_value) else None,
                refined=bool(verdict.refined[index]),
            )
        vesicles.append(plain)
    return vesicles


def within(region: Bool, centres_px: Float64) -> Bool:
    """Which of (N, 3) positions lie in a voxel of a region."""
    nearest = np.clip(np.rint(centres_px).astype(int), 0, np.array(region.shape) - 1)
    return np.asarray(region[tuple(nearest.T)], dtype=np.bool_)


def _plain(balls: Balls, tomogram: Tomogram) -> list[Vesicle]:
    """Rows of the table before anything was measured: half a typical membrane outside."""
    places = index_to_angstrom(balls.centres_px, tomogram.voxel_size_A, tomogram.origin_zyx_A)
    radii = balls.radii_px * tomogram.voxel_size_A
    return [
        Vesicle(int(label), place, float(radius), outer_radius_A=float(radius) + HALF_MEMBRANE_A)
        for label, place, radius in zip(balls.ids, places, radii, strict=True)
    ]


def _unjudged(found: Measured) -> Judged:
    count = len(found.balls)
    none = np.zeros(count, dtype=bool)
    return Judged(found, np.full(count, np.nan), none, none)
