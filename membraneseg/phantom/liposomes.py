"""Liposomes: deformed vesicles, free, nested, touching, with one lamella or several."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import HEAD_GROUP_HALF_WIDTH_A, Membrane
from membraneseg.phantom.placement import (
    THICKEST_BILAYER_A,
    check_constraint,
    check_count,
    check_radii,
    enclosing_labels,
    innermost,
    inside_box,
)
from membraneseg.phantom.shapes import StarBody
from membraneseg.types import Float64

TRIES_PER_VESICLE = 400
NESTED_RADIUS_SHARE = 0.75
"""A nested vesicle's radius is at most this share of its parent's."""
LAMELLA_SPACING_A = (70.0, 130.0)
"""Distance between the middles of neighbouring lamellae of one vesicle."""


@dataclass(frozen=True)
class LiposomesConfig:
    """How liposomes are drawn."""

    count: int = field(default=12, metadata={"help": "vesicles wanted"})
    radius_min_nm: float = field(default=15.0, metadata={"help": "smallest mean radius"})
    radius_max_nm: float = field(default=55.0, metadata={"help": "largest mean radius"})
    deformation: float = field(
        default=0.12, metadata={"help": "sum of deformation amplitudes as a share of the radius"}
    )
    nested_share: float = field(
        default=0.2, metadata={"help": "share of the vesicles that lie inside another one"}
    )
    touching_share: float = field(
        default=0.3, metadata={"help": "share of the vesicles 0–3 voxels away from a neighbour"}
    )
    lamellar_share: float = field(
        default=0.0, metadata={"help": "share of the vesicles with 2 or 3 parallel bilayers"}
    )
    constraint: str = field(
        default="box", metadata={"help": "walls that may not cut them: box, sides (z) or none"}
    )

    def __post_init__(self) -> None:
        check_constraint(self.constraint)
        check_count("liposomes", self.count)
        check_radii("liposomes", self.radius_min_nm, self.radius_max_nm, 5.0)
        if not 0.0 <= self.deformation <= 0.3:
            raise MembraneSegError(
                f"deformation is {self.deformation}, expected 0 to 0.3; lower liposomes.deformation"
            )
        shares = (self.nested_share, self.touching_share, self.lamellar_share)
        if min(shares) < 0.0 or self.nested_share + self.touching_share > 1.0 or max(shares) > 1.0:
            raise MembraneSegError(
                f"nested_share, touching_share, lamellar_share are {shares}, expected shares of 1 "
                "(the first two together at most 1); correct them under liposomes"
            )


def with_liposomes(
    membranes: tuple[Membrane, ...],
    box: Box,
    config: LiposomesConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Add deformed vesicles to what stands in the box already.

    Parameters
    ----------
    membranes : tuple of Membrane
    box : Box
    config : LiposomesConfig
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Membrane
        The given ones and the new ones; fewer than wanted where the box is full.
    """
    placed = list(membranes)
    if not config.count:
        return membranes
    for radius_A in _draw_radii_A(box, config, rng):
        kind = _draw_kind(config, rng)
        for attempt in range(TRIES_PER_VESICLE):
            kind = "free" if attempt == TRIES_PER_VESICLE // 2 else kind
            body = _draw_body(float(radius_A), config, rng)
            found = _place(kind, body, box, config, placed, rng)
            if found is not None:
                placed += _lamellae(found[0], found[1], placed, config, rng)
                break
    return tuple(placed)


def _draw_radii_A(box: Box, config: LiposomesConfig, rng: np.random.Generator) -> Float64:
    """Radii from large to small, uniform in their logarithm."""
    walls = box.shape_zyx if config.constraint == "box" else box.shape_zyx[:1]
    thinnest_A = min(walls) * box.voxel_size_A
    largest_A = config.radius_max_nm * 10
    if config.constraint != "none":
        largest_A = min(largest_A, (thinnest_A / 2 - 50.0) / (1 + config.deformation))
    smallest_A = config.radius_min_nm * 10
    if largest_A < smallest_A:
        raise MembraneSegError(
            f"the box is {thinnest_A / 10:.0f} nm at its thinnest, too thin for vesicles of "
            f"{config.radius_min_nm} nm radius; enlarge shape_zyx or lower liposomes.radius_min_nm"
        )
    return np.sort(np.exp(rng.uniform(np.log(smallest_A), np.log(largest_A), config.count)))[::-1]


def _draw_kind(config: LiposomesConfig, rng: np.random.Generator) -> str:
    free = max(0.0, 1.0 - config.nested_share - config.touching_share)
    shares = [config.nested_share, config.touching_share, free]
    return str(rng.choice(["nested", "touching", "free"], p=shares))


def _draw_body(radius_A: float, config: LiposomesConfig, rng: np.random.Generator) -> StarBody:
    return deformed_sphere(np.zeros(3), radius_A, config.deformation, rng)


def deformed_sphere(
    centre_zyx_A: Float64, radius_A: float, deformation: float, rng: np.random.Generator
) -> StarBody:
    """Draw a sphere with five random modes of orders 2 to 4.

    Parameters
    ----------
    centre_zyx_A : (3,) float64
    radius_A : float
    deformation : float
        Upper bound of the sum of the amplitudes as a share of the radius; 0.3 to 1 of it is drawn.
    rng : numpy.random.Generator

    Returns
    -------
    StarBody
    """
    orders = np.array([2, 2, 3, 3, 4])
    amplitudes = rng.normal(size=len(orders)) / orders**1.5
    amplitudes *= deformation * rng.uniform(0.3, 1.0) / np.abs(amplitudes).sum()
    return StarBody(
        centre_zyx_A, radius_A, orders, _unit(rng.normal(size=(len(orders), 3))), amplitudes
    )


Found = tuple[StarBody, int]
"""A placed body and the label of its parent."""


def _place(
    kind: str,
    body: StarBody,
    box: Box,
    config: LiposomesConfig,
    placed: list[Membrane],
    rng: np.random.Generator,
) -> Found | None:
    """Return the body at a random place that keeps its distances, or None."""
    bodies = [m for m in placed if isinstance(m.shape, StarBody)]
    if kind == "free" or not bodies:
        gap_A = 4.0 * box.voxel_size_A
        moved = body.moved_to(rng.uniform(box.low_A, box.high_A))
        return _accepted(moved, box, config, placed, gap_A, None)
    gap_A = float(rng.uniform(0.0, 3.0)) * box.voxel_size_A
    other = bodies[int(rng.integers(len(bodies)))]
    assert isinstance(other.shape, StarBody)
    if kind == "touching":
        moved = _beside(body, other.shape, gap_A, rng)
        return _accepted(moved, box, config, placed, gap_A, other.parent)
    if body.radius_A > NESTED_RADIUS_SHARE * other.shape.radius_A:
        return None
    reach_A = (other.shape.radius_A - body.radius_A) * rng.uniform(0.0, 1.0)
    moved = body.moved_to(other.shape.centre_zyx_A + _unit(rng.normal(size=3)) * reach_A)
    return _accepted(moved, box, config, placed, gap_A, other.label)


def _beside(
    body: StarBody, neighbour: StarBody, gap_A: float, rng: np.random.Generator
) -> StarBody:
    """Slide the body towards its neighbour until the outer faces are gap_A apart."""
    direction = _unit(rng.normal(size=3))
    away_A = neighbour.largest_radius_A + body.largest_radius_A + 100.0
    candidate = body.moved_to(neighbour.centre_zyx_A + direction * away_A)
    wanted_A = gap_A + THICKEST_BILAYER_A + 2 * HEAD_GROUP_HALF_WIDTH_A + 0.5
    for _ in range(8):
        nearest_A = float(neighbour.signed_distance(candidate.samples_zyx_A).min())
        step = direction * (nearest_A - wanted_A)
        candidate = candidate.moved_to(candidate.centre_zyx_A - step)
    return candidate


def _accepted(
    candidate: StarBody,
    box: Box,
    config: LiposomesConfig,
    placed: list[Membrane],
    gap_A: float,
    parent: int | None,
) -> Found | None:
    """Return the candidate and its parent if it lies where it may, and in `parent` if given."""
    room_A = THICKEST_BILAYER_A / 2 + HEAD_GROUP_HALF_WIDTH_A + 2.0 * box.voxel_size_A
    if not inside_box(candidate.samples_zyx_A, box, config.constraint, room_A).all():
        return None
    enclosing = enclosing_labels(candidate, placed, gap_A)
    if enclosing is None or len(enclosing) > 2:
        return None
    found = innermost(enclosing, placed)
    return (candidate, found) if parent in (None, found) else None


def _lamellae(
    body: StarBody,
    parent: int,
    placed: list[Membrane],
    config: LiposomesConfig,
    rng: np.random.Generator,
) -> list[Membrane]:
    """One bilayer, or a stack of parallel ones inside each other."""
    label = len(placed) + 1
    thickness_A = float(rng.uniform(34.0, THICKEST_BILAYER_A))
    layers = [Membrane(label, "liposome", body, thickness_A, parent)]
    if rng.uniform() >= config.lamellar_share:
        return layers
    depth_A = 0.0
    for _ in range(int(rng.integers(1, 3))):
        depth_A += float(rng.uniform(*LAMELLA_SPACING_A))
        if depth_A > 0.45 * body.radius_A:
            break
        last = layers[-1]
        inner = body.shrunk(depth_A)
        layers.append(Membrane(last.label + 1, "lamella", inner, thickness_A, last.label))
    return layers


def _unit(vectors: Float64) -> Float64:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float64)
