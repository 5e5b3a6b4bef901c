"""All scores of one result against one truth, as a flat dictionary."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from membraneseg.evaluate.matching import (
    Matching,
    PairScores,
    match,
    panoptic_quality,
    score_pair,
)
from membraneseg.evaluate.parts import mesh_parts
from membraneseg.evaluate.surfaces import (
    SurfaceSamples,
    cropped,
    distances_to,
    is_watertight,
    joined,
    near_share,
    on_cap,
    sample_surface,
    visible,
)
from membraneseg.evaluate.voxels import (
    adjusted_rand_index,
    dice,
    mean_slice_dice,
    surface_dice_of_shells,
)
from membraneseg.types import Float64, Mesh
from synth2d.wedge import TRANSITION_DEG, wedge_depth_deg

SAMPLES_PER_VOXEL = 1.0
"""Samples along one voxel edge when surfaces are compared; distances are exact at each."""
MATCH_TOLERANCE_PX = 2.0

Labels = npt.NDArray[Any]
Scores = dict[str, Any]


@dataclass(frozen=True)
class LabelledMembranes:
    """Membranes as voxels and as meshes, predicted or true.

    Parameters
    ----------
    mask : (Z, Y, X) array
        Above 0 on membranes.
    instances : (Z, Y, X) array
        Membrane ids.
    meshes : tuple of Mesh
        Middle of each membrane.
    labels : tuple of int
        Id of each mesh.
    closed : tuple of bool
        Whether each is said to enclose a volume.
    """

    mask: Labels
    instances: Labels
    meshes: tuple[Mesh, ...]
    labels: tuple[int, ...]
    closed: tuple[bool, ...]


@dataclass(frozen=True)
class Geometry:
    """Where the voxels are and what the microscope could see."""

    voxel_size_A: float
    origin_zyx_A: Float64
    tilt_range_deg: float

    def corners_A(self, shape_zyx: tuple[int, ...]) -> tuple[Float64, Float64]:
        """Outer corners (3,) zyx of a volume of that shape."""
        half_A = self.voxel_size_A / 2
        low_A = np.asarray(self.origin_zyx_A, dtype=np.float64) - half_A
        return low_A, low_A + np.asarray(shape_zyx) * self.voxel_size_A


def score_membranes(
    predicted: LabelledMembranes, true: LabelledMembranes, geometry: Geometry
) -> Scores:
    """Compare predicted with true membranes.

    Parameters
    ----------
    predicted, true : LabelledMembranes
        On the same voxels.
    geometry : Geometry

    Returns
    -------
    dict
        Counts first, then ratios; `per_membrane` is a list with one dictionary per true membrane.
        A value is None where there is nothing to measure (no pair, no cap, no sigma).

    Notes
    -----
    Shares of overlap follow one rule: nothing against nothing is 1, nothing against something 0.
    `_visible` counts only the surface of wedge depth below 0°, `_invisible` only that beyond 10°;
    each sample by its own normal, each voxel by the nearest surface of either side. Surface beyond
    the volume does not count: what continues a membrane that the volume cuts is neither right nor
    wrong. `_parts` compares with the parts of the true membranes that hang together inside the
    volume, as nothing in it tells which of them are one.
    """
    spacing_A = geometry.voxel_size_A / SAMPLES_PER_VOXEL
    low_A, high_A = geometry.corners_A(np.shape(true.mask))

    def sampled(mesh: Mesh) -> SurfaceSamples:
        return cropped(sample_surface(mesh, spacing_A), low_A, high_A)

    samples, true_samples = ([sampled(mesh) for mesh in side.meshes] for side in (predicted, true))
    whole = [sampled(joined(list(side.meshes))) for side in (predicted, true)]
    matching = match(samples, true_samples, MATCH_TOLERANCE_PX * geometry.voxel_size_A)
    pairs = {}
    for (i, j), apart in matching.distances.items():
        pair = score_pair(samples[i], true_samples[j], apart, geometry.tilt_range_deg)
        pairs[j] = (i, pair)
    scores = _counts(predicted, true, matching)
    scores |= _voxel_scores(predicted, true, whole, geometry)
    scores |= _surface_scores(whole, geometry)
    scores["adjusted_rand_index"] = adjusted_rand_index(predicted.instances, true.instances)
    scores["panoptic_quality"] = panoptic_quality(matching)
    parts = [sampled(part) for mesh in true.meshes for part in mesh_parts(mesh, low_A, high_A)]
    scores |= _part_scores(match(samples, parts, MATCH_TOLERANCE_PX * geometry.voxel_size_A))
    scores |= _mean_over_pairs([pair for _, pair in pairs.values()])
    scores["per_membrane"] = _per_membrane(predicted, true, matching, pairs)
    return scores


def _counts(predicted: LabelledMembranes, true: LabelledMembranes, matching: Matching) -> Scores:
    closed = [mesh for mesh, flag in zip(predicted.meshes, predicted.closed, strict=True) if flag]
    watertight = sum(is_watertight(mesh) for mesh in closed)
    return {
        "true_membranes": len(true.meshes),
        "predicted_membranes": len(predicted.meshes),
        "found_membranes": matching.found,
        "missed_membranes": matching.missed,
        "false_membranes": matching.false,
        "closed_membranes": len(closed),
        "watertight_membranes": watertight,
        "true_membrane_voxels": int((np.asarray(true.mask) > 0).sum()),
        "predicted_membrane_voxels": int((np.asarray(predicted.mask) > 0).sum()),
        "watertight_share": watertight / len(closed) if closed else None,
    }


def _part_scores(matching: Matching) -> Scores:
    return {
        "true_parts": matching.found + matching.missed,
        "found_parts": matching.found,
        "false_parts": matching.false,
        "panoptic_quality_parts": panoptic_quality(matching),
    }


def _voxel_scores(
    predicted: LabelledMembranes,
    true: LabelledMembranes,
    whole: list[SurfaceSamples],
    geometry: Geometry,
) -> Scores:
    first, second = np.asarray(predicted.mask) > 0, np.asarray(true.mask) > 0
    scores: Scores = {
        "voxel_dice": dice(first, second),
        "slice_dice": mean_slice_dice(first, second),
    }
    shells = surface_dice_of_shells(first, second, (1.0, 2.0))
    scores |= {"shell_surface_dice_1px": shells[0], "shell_surface_dice_2px": shells[1]}
    points = np.concatenate([side.points_zyx_A for side in whole])
    either = np.argwhere(first | second)
    if len(points) and len(either):
        positions = either * geometry.voxel_size_A + geometry.origin_zyx_A
        nearest = cKDTree(points).query(positions)[1]
        normals = np.concatenate([side.normals_zyx for side in whole])[nearest]
        depth = wedge_depth_deg(normals, geometry.tilt_range_deg)
        ours, theirs = first[tuple(either.T)], second[tuple(either.T)]
        for name, part in (("visible", depth < 0.0), ("invisible", depth > TRANSITION_DEG)):
            scores[f"voxel_dice_{name}"] = dice(ours[part], theirs[part])
    return scores


def _surface_scores(whole: list[SurfaceSamples], geometry: Geometry) -> Scores:
    predicted, true = whole
    forward = distances_to(predicted, true).distance_A
    backward = distances_to(true, predicted).distance_A
    parts = {
        "": (np.ones(len(forward), dtype=bool), np.ones(len(backward), dtype=bool)),
        "_visible": tuple(visible(side, geometry.tilt_range_deg) for side in whole),
        "_invisible": tuple(on_cap(side, geometry.tilt_range_deg) for side in whole),
    }
    scores: Scores = {}
    for part, (ours, theirs) in parts.items():
        areas = (
            predicted.area_A2 * float(ours.mean()) if len(ours) else 0.0,
            true.area_A2 * float(theirs.mean()) if len(theirs) else 0.0,
        )
        for tolerance_px in (1, 2):
            scores[f"surface_dice_{tolerance_px}px{part}"] = near_share(
                forward[ours], backward[theirs], tolerance_px * geometry.voxel_size_A, areas
            )
    return scores


def _mean_over_pairs(pairs: list[PairScores]) -> Scores:
    """Means over the matched membranes; errors of size by their absolute value."""
    scores: Scores = {}
    for name in PairScores.__dataclass_fields__:
        values = [getattr(pair, name) for pair in pairs if getattr(pair, name) is not None]
        if name.endswith("_error"):
            values = [abs(value) for value in values]
        scores[name] = float(np.mean(values)) if values else None
    return scores


def _per_membrane(
    predicted: LabelledMembranes,
    true: LabelledMembranes,
    matching: Matching,
    pairs: dict[int, tuple[int, PairScores]],
) -> list[Scores]:
    records = []
    for j, label in enumerate(true.labels):
        record: Scores = {"true_id": label, "predicted_id": None}
        record["surface_iou"] = float(matching.iou[:, j].max(initial=0.0))
        if j in pairs:
            i, pair = pairs[j]
            record["predicted_id"] = predicted.labels[i]
            record["surface_iou"] = float(matching.iou[i, j])
            record |= asdict(pair)
        records.append(record)
    return records
