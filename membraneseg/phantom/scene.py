"""What stands in the ice: vesicles, soluble proteins, ribosomes and gold, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.vesicle import Vesicle, signed_distance, surface_mesh
from membraneseg.types import Float64

TRIES_PER_VESICLE = 400
NESTED_RADIUS_SHARE = 0.75
"""A nested vesicle's radius is at most this share of its parent's."""


@dataclass(frozen=True)
class Globules:
    """Blobs of one kind.

    Parameters
    ----------
    kind : str
        "protein", "ribosome" or "gold".
    centres_zyx_A : (N, 3) float64
    radii_A : (N,) float64
    potential_V : float
        Mean inner potential above that of the ice.
    """

    kind: str
    centres_zyx_A: Float64
    radii_A: Float64
    potential_V: float


@dataclass(frozen=True)
class Scene:
    """A box of vitreous ice and everything in it.

    Parameters
    ----------
    shape_zyx : tuple of int
        Voxels of the box.
    voxel_size_A : float
    origin_zyx_A : (3,) float64
        Centre of voxel (0, 0, 0).
    vesicles : tuple of Vesicle
    globules : tuple of Globules
    """

    shape_zyx: tuple[int, int, int]
    voxel_size_A: float
    origin_zyx_A: Float64
    vesicles: tuple[Vesicle, ...]
    globules: tuple[Globules, ...] = ()


@dataclass(frozen=True)
class LiposomesConfig:
    """How liposomes are drawn."""

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

    def __post_init__(self) -> None:
        if not 5.0 <= self.radius_min_nm < self.radius_max_nm:
            raise MembraneSegError(
                f"radius_min_nm {self.radius_min_nm} and radius_max_nm {self.radius_max_nm}: "
                "expected 5 <= minimum < maximum; change phantom.radius_min_nm or radius_max_nm"
            )
        if not 0.0 <= self.deformation <= 0.3:
            raise MembraneSegError(
                f"deformation is {self.deformation}, expected 0 to 0.3; lower phantom.deformation"
            )


def liposomes_scene(
    shape_zyx: tuple[int, int, int],
    voxel_size_A: float,
    rng: np.random.Generator,
    count: int,
    config: LiposomesConfig | None = None,
    origin_zyx_A: Float64 | None = None,
) -> Scene:
    """Draw deformed vesicles, some nested, some touching, all wholly inside the box.

    Parameters
    ----------
    shape_zyx : tuple of int
    voxel_size_A : float
    rng : numpy.random.Generator
    count : int
        Vesicles wanted; fewer are placed when the box is full.
    config : LiposomesConfig, optional
    origin_zyx_A : (3,) float64, optional
        Centre of voxel (0, 0, 0); default 0.

    Returns
    -------
    Scene
        Without globules.
    """
    config = config or LiposomesConfig()
    origin = np.zeros(3) if origin_zyx_A is None else np.asarray(origin_zyx_A, dtype=np.float64)
    scene = Scene(shape_zyx, voxel_size_A, origin, ())
    radii_A = np.sort(_draw_radii_A(scene, config, rng, count))[::-1]
    placed: list[Vesicle] = []
    for radius_A in radii_A:
        kind = _draw_kind(config, rng) if placed else "free"
        for attempt in range(TRIES_PER_VESICLE):
            kind = "free" if attempt == TRIES_PER_VESICLE // 2 else kind
            shape = _draw_shape(len(placed) + 1, float(radius_A), config, rng)
            vesicle = _place(kind, shape, scene, placed, rng)
            if vesicle is not None:
                placed.append(vesicle)
                break
    return Scene(shape_zyx, voxel_size_A, origin, tuple(placed))


def _draw_radii_A(
    scene: Scene, config: LiposomesConfig, rng: np.random.Generator, count: int
) -> Float64:
    thinnest_A = min(scene.shape_zyx) * scene.voxel_size_A
    largest_A = min(config.radius_max_nm * 10, (thinnest_A / 2 - 50.0) / (1 + config.deformation))
    smallest_A = config.radius_min_nm * 10
    if largest_A < smallest_A:
        raise MembraneSegError(
            f"the box is {thinnest_A / 10:.0f} nm at its thinnest, too thin for vesicles of "
            f"{config.radius_min_nm} nm radius; enlarge phantom.shape_zyx or lower radius_min_nm"
        )
    return np.exp(rng.uniform(np.log(smallest_A), np.log(largest_A), count))


def _draw_kind(config: LiposomesConfig, rng: np.random.Generator) -> str:
    free = 1.0 - config.nested_share - config.touching_share
    shares = [config.nested_share, config.touching_share, free]
    return str(rng.choice(["nested", "touching", "free"], p=shares))


def _draw_shape(
    label: int, radius_A: float, config: LiposomesConfig, rng: np.random.Generator
) -> Vesicle:
    orders = np.array([2, 2, 3, 3, 4])
    amplitudes = rng.normal(size=len(orders)) / orders**1.5
    amplitudes *= config.deformation * rng.uniform(0.3, 1.0) / np.abs(amplitudes).sum()
    return Vesicle(
        label=label,
        centre_zyx_A=np.zeros(3),
        radius_A=radius_A,
        mode_orders=orders,
        mode_axes_zyx=_unit(rng.normal(size=(len(orders), 3))),
        mode_amplitudes=amplitudes,
        thickness_A=float(rng.uniform(34.0, 42.0)),
    )


def _place(
    kind: str, shape: Vesicle, scene: Scene, placed: list[Vesicle], rng: np.random.Generator
) -> Vesicle | None:
    """Return the vesicle at a random place that keeps its distances, or None."""
    low, high = _box_A(scene)
    if kind == "free":
        candidate = shape.moved_to(rng.uniform(low, high))
        return _accepted(candidate, scene, placed, 4.0 * scene.voxel_size_A, 0)
    gap_A = float(rng.uniform(0.0, 3.0)) * scene.voxel_size_A
    other = placed[int(rng.integers(len(placed)))]
    if kind == "touching":
        return _accepted(_beside(shape, other, gap_A, rng), scene, placed, gap_A, other.parent)
    if shape.radius_A > NESTED_RADIUS_SHARE * other.radius_A:
        return None
    reach_A = (other.radius_A - shape.radius_A) * rng.uniform(0.0, 1.0)
    centre = other.centre_zyx_A + _unit(rng.normal(size=3)) * reach_A
    return _accepted(shape.moved_to(centre), scene, placed, gap_A, other.label)


def _beside(shape: Vesicle, neighbour: Vesicle, gap_A: float, rng: np.random.Generator) -> Vesicle:
    """Slide the vesicle towards its neighbour until the outer faces are gap_A apart."""
    direction = _unit(rng.normal(size=3))
    away_A = neighbour.largest_radius_A + shape.largest_radius_A + 100.0
    candidate = shape.moved_to(neighbour.centre_zyx_A + direction * away_A)
    wanted_A = gap_A + neighbour.outer_half_width_A + shape.outer_half_width_A
    for _ in range(8):
        vertices, _ = surface_mesh(candidate, subdivisions=3)
        nearest_A = float(signed_distance(neighbour, vertices).min())
        step = direction * (nearest_A - wanted_A)
        candidate = candidate.moved_to(candidate.centre_zyx_A - step)
    return candidate


def _accepted(
    candidate: Vesicle, scene: Scene, placed: list[Vesicle], gap_A: float, parent: int
) -> Vesicle | None:
    """Return the candidate if it lies in the box, in its parent alone, and keeps its distances."""
    vertices, _ = surface_mesh(candidate, subdivisions=3)
    low, high = _box_A(scene)
    room_A = candidate.outer_half_width_A + 2.0 * scene.voxel_size_A
    if (vertices.min(axis=0) < low + room_A).any() or (vertices.max(axis=0) > high - room_A).any():
        return None
    enclosing = {0}
    for other in placed:
        apart_A = gap_A - 0.5 + other.outer_half_width_A + candidate.outer_half_width_A
        centres_A = float(np.linalg.norm(other.centre_zyx_A - candidate.centre_zyx_A))
        if centres_A > other.largest_radius_A + candidate.largest_radius_A + apart_A:
            continue
        distances = signed_distance(other, vertices)
        if distances.max() < -apart_A:
            enclosing |= {other.label}
        elif distances.min() < apart_A:
            return None
    ancestors = {0, parent, *(v.parent for v in placed if v.label == parent)}
    if enclosing != ancestors or len(enclosing) > 3:
        return None
    return replace(candidate, parent=parent)


def _box_A(scene: Scene) -> tuple[Float64, Float64]:
    high = scene.origin_zyx_A + (np.asarray(scene.shape_zyx) - 1) * scene.voxel_size_A
    return scene.origin_zyx_A, high


def _unit(vectors: Float64) -> Float64:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float64)
