"""Membrane tubes, as of the endoplasmic reticulum: through the ice, some with a branch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.paths import PathStyle, path_within, wandering_path
from membraneseg.phantom.placement import (
    HALF_WIDTH_A,
    THICKEST_BILAYER_A,
    check_constraint,
    check_count,
    check_radii,
    enclosing_labels,
    innermost,
    inside_box,
)
from membraneseg.phantom.tubular import Tube, Union
from membraneseg.types import Bool, Float64

TRIES_PER_TUBE = 60
POINTS_PER_RADIUS = 12
BEND_RADII = 3.5
"""Radius of the tightest bend, in radii of the tube."""
UNDULATION = 0.1
"""Largest change of the radius along a tube, as a share of it."""
GAP_VOXELS = 2.0


@dataclass(frozen=True)
class TubesConfig:
    """How membrane tubes are drawn."""

    count: int = field(default=0, metadata={"help": "tubes wanted"})
    radius_min_nm: float = field(default=12.0, metadata={"help": "smallest mean radius"})
    radius_max_nm: float = field(default=26.0, metadata={"help": "largest mean radius"})
    persistence_nm: float = field(
        default=250.0, metadata={"help": "persistence length: larger is straighter"}
    )
    ending_share: float = field(
        default=0.25, metadata={"help": "share of the tubes with a round end in the box"}
    )
    junction_share: float = field(
        default=0.3, metadata={"help": "share of the tubes with a three-way junction"}
    )
    constraint: str = field(
        default="sides", metadata={"help": "walls that may not cut them: box, sides (z) or none"}
    )

    def __post_init__(self) -> None:
        check_constraint(self.constraint)
        check_count("tubes", self.count)
        check_radii("tubes", self.radius_min_nm, self.radius_max_nm, 10.0)
        if self.persistence_nm <= 0.0:
            raise MembraneSegError(
                f"persistence_nm is {self.persistence_nm}, expected a positive length; "
                "raise tubes.persistence_nm"
            )
        shares = (self.ending_share, self.junction_share)
        if not 0.0 <= min(shares) <= max(shares) <= 1.0:
            raise MembraneSegError(
                f"ending_share and junction_share are {shares}, expected 0 to 1; "
                "correct them under tubes"
            )


def with_tubes(
    membranes: tuple[Membrane, ...],
    box: Box,
    config: TubesConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Add tubes to what stands in the box already.

    Parameters
    ----------
    membranes : tuple of Membrane
    box : Box
    config : TubesConfig
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Membrane
        The given ones and the new ones; fewer than wanted where the box is full.
    """
    placed = list(membranes)
    for _ in range(config.count):
        radius_A = _draw_radius_A(box, config, rng)
        branched = rng.uniform() < config.junction_share
        for attempt in range(TRIES_PER_TUBE):
            tube = _draw_tube(radius_A, box, config, rng)
            shape: Tube | Union | None = tube
            if tube is not None and branched and attempt < TRIES_PER_TUBE // 2:
                shape = _with_branch(tube, box, config, rng)
            parent = None if shape is None else _accepted(shape, box, config, placed)
            if shape is not None and parent is not None:
                thickness_A = float(rng.uniform(34.0, THICKEST_BILAYER_A))
                placed.append(Membrane(len(placed) + 1, "tube", shape, thickness_A, parent))
                break
    return tuple(placed)


def tube_along(points_zyx_A: Float64, radius_A: float, heights: Float64) -> Tube:
    """A tube of undulating radius about a path.

    Parameters
    ----------
    points_zyx_A : (N, 3) float64
        Evenly spaced.
    radius_A : float
        Mean radius R.
    heights : (K,) float64
        The radius a share s of the way along is R (1 + Σ_k heights[k − 1] cos(π k s)); it is level
        at both ends, where the caps begin.

    Returns
    -------
    Tube
    """
    along = np.linspace(0.0, np.pi, len(points_zyx_A))
    numbers = np.arange(1, len(heights) + 1)
    return Tube(points_zyx_A, radius_A * (1.0 + np.cos(along[:, None] * numbers) @ heights))


def _undulating(points_zyx_A: Float64, radius_A: float, rng: np.random.Generator) -> Tube:
    """A tube whose radius stays within `UNDULATION` of its mean, in waves of 8 radii or more."""
    length_A = np.linalg.norm(np.diff(points_zyx_A, axis=0), axis=1).sum()
    heights = rng.normal(size=max(1, int(length_A / (4.0 * radius_A))))
    heights *= UNDULATION * rng.uniform(0.3, 1.0) / np.abs(heights).sum()
    return tube_along(points_zyx_A, radius_A, heights)


def _draw_radius_A(box: Box, config: TubesConfig, rng: np.random.Generator) -> float:
    largest_A = config.radius_max_nm * 10
    if config.constraint != "none":
        depth_A = float(box.high_A[0] - box.low_A[0])
        largest_A = min(largest_A, (depth_A / 2 - _room_A(box)) / (1 + UNDULATION))
    if largest_A < config.radius_min_nm * 10:
        raise MembraneSegError(
            f"the box is {box.shape_zyx[0] * box.voxel_size_A / 10:.0f} nm thick, too thin for "
            f"tubes of {config.radius_min_nm} nm radius; enlarge shape_zyx or lower "
            "tubes.radius_min_nm"
        )
    return float(rng.uniform(config.radius_min_nm * 10, largest_A))


def _room_A(box: Box) -> float:
    return HALF_WIDTH_A + 2.0 * box.voxel_size_A


def _style(radius_A: float, box: Box, config: TubesConfig) -> PathStyle:
    free_A = float(box.high_A[0] - box.low_A[0]) / 2 - _room_A(box) - (1 + UNDULATION) * radius_A
    return PathStyle(
        spacing_A=radius_A / POINTS_PER_RADIUS,
        persistence_A=config.persistence_nm * 10,
        bend_radius_A=BEND_RADII * radius_A,
        wave_height_A=float(np.clip(free_A / 2, 0.0, radius_A)),
    )


def _draw_tube(
    radius_A: float, box: Box, config: TubesConfig, rng: np.random.Generator
) -> Tube | None:
    """Lay a wandering tube through a random point; None if hardly any of it is in the box."""
    size_A = box.high_A - box.low_A
    longest_A = 2.0 * float(np.hypot(size_A[1], size_A[2]))
    if config.constraint == "box":
        longest_A = float(rng.uniform(0.3, 0.8) * min(size_A[1:]))
    path = wandering_path(
        rng.uniform(0.0, 2 * np.pi), longest_A, _style(radius_A, box, config), rng
    )
    start = int(rng.integers(len(path)) if config.constraint == "box" else len(path) // 2)
    path[:, 1:] += rng.uniform(box.low_A[1:], box.high_A[1:]) - path[start, 1:]
    path[:, 0] += box.centre_A[0] + rng.uniform(-0.3, 0.3) * size_A[0]
    if config.constraint == "box":
        return _undulating(path, radius_A, rng)
    if rng.uniform() < config.ending_share:
        path, start = path[start:], 0
    path = path_within(path, _in_reach(path, box, radius_A), start)
    return _undulating(path, radius_A, rng) if len(path) > 4 * POINTS_PER_RADIUS else None


def _in_reach(points_zyx_A: Float64, box: Box, radius_A: float) -> Bool:
    """Which points of a path are in the box or so little outside that the tube's end is not."""
    margin_A = 2.0 * radius_A + 2.0 * HALF_WIDTH_A
    inside = (points_zyx_A >= box.low_A - margin_A) & (points_zyx_A <= box.high_A + margin_A)
    return np.asarray(inside.all(axis=1))


def _with_branch(
    tube: Tube, box: Box, config: TubesConfig, rng: np.random.Generator
) -> Union | None:
    """Let a second tube leave the first one, about 60° off its direction."""
    inside = np.flatnonzero(inside_box(tube.points_zyx_A, box, "box", 2.0 * tube.radii_A.max()))
    if not len(inside):
        return None
    index = int(rng.choice(inside))
    tangent = tube.tangents_zyx[index]
    heading = np.arctan2(tangent[1], tangent[2]) + rng.choice([-1.0, 1.0]) * rng.uniform(0.9, 1.4)
    radius_A = float(tube.radii_A[index]) * rng.uniform(0.85, 1.0)
    size_A = box.high_A - box.low_A
    length_A = float(np.hypot(size_A[1], size_A[2]))
    if config.constraint == "box" or rng.uniform() < config.ending_share:
        length_A = radius_A * rng.uniform(5.0, 12.0)
    path = wandering_path(heading, length_A, _style(radius_A, box, config), rng)
    # its round end stays well inside the first tube, or it would bulge the far wall
    ahead = 0.6 * radius_A * np.array([0.0, np.sin(heading), np.cos(heading)])
    path += tube.points_zyx_A[index] + ahead - path[0]
    path = path_within(path, _in_reach(path, box, radius_A), 0)
    if len(path) <= 4 * POINTS_PER_RADIUS:
        return None
    return Union((tube, _undulating(path, radius_A, rng)), 0.6 * radius_A)


def _accepted(
    shape: Tube | Union, box: Box, config: TubesConfig, placed: list[Membrane]
) -> int | None:
    """Parent of a tube that lies where it may and does not meet itself, or None."""
    parts = shape.parts if isinstance(shape, Union) else (shape,)
    tubes = [part for part in parts if isinstance(part, Tube)]
    gap_A = GAP_VOXELS * box.voxel_size_A
    for tube in tubes:  # the centre line, of few points, settles most cases
        apart_A = gap_A + tube.radii_A.min()
        if any(
            (np.abs(m.shape.signed_distance(tube.points_zyx_A)) < apart_A).any() for m in placed
        ):
            return None
    if not inside_box(shape.samples_zyx_A, box, config.constraint, _room_A(box)).all():
        return None
    if not _apart_from_itself(tubes, gap_A):
        return None
    enclosing = enclosing_labels(shape, placed, gap_A)
    return None if enclosing is None else innermost(enclosing, placed)


def _apart_from_itself(tubes: list[Tube], gap_A: float) -> bool:
    """Whether no two stretches of a tube, or of it and its branch, meet beside the junction."""
    root = tubes[-1].points_zyx_A[0]
    for i, first in enumerate(tubes):
        for second in tubes[i:]:
            radius_A = float(max(first.radii_A.max(), second.radii_A.max()))
            apart_A = 2.0 * radius_A + 2.0 * HALF_WIDTH_A + gap_A
            distance = np.linalg.norm(
                first.points_zyx_A[:, None] - second.points_zyx_A[None], axis=2
            )
            if first is second:
                along = np.abs(first.arc_A[:, None] - first.arc_A[None])
            else:
                along = np.linalg.norm(first.points_zyx_A - root, axis=1)[:, None] + second.arc_A
            if (distance[along > 2.5 * apart_A] < apart_A).any():
                return False
    return True
