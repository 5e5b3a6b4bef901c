"""What was not seen says where the surface turns away from the beam's tilt range.

Where a membrane would be visible, it would have been found. So where nothing was found, its
normal must lie in the missing wedge. This closes the caps of a star-shaped surface better than
any prior.

Notes
-----
With A and c₀ the precision and mean of the plain fit, directions u_j of area a_j and normals
N_j(c), linear in c, the energy

    E(c) = ½ (c - c₀)ᵀ A (c - c₀) - Σ_j w_j / M · log[(1 - π) exp(M l_j) + π],
    l_j = q_j log p(N_j) + (1 - q_j) log(1 - p(N_j)) - its maximum over p

is lowered by Fisher scoring with a line search. q_j is the share of the expected points that was
found, w_j the independent trials on the patch, π the share of gaps that the wedge does not explain.

"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.spatial import cKDTree

from gp_fit.arrays import Float64
from gp_fit.coverage import DetectionProbability, InsideVolume
from gp_fit.evidence_energy import (
    Energy,
    EvidenceConfig,
    Findings,
    Patches,
    PatchLikelihood,
    findings_of,
)
from gp_fit.harmonics import harmonic_gradients, harmonics
from gp_fit.sphere import spiral_directions
from gp_fit.star_fit import MOST_POINTS, StarState
from gp_fit.star_shaped import StarShapedSurface
from gp_fit.star_system import normal_scale

logger = logging.getLogger(__name__)

_CHECKED_POINTS = 1500


def with_wedge_evidence(
    surface: StarShapedSurface,
    raw_points_zyx: Float64,
    detection_probability: DetectionProbability,
    inside_volume: InsideVolume | None = None,
    config: EvidenceConfig | None = None,
) -> StarShapedSurface:
    """Correct a star-shaped surface by what was not seen.

    Parameters
    ----------
    surface : StarShapedSurface
        The plain fit.
    raw_points_zyx : (N, 3) float64
        All points of the membrane in voxels, before any filter.
    detection_probability : callable
        Probability (N,) that a membrane with unit normals (N, 3) zyx is found.
    inside_volume : callable, optional
        Whether positions (N, 3) lie in the tomogram; elsewhere an absence says nothing.
    config : EvidenceConfig, optional

    Returns
    -------
    StarShapedSurface
        The corrected surface, or `surface` itself where the evidence is unusable or makes the fit
        worse: too little well-seen area, no positive definite system, or a surface that leaves
        its points.

    Notes
    -----
    Cost about 0.1 s for 1000 patches and degree 12.
    """
    options = config or EvidenceConfig()
    state = surface.state
    patches = _patches(state, options)
    raw_points_zyx = raw_points_zyx[:: -(-len(raw_points_zyx) // MOST_POINTS)]
    best = surface
    for _ in range(2):
        findings = _count(
            best, patches, raw_points_zyx, options, detection_probability, inside_volume
        )
        if findings is None:
            return surface
        corrected = _scored(state, best.state, patches, findings, (detection_probability, options))
        if corrected is None or not _is_sound(surface, corrected, raw_points_zyx):
            logger.debug("the evidence of absence was not used: the corrected fit is no better")
            return surface
        best = corrected
    return best


def _patches(state: StarState, options: EvidenceConfig) -> Patches:
    axes = state.ellipsoid.semi_axes
    area = 4.0 * np.pi * float(np.mean(axes)) ** 2
    count = int(np.clip(area / options.patch_area_px2, 200, options.most_patches))
    directions = spiral_directions(count)
    basis = harmonics(directions, state.max_degree)
    slopes = harmonic_gradients(directions, state.max_degree)
    to_space = state.ellipsoid.rotation / axes  # (3, 3): Q diag(1 / a)
    change = directions[:, :, None] * basis[:, None, :] - slopes
    return Patches(
        directions,
        basis,
        directions @ to_space.T,
        np.einsum("ij,njk->nik", to_space, change, optimize=True),
    )


def _count(
    surface: StarShapedSurface,
    patches: Patches,
    raw_points: Float64,
    options: EvidenceConfig,
    detection_probability: DetectionProbability,
    inside_volume: InsideVolume | None,
) -> Findings | None:
    """Count raw points near each patch; None if the density of well-seen parts is unknown."""
    state = surface.state
    height = 1.0 + patches.basis @ state.coefficients
    positions = state.ellipsoid.unscaled(height[:, None] * patches.directions)
    normals = patches.normals(state.coefficients)
    length = np.linalg.norm(normals, axis=1)
    solid_angle = 4.0 * np.pi / len(height)
    areas = float(np.prod(state.ellipsoid.semi_axes)) * height * length * solid_angle
    counts = _hits(surface, patches, raw_points, options.reach_px)
    inside = np.ones(len(height), np.bool_) if inside_volume is None else inside_volume(positions)
    probability = detection_probability(normals / length[:, None])
    return findings_of(counts, areas, probability, inside, options)


def _hits(
    surface: StarShapedSurface, patches: Patches, raw_points: Float64, reach_px: float
) -> Float64:
    """Count (J,) the points near the surface over each patch, where it is taken as flat."""
    state = surface.state
    scaled = state.ellipsoid.scaled(raw_points)
    radius = np.maximum(np.linalg.norm(scaled, axis=1), 1e-9)
    directions = scaled / radius[:, None]
    patch = cKDTree(patches.directions).query(directions)[1]
    height, slopes = surface.height_and_slopes(patches.directions)
    scale = normal_scale(patches.directions, height, slopes, state.ellipsoid.semi_axes)
    offset = np.sum(slopes[patch] * (directions - patches.directions[patch]), axis=1)
    gap = np.abs(radius - height[patch] - offset) * scale[patch]
    near = gap < reach_px + 2.0 * surface.sd_in(patches.directions)[patch]
    return np.bincount(patch[near], minlength=len(height)).astype(np.float64)


def _scored(
    plain: StarState,
    start: StarState,
    patches: Patches,
    findings: Findings,
    model: tuple[DetectionProbability, EvidenceConfig],
) -> StarShapedSurface | None:
    """Fisher scoring from `start`; None if a system is not positive definite."""
    try:
        precision = np.asarray(np.linalg.inv(plain.covariance), dtype=np.float64)
        coefficients = start.coefficients
        energy = Energy(plain, precision, patches, PatchLikelihood(findings, *model))
        current = energy.value(coefficients)
        for _ in range(model[1].steps):
            gradient, curvature = energy.slope(coefficients)
            step = -cho_solve(cho_factor(curvature), gradient)
            coefficients, gain = energy.searched(coefficients, step, current)
            current -= gain
            if gain < 1e-3 * (1.0 + abs(current)):
                break
        curvature = energy.slope(coefficients)[1]
        covariance = cho_solve(cho_factor(curvature), np.eye(len(curvature)))
    except LinAlgError:
        return None
    if not (np.isfinite(coefficients).all() and np.isfinite(covariance).all()):
        return None
    state = replace(plain, coefficients=coefficients, covariance=0.5 * (covariance + covariance.T))
    return StarShapedSurface.from_state(state)


def _is_sound(plain: StarShapedSurface, corrected: StarShapedSurface, points: Float64) -> bool:
    """Whether the corrected surface keeps its points, its centre and about its volume."""
    if corrected.height(spiral_directions(500)).min() < 0.1:
        return False
    points = points[:: max(1, len(points) // _CHECKED_POINTS)]
    gaps = [
        np.abs(surface.value(points)) / np.linalg.norm(surface.gradient(points), axis=1)
        for surface in (plain, corrected)
    ]
    lost = np.mean(gaps[0] < 2.5) - np.mean(gaps[1] < 2.5)
    worse = np.median(gaps[1]) > 1.1 * np.median(gaps[0]) + 0.05
    ratio = corrected.volume / plain.volume
    return bool(lost < 0.01 and not worse and 0.6 < ratio < 1.4)
