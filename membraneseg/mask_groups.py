"""From anybody's mask or integer labels to groups of points, one per membrane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from gp_fit.points import local_normals, superpoints
from membraneseg.config import RunConfig
from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.errors import MembraneSegError
from membraneseg.group.config import VolumeGeometry
from membraneseg.group.fragments import trace_fragments
from membraneseg.group.merging import group_membranes
from membraneseg.group.smoothing import smoothed_slices
from membraneseg.mask_pieces import LEAST_POINTS, adopted, joined_pieces, loose_pieces
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.midline import mask_thickness_px, middle_points
from membraneseg.types import Bool, Float64, Int64, MembraneGroup, SliceFragments
from synth2d.wedge import TRANSITION_DEG, wedge_depth_deg

Progress = Callable[[float], None]

MOST_LABELS = 5000
SOFTNESS_PX = 0.7
"""A mask is blurred so much before it is grouped as a network's probability is."""
ADOPTED_WITHIN_PX = 2.5
LUMEN_THICKNESS = 4.0
"""What is so many times thicker than the thinnest label is no membrane but what one encloses."""
HIDDEN_SHARE = 0.35
"""Of the hidden area expected of membranes that face all ways; above, the mask shows it."""
SLAB_SLICES = 16
NORMAL_SPACING_PX = 3.0


@dataclass(frozen=True, eq=False)
class LabelledMask:
    """Labels of membranes.

    Parameters
    ----------
    voxels : (Z, Y, X) integer array
        0 where there is none.
    labels : tuple of int
        Those that are membranes.
    thickness_px : float
        Of the membranes.
    notes : tuple of str
        What was left out.
    """

    voxels: npt.NDArray[np.integer[Any]]
    labels: tuple[int, ...]
    thickness_px: float
    notes: tuple[str, ...]


def read_labels(voxels: npt.NDArray[np.generic], path: Path) -> LabelledMask:
    """Check that a volume is a mask or labels, and find the labels of membranes.

    Parameters
    ----------
    voxels : (Z, Y, X) array
    path : Path
        For the messages.

    Returns
    -------
    LabelledMask

    Raises
    ------
    MembraneSegError
        For densities, negative or too many values, an empty or a full mask, or one that is filled.
    """
    labels = _whole_values(voxels, path)
    whole: npt.NDArray[np.integer[Any]] = (
        np.asarray(voxels) if voxels.dtype.kind in "iu" else voxels.astype(np.int32)
    )
    share = np.count_nonzero(whole) / whole.size
    if share > 0.5:
        raise MembraneSegError(
            f"{share:.0%} of {path} is membrane, expected thin membranes on a background of 0: "
            "give a mask or labels of membranes."
        )
    thickness = {label: mask_thickness_px(whole == label) for label in labels}
    thinnest = min(thickness.values())
    lumen = [label for label in labels if thickness[label] > LUMEN_THICKNESS * thinnest]
    notes = tuple(
        f"label {label} was left out: it is {thickness[label]:.0f} voxels thick, "
        f"{thickness[label] / thinnest:.0f} times as much as the membranes, so it is what they "
        "enclose"
        for label in lumen
    )
    kept = tuple(label for label in labels if label not in lumen)
    return LabelledMask(whole, kept, float(np.median([thickness[n] for n in kept])), notes)


def _whole_values(voxels: npt.NDArray[np.generic], path: Path) -> list[int]:
    """Distinct values above 0, looking at a slab at a time."""
    found: set[float] = set()
    for start in range(0, len(voxels), SLAB_SLICES):
        part = np.unique(np.asarray(voxels[start : start + SLAB_SLICES]))
        found |= {float(value) for value in part[: MOST_LABELS + 2]}
        if not np.isfinite(part.astype(np.float64)).all() or any(v != int(v) for v in found):
            raise MembraneSegError(
                f"{path} holds values that are no whole numbers, expected a mask of 0 and 1 or "
                "whole-numbered labels: threshold it first, or use `membraneseg run` for a "
                "tomogram."
            )
        if len(found) > MOST_LABELS + 1:
            raise MembraneSegError(
                f"{path} holds more than {MOST_LABELS} different values, expected a mask or "
                "labels: use `membraneseg run` for a tomogram."
            )
    if min(found) < 0:
        raise MembraneSegError(
            f"{path} holds the value {min(found):g}, expected 0 for the background and positive "
            "labels: set the background to 0."
        )
    labels = sorted(int(value) for value in found if value > 0)
    if not labels:
        raise MembraneSegError(
            f"{path} is empty: every voxel is 0, expected membranes of 1 or of labels; check that "
            "this is the right file."
        )
    return labels


def groups_of(
    mask: LabelledMask, frame: VolumeFrame, config: RunConfig, progress: Progress
) -> tuple[list[MembraneGroup], list[str]]:
    """Find the membranes in a mask.

    Parameters
    ----------
    mask : LabelledMask
    frame : VolumeFrame
    config : RunConfig
        Its settings of fragments and groups serve a mask without labels.
    progress : callable

    Returns
    -------
    groups : list of MembraneGroup
        Numbered from the most points to the fewest; the points lie on the middle of the mask.
    notes : list of str

    Notes
    -----
    With several labels, each label is a membrane, or as many as it has loose pieces. With one,
    the mask is grouped as a network's probability is, and the rest of its middle goes to the group
    that it hangs together with. Either way, pieces that lie on one closed body are one.
    """
    parts: list[Float64] = []
    dropped = 0
    for done, label in enumerate(mask.labels, start=1):
        members = np.asarray(mask.voxels == label)
        points = middle_points(members, mask.thickness_px)
        if len(mask.labels) == 1:
            names = _grouped(points, members, frame, config)
        else:
            names = loose_pieces(points)
        names = joined_pieces(points, names, config.group)
        for name in np.unique(names[names >= 0]):
            piece = points[names == name]
            if len(piece) >= LEAST_POINTS:
                parts.append(piece)
            else:
                dropped += 1
        progress(done / len(mask.labels))
    parts.sort(key=len, reverse=True)
    notes = [f"{dropped} specks of fewer than {LEAST_POINTS} voxels were left out"] * (dropped > 0)
    return [
        MembraneGroup(
            number,
            np.zeros((0, 2), dtype=np.int64),
            index_to_angstrom(part, frame.voxel_size_A, frame.origin_zyx_A),
            closed=False,
        )
        for number, part in enumerate(parts, start=1)
    ], notes


def _grouped(points: Float64, members: Bool, frame: VolumeFrame, config: RunConfig) -> Int64:
    """Membrane (P,) of each point of a mask without labels."""
    soft = np.empty(members.shape, dtype=np.float16)  # only tells membranes apart: no need of more
    for z, plane in enumerate(smoothed_slices(members, SOFTNESS_PX)):
        soft[z] = plane
    geometry = VolumeGeometry(frame.voxel_size_A, frame.origin_zyx_A, frame.tilt_range_deg)
    curves: list[SliceFragments] = []
    if config.group.method != "merge":  # region merging does without
        curves = trace_fragments(np.maximum(soft, np.float16(0.9) * members), config.fragments)
    sure = replace(config.group, threshold=0.1, even_probability=0.0, max_depth_deg=90.0)
    groups = group_membranes(curves, soft, geometry, sure)
    names = np.full(len(points), -1, dtype=np.int64)
    if groups:
        known = np.concatenate([g.points_zyx_A for g in groups])
        owner = np.repeat(np.arange(len(groups)), [len(g.points_zyx_A) for g in groups])
        index = angstrom_to_index(known, frame.voxel_size_A, frame.origin_zyx_A)
        gap, nearest = cKDTree(index).query(points)
        near = gap <= ADOPTED_WITHIN_PX
        names[near] = owner[nearest[near]]
    return adopted(points, names)


def shows_hidden_parts(groups: list[MembraneGroup], frame: VolumeFrame) -> bool:
    """Whether points lie where the missing wedge of the frame would hide a membrane.

    Parameters
    ----------
    groups : list of MembraneGroup
    frame : VolumeFrame

    Returns
    -------
    bool
        True if the share of points with such normals reaches 35 % of that of normals that point
        all ways.
    """
    if not groups:
        return False
    depths = []
    for group in groups:
        index = angstrom_to_index(group.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
        places, counts, _ = superpoints(index, NORMAL_SPACING_PX)
        if len(places) > 6:
            normals = local_normals(places, 3.0 * NORMAL_SPACING_PX, counts.astype(np.float64))
            depths.append(wedge_depth_deg(normals, frame.tilt_range_deg))
    if not depths:
        return False
    height = np.linspace(-1.0, 1.0, 401)[:, None]
    turn = np.linspace(0.0, 2.0 * np.pi, 400)[None]
    flat = np.sqrt(1.0 - height**2)
    ways = np.stack(np.broadcast_arrays(height, flat * np.sin(turn), flat * np.cos(turn)), axis=-1)
    expected = float((wedge_depth_deg(ways, frame.tilt_range_deg) > TRANSITION_DEG).mean())
    share = float((np.concatenate(depths) > TRANSITION_DEG).mean())
    return share >= HIDDEN_SHARE * expected
