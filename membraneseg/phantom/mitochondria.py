"""Mitochondria: two membranes, the inner one folded into cristae."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.cristae import Matrix
from membraneseg.phantom.folding import Axis, cristae_along
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.paths import PathStyle, wandering_path
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
from membraneseg.phantom.shapes import Offset
from membraneseg.phantom.tubes import tube_along
from membraneseg.phantom.tubular import Tube

TRIES_PER_MITOCHONDRION = 100
POINTS_PER_RADIUS = 24
BEND_RADII = 4.0
PERSISTENCE_A = 40_000.0
LENGTH_RADII = (3.0, 8.0)
"""Length of the axis between the centres of the two round ends, in radii."""
PAIR_DISTANCE_A = (155.0, 215.0)
"""From the middle of the outer membrane to that of the inner boundary membrane."""
WAVE_SHARES = np.array([0.05, 0.03, 0.03, 0.02])
"""Largest waves of the radius along the axis, of 1/2, 1, 3/2 and 2 periods."""
TAPER = 0.07
"""The ends are thinner than the mean by this share, the middle is thicker."""
WIDEST = 1.2
"""No radius exceeds the mean by more than this factor."""
GAP_VOXELS = 2.0
LARGEST_SHARE = 0.42
"""Of the narrower side of the box: the largest radius of a mitochondrion that z may cut."""


@dataclass(frozen=True)
class MitochondriaConfig:
    """How mitochondria are drawn."""

    count: int = field(default=0, metadata={"help": "mitochondria wanted"})
    radius_min_nm: float = field(default=110.0, metadata={"help": "smallest mean radius"})
    radius_max_nm: float = field(default=350.0, metadata={"help": "largest mean radius"})
    crista_spacing_min_nm: float = field(
        default=55.0, metadata={"help": "shortest way along the axis from one crista to the next"}
    )
    crista_spacing_max_nm: float = field(
        default=100.0, metadata={"help": "longest way along the axis from one crista to the next"}
    )
    tubular_share: float = field(
        default=0.15, metadata={"help": "share of the places that hold tubules, not a lamella"}
    )
    constraint: str = field(
        default="none", metadata={"help": "walls that may not cut them: box, sides (z) or none"}
    )

    def __post_init__(self) -> None:
        check_constraint(self.constraint)
        check_count("mitochondria", self.count)
        check_radii("mitochondria", self.radius_min_nm, self.radius_max_nm, 60.0)
        if not 50.0 <= self.crista_spacing_min_nm < self.crista_spacing_max_nm:
            raise MembraneSegError(
                f"crista_spacing_min_nm {self.crista_spacing_min_nm} and crista_spacing_max_nm "
                f"{self.crista_spacing_max_nm}: expected 50 <= minimum < maximum; correct them "
                "under mitochondria"
            )
        if not 0.0 <= self.tubular_share <= 1.0:
            raise MembraneSegError(
                f"tubular_share is {self.tubular_share}, expected 0 to 1; "
                "correct mitochondria.tubular_share"
            )


def with_mitochondria(
    membranes: tuple[Membrane, ...],
    box: Box,
    config: MitochondriaConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Add mitochondria to what stands in the box already.

    Parameters
    ----------
    membranes : tuple of Membrane
    box : Box
    config : MitochondriaConfig
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Membrane
        The given ones and two for each new mitochondrion, the outer one first; fewer than wanted
        where the box is full.
    """
    placed = membranes
    for _ in range(config.count):
        for _attempt in range(TRIES_PER_MITOCHONDRION):
            body = _draw_body(box, config, rng)
            parent = _accepted(body, box, config, placed)
            if parent is not None:
                placed += mitochondrion(body, (len(placed) + 1, parent), box, config, rng)
                break
    return placed


def mitochondrion(
    body: Tube,
    label_and_parent: tuple[int, int],
    box: Box,
    config: MitochondriaConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, Membrane]:
    """Draw the two membranes of a mitochondrion.

    Parameters
    ----------
    body : Tube
        The outer membrane.
    label_and_parent : tuple of int
        Label of the outer membrane, that of the inner being the next; label of what encloses it.
    box : Box
    config : MitochondriaConfig
    rng : numpy.random.Generator

    Returns
    -------
    outer, inner : Membrane
    """
    label, parent = label_and_parent
    boundary = Offset(body, -float(rng.uniform(*PAIR_DISTANCE_A)))
    spacing_A = (config.crista_spacing_min_nm * 10, config.crista_spacing_max_nm * 10)
    cristae = cristae_along(Axis(body, boundary), box, spacing_A, config.tubular_share, rng)
    thickness_A = rng.uniform(34.0, THICKEST_BILAYER_A, 2).tolist()
    return (
        Membrane(label, "outer mitochondrial membrane", body, thickness_A[0], parent),
        Membrane(
            label + 1,
            "inner mitochondrial membrane",
            Matrix(boundary, cristae),
            thickness_A[1],
            label,
        ),
    )


def _largest_radius_A(box: Box, config: MitochondriaConfig) -> float:
    """Largest mean radius that the box allows."""
    size_A = box.high_A - box.low_A
    fitting_A = LARGEST_SHARE * float(size_A[1:].min())
    if config.constraint != "none":
        fitting_A = min(fitting_A, (float(size_A[0]) / 2 - _room_A(box)) / WIDEST)
    if config.constraint == "box":
        fitting_A = min(fitting_A, float(size_A[1:].min()) / (2.5 + LENGTH_RADII[0]))
    if fitting_A < config.radius_min_nm * 10:
        raise MembraneSegError(
            f"the box holds mitochondria of at most {fitting_A / 10:.0f} nm radius, expected "
            f"{config.radius_min_nm} nm or more; enlarge shape_zyx, lower "
            "mitochondria.radius_min_nm or let the walls cut them (mitochondria.constraint none)"
        )
    return min(fitting_A, config.radius_max_nm * 10)


def _room_A(box: Box) -> float:
    return HALF_WIDTH_A + 2.0 * box.voxel_size_A


def _draw_body(box: Box, config: MitochondriaConfig, rng: np.random.Generator) -> Tube:
    """Lay a long body through the middle part of the box; its ends are in it or not."""
    radius_A = float(rng.uniform(config.radius_min_nm * 10, _largest_radius_A(box, config)))
    size_A = box.high_A - box.low_A
    length_A = rng.uniform(*LENGTH_RADII) * radius_A
    if config.constraint == "box":
        length_A = min(length_A, float(size_A[1:].min()) - 2.5 * radius_A)
    style = PathStyle(
        spacing_A=radius_A / POINTS_PER_RADIUS,
        persistence_A=PERSISTENCE_A,
        bend_radius_A=BEND_RADII * radius_A,
        wave_height_A=0.1 * radius_A if config.constraint == "none" else 0.0,
    )
    path = wandering_path(rng.uniform(0.0, 2 * np.pi), length_A, style, rng)
    through = int(rng.integers(len(path)))
    spread = np.array([0.1, 0.25, 0.25])
    path += box.centre_A + rng.uniform(-spread, spread) * size_A - path[through] * [0.0, 1.0, 1.0]
    heights = rng.uniform(-1.0, 1.0, len(WAVE_SHARES)) * WAVE_SHARES
    heights[1] -= TAPER
    return tube_along(path, radius_A, heights)


def _accepted(
    body: Tube, box: Box, config: MitochondriaConfig, placed: tuple[Membrane, ...]
) -> int | None:
    """Parent of a body that lies where it may, or None."""
    if not inside_box(body.samples_zyx_A, box, config.constraint, _room_A(box)).all():
        return None
    enclosing = enclosing_labels(body, placed, GAP_VOXELS * box.voxel_size_A)
    return None if enclosing is None else innermost(enclosing, placed)
