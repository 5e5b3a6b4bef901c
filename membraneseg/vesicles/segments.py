"""From a probability map to one segment per vesicle: labels, split where two grew together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, label
from skimage.segmentation import watershed

from membraneseg.errors import MembraneSegError
from membraneseg.types import Bool, Float32, Float64
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, Balls

Labels = npt.NDArray[np.int32]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class SplitConfig:
    """Which segments are more or less than one vesicle, and what is done about it."""

    merged_extent: float = field(
        default=0.42,
        metadata={"help": "segments that fill less of their bounding box may be several"},
    )
    merged_volume: float = field(
        default=1.6, metadata={"help": "so may those of so many times the median volume"}
    )
    merged_elongation: float = field(
        default=1.3,
        metadata={"help": "and those whose box has a longest edge so many times the shortest"},
    )
    shrunken_volume: float = field(
        default=0.6, metadata={"help": "segments under this share of the median may be shrunken"}
    )
    threshold_step: float = field(
        default=0.02, metadata={"help": "step by which a threshold is moved locally"}
    )
    lowest_threshold: float = field(
        default=0.1, metadata={"help": "a shrunken segment grows down to this probability"}
    )
    least_extent: float = field(default=0.25, metadata={"help": "segments with less are dropped"})
    largest_extent: float = field(default=0.75, metadata={"help": "segments with more are dropped"})
    least_radius_nm: float = field(
        default=12.0, metadata={"help": "segments smaller than a ball of this radius are dropped"}
    )

    def __post_init__(self) -> None:
        if not 0.0 <= self.least_extent < self.largest_extent <= 1.0:
            raise MembraneSegError(
                f"extents from {self.least_extent} to {self.largest_extent}, expected 0 <= least < "
                "largest <= 1; correct them under segments"
            )
        if not 0.0 < self.lowest_threshold < 1.0 or not 0.0 < self.threshold_step < 1.0:
            raise MembraneSegError(
                f"lowest_threshold {self.lowest_threshold} and threshold_step "
                f"{self.threshold_step}: expected 0 to 1; correct them under segments"
            )


def labelled(probability: Float32, threshold: float) -> Labels:
    """Number the connected parts of the mask at a threshold, 1 … N, faces touching."""
    labels = np.empty(probability.shape, dtype=np.int32)
    label(probability >= threshold, output=labels)
    return labels


def adapted(
    labels: npt.NDArray[np.integer[Any]],
    probability: Float32,
    threshold: float,
    voxel_size_A: float,
    config: SplitConfig,
) -> Labels:
    """Split segments of several vesicles, let shrunken ones grow, drop what is no vesicle.

    Parameters
    ----------
    labels : (Z, Y, X) int
        Connected parts of the probability above the threshold.
    probability : (Z, Y, X) float32
    threshold : float
    voxel_size_A : float
    config : SplitConfig

    Returns
    -------
    (Z, Y, X) int32
        Numbered anew, 1 … N.

    Notes
    -----
    A segment is split by raising its threshold step by step until it falls apart; its voxels then
    go to the part that they lie uphill of (watershed), so that the parts do not stay shrunken.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169, equations 1 and 2, "Adaptive
    local thresholding". There a segment is suspect if its volume's z-score exceeds 1 and its
    extent is below 0.25; two balls side by side along an axis fill π/6 of their box, as one does,
    and two small ones are no larger than a large one, so the criteria are wider here.
    """
    result = labels.astype(np.int32)
    least = 4.0 / 3.0 * np.pi * (config.least_radius_nm * 10.0 / voxel_size_A) ** 3
    _split_all(result, probability, threshold, least, config)
    _grow_all(result, probability, threshold, config)
    boxes = find_objects(result)
    volumes, extents = _measures(result, boxes)
    good = (extents >= config.least_extent) & (extents <= config.largest_extent)
    good &= volumes >= least
    numbers = np.zeros(len(boxes) + 1, dtype=np.int32)
    numbers[1:][good] = np.arange(1, int(good.sum()) + 1)
    for plane in result:  # one by one, as indexing makes a copy in 64 bits
        plane[:] = numbers[plane]
    return result


def balls_of(labels: npt.NDArray[np.integer[Any]], voxel_size_A: float) -> Balls:
    """Turn each segment into a sphere: its centroid, and the radius of a ball of its volume.

    Parameters
    ----------
    labels : (Z, Y, X) int
        Segments that reach to the outer face of their membrane.
    voxel_size_A : float

    Returns
    -------
    Balls
        Radii to the middle of the membrane: half a typical bilayer less than the segment's.

    Notes
    -----
    Where a wall of the volume cuts a segment, the radius is half the longest edge of its box, as
    it is everywhere in CryoVesNet; for whole ones out of round that is too much.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169, "Segmentation refinement".
    """
    ids, centres, radii = [], [], []
    for number, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        inside = labels[box] == number
        centres.append(_centroid(inside, box))
        walls = zip(box, labels.shape, strict=True)
        if any(part.start == 0 or part.stop == n for part, n in walls):
            radii.append(max(part.stop - part.start for part in box) / 2.0)
        else:
            radii.append(float(np.cbrt(inside.sum() * 3.0 / (4.0 * np.pi))))
        ids.append(number)
    middle = np.array(radii, dtype=np.float64) - HALF_MEMBRANE_A / voxel_size_A
    middle = np.maximum(middle, 1.0)
    return Balls(np.array(ids, dtype=np.int64), np.array(centres).reshape(-1, 3), middle)


def _split_all(
    labels: Labels, probability: Float32, threshold: float, least: float, config: SplitConfig
) -> None:
    """Split in place; parts get numbers beyond the highest one."""
    boxes = find_objects(labels)
    volumes, extents = _measures(labels, boxes)
    if not len(volumes):
        return
    suspect = extents < config.merged_extent
    suspect |= volumes > config.merged_volume * np.median(volumes)
    suspect |= _elongations(boxes) > config.merged_elongation
    following = len(boxes) + 1
    for index in np.flatnonzero(suspect).tolist():
        box = boxes[index]
        inside = labels[box] == index + 1
        parts = _parts(np.where(inside, probability[box], 0.0), inside, threshold, least, config)
        count = int(parts.max(initial=0))
        if count > 1:
            numbers = np.concatenate([[0, index + 1], np.arange(following, following + count - 1)])
            labels[box][inside] = numbers[parts[inside]]
            following += count - 1


def _parts(
    probability: Float64, inside: Bool, threshold: float, least: float, config: SplitConfig
) -> Labels:
    """Parts of one segment at the first higher threshold that leaves two of them; else one part.

    A part may have shrunk to a fraction of a vesicle on the way, but not to a speck. Parts that
    are still several are split further.
    """
    whole = inside.astype(np.int32)
    for level in np.arange(threshold + config.threshold_step, 1.0, config.threshold_step):
        seeds = np.empty(inside.shape, dtype=np.int32)
        count = label(probability >= level, output=seeds)
        if count < 2:
            continue
        sizes = np.bincount(seeds.ravel(), minlength=count + 1)[1:]
        kept = np.flatnonzero(sizes >= 0.1 * least) + 1
        if len(kept) < 2:
            continue
        seeds[~np.isin(seeds, kept)] = 0
        split = np.asarray(watershed(-probability, seeds, mask=inside), dtype=np.int32)
        return _further(split, probability, float(level), least, config)
    return whole


def _further(
    split: Labels, probability: Float64, level: float, least: float, config: SplitConfig
) -> Labels:
    """Split the parts again, each from where it fell off, until none falls apart."""
    result = np.zeros_like(split)
    following = 0
    for number, box in enumerate(find_objects(split), start=1):
        if box is not None:
            inside = split[box] == number
            likely = np.where(inside, probability[box], 0.0)
            parts = _parts(likely, inside, level, least, config)
            result[box][inside] = parts[inside] + following
            following += int(parts.max())
    return result


def _grow_all(labels: Labels, probability: Float32, threshold: float, config: SplitConfig) -> None:
    """Lower the threshold of small segments step by step, in place, up to the median volume."""
    boxes = find_objects(labels)
    volumes, _ = _measures(labels, boxes)
    if not len(volumes):
        return
    median = float(np.median(volumes[volumes > 0]))
    margin = int(np.ceil(np.cbrt(median)))
    levels = np.arange(threshold, config.lowest_threshold - 1e-9, -config.threshold_step)[1:]
    for index in np.flatnonzero((volumes > 0) & (volumes < config.shrunken_volume * median)):
        box = _widened(boxes[index], margin, labels.shape)
        likely = probability[box]
        # What lies uphill of a neighbour is the neighbour's, however low the threshold.
        uphill = watershed(-likely, labels[box], mask=likely >= config.lowest_threshold)
        own = uphill == index + 1
        grown = labels[box] == index + 1
        for level in levels:
            wider = grown | (own & (likely >= level))
            if wider.sum() > median:
                break
            grown = wider
        labels[box][grown] = index + 1


def _measures(labels: Labels, boxes: list[Box | None]) -> tuple[Float64, Float64]:
    """Volume and extent (share of the bounding box) of each segment; 0 where there is none."""
    volumes = np.zeros(len(boxes))
    extents = np.zeros(len(boxes))
    for index, box in enumerate(boxes):
        if box is not None:
            inside = labels[box] == index + 1
            volumes[index], extents[index] = inside.sum(), inside.mean()
    return volumes, extents


def _elongations(boxes: list[Box | None]) -> Float64:
    """Longest over shortest edge of each segment's box; 1 where there is none."""
    edges = [[1, 1] if box is None else [part.stop - part.start for part in box] for box in boxes]
    return np.array([max(some) / min(some) for some in edges], dtype=np.float64)


def _widened(box: Box | None, margin: int, shape: tuple[int, ...]) -> Box:
    assert box is not None
    low = [max(part.start - margin, 0) for part in box]
    high = [min(part.stop + margin, n) for part, n in zip(box, shape, strict=True)]
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    return z, y, x


def _centroid(inside: npt.NDArray[Any], box: Box) -> Float64:
    corner = np.array([part.start for part in box])
    return np.asarray(np.argwhere(inside).mean(axis=0) + corner, dtype=np.float64)
