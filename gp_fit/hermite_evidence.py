"""What was not seen turns the unseen parts of a Hermite surface, or of one on a lattice.

On each patch of the current surface the evidence asks for a turn of the normal, with a certainty.
In the process, that is one more observation of a slope of f: across the normal, in the direction
in which the probability to be seen changes fastest. A few rounds make this Fisher scoring.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64, Int64
from gp_fit.coverage import DetectionProbability, InsideVolume, vertex_areas
from gp_fit.evidence_energy import EvidenceConfig, Findings, PatchLikelihood, findings_of
from gp_fit.fitted import ImplicitSurface
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_system import Turns
from gp_fit.points import superpoint_spacing, superpoints

logger = logging.getLogger(__name__)

_ROUNDS = 4
_MOST_PATCHES = 300
_LEAST_SPACING_PX = 4.0
_COUNTED_POINTS, _POINTS_PER_PATCH = 20_000, 30
_WIDEST_TURN_RAD = 0.25
_LEAST_INFORMATION = 0.05
"""Of an angle in radians; less moves nothing."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """All points of a membrane and what is known about its visibility.

    Parameters
    ----------
    raw_points_zyx : (N, 3) float64
        Before any filter, in voxels.
    detection_probability : callable
        Probability (N,) that a membrane with unit normals (N, 3) zyx is found.
    inside_volume : callable or None
        Whether positions (N, 3) lie in the tomogram.
    """

    raw_points_zyx: Float64
    detection_probability: DetectionProbability
    inside_volume: InsideVolume | None = None


def hermite_with_evidence(
    surface: HermiteSurface,
    mesh: tuple[Float64, Int64],
    sighting: Sighting,
    config: EvidenceConfig | None = None,
) -> HermiteSurface:
    """Correct a closed Hermite surface by what was not seen.

    Parameters
    ----------
    surface : HermiteSurface
        The plain fit.
    mesh : (V, 3) float64 and (F, 3) int64
        Its zero level.
    sighting : Sighting
    config : EvidenceConfig, optional

    Returns
    -------
    HermiteSurface
        The corrected surface; `surface` itself if too little is well seen, or if the corrected
        system is not positive definite.

    Notes
    -----
    Some 0.3 s for 450 superpoints and 300 patches.
    """
    options = config or EvidenceConfig()
    positions, areas = patches_of(*mesh)
    plain, best = surface.state, surface
    for _ in range(_ROUNDS):
        positions = on_surface(best, positions)
        turns = asked_turns(best, (positions, areas), sighting, options)
        if turns is None:
            return surface
        scaled = replace(turns, positions=(turns.positions - plain.centre_zyx) / plain.scale_px)
        try:
            turned = replace(plain.data, turns=plain.data.turns.joined(scaled))
            state = replace(plain, data=turned)
            best = HermiteSurface.from_state(state)
        except LinAlgError:
            logger.debug("the evidence of absence was not used: no positive definite system")
            return surface
    return best


def asked_turns(
    surface: ImplicitSurface,
    patches: tuple[Float64, Float64],
    sighting: Sighting,
    options: EvidenceConfig,
) -> Turns | None:
    """Slopes across the normals that what was not seen asks for, in one scoring step.

    Parameters
    ----------
    surface : ImplicitSurface
    patches : (J, 3) and (J,) float64
        Positions on it and the area about each.
    sighting : Sighting
    options : EvidenceConfig

    Returns
    -------
    Turns or None
        In voxels; None if too little is well seen.
    """
    positions, areas = patches
    points = sighting.raw_points_zyx
    counted = max(_COUNTED_POINTS, _POINTS_PER_PATCH * len(positions))
    points = points[:: max(1, len(points) // counted)]
    slope = surface.gradient(positions)
    steepness = np.linalg.norm(slope, axis=1)
    normals = slope / np.maximum(steepness, 1e-6)[:, None]
    findings = _count(points, (positions, normals, areas), sighting, options)
    if findings is None:
        return None
    likelihood = PatchLikelihood(findings, sighting.detection_probability, options)
    return _turns(likelihood, positions, normals, steepness)


def patches_of(
    vertices: Float64, faces: Int64, most: int = _MOST_PATCHES
) -> tuple[Float64, Float64]:
    """Even positions (J, 3) on a mesh, about `most` or fewer, and the area (J,) of each."""
    areas = vertex_areas(vertices, faces)
    spacing = superpoint_spacing(vertices, most, _LEAST_SPACING_PX)
    centres, _, labels = superpoints(vertices, spacing)
    return centres, np.bincount(labels, areas, len(centres)).astype(np.float64)


def on_surface(surface: HermiteSurface, positions: Float64) -> Float64:
    """Move positions (N, 3) onto the zero level, by two Newton steps."""
    for _ in range(2):
        slope = surface.gradient(positions)
        steepness2 = np.maximum(np.sum(slope**2, axis=1, keepdims=True), 0.05)
        positions = positions - surface.value(positions)[:, None] * slope / steepness2
    return positions


def _count(
    points: Float64,
    patches: tuple[Float64, Float64, Float64],
    sighting: Sighting,
    options: EvidenceConfig,
) -> Findings | None:
    """Count points near the tangent plane of the nearest patch."""
    positions, normals, areas = patches
    patch = cKDTree(positions).query(points)[1]
    away = np.abs(np.sum((points - positions[patch]) * normals[patch], axis=1))
    counts = np.bincount(patch[away < options.reach_px], minlength=len(positions))
    inside = np.ones(len(positions), np.bool_)
    if sighting.inside_volume is not None:
        inside = sighting.inside_volume(positions)
    probability = sighting.detection_probability(normals)
    return findings_of(counts.astype(np.float64), areas, probability, inside, options)


def _turns(
    likelihood: PatchLikelihood, positions: Float64, normals: Float64, steepness: Float64
) -> Turns:
    """Return the slopes across the normals that one scoring step asks for."""
    turning, score, information = likelihood.pull(normals)
    rate = np.linalg.norm(turning, axis=1)  # of p with the angle
    known = information * rate**2
    used = known > _LEAST_INFORMATION
    rate, known, steep = rate[used], known[used], steepness[used]
    angle = np.clip(score[used] * rate / known, -_WIDEST_TURN_RAD, _WIDEST_TURN_RAD)
    return Turns(positions[used], turning[used] / rate[:, None], steep * angle, steep**2 / known)
