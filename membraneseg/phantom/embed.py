"""Proteins in membranes: their axis along the normal, a random turn about it, none in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import Labels, Molecule, Particles
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.occupancy import Placement, Space, cells_of, flat_grid, take
from membraneseg.phantom.rotations import frames_along, spins
from membraneseg.phantom.shapes import outward_normals
from membraneseg.types import Bool, Float64, Int64

SIDES = ("outside", "inside")
TRIES_PER_PROTEIN = 20
AREA_UNIT_A2 = 1e5
"""1000 nm², the area that densities refer to."""
BEADS_AT_ONCE = 200_000


@dataclass(frozen=True)
class EmbeddedConfig:
    """Which proteins sit in which membranes: one entry per protein in each of the lists."""

    proteins: tuple[str, ...] = field(
        default=(), metadata={"help": "built-in membrane proteins, or .membrane.pdb files"}
    )
    membranes: tuple[str, ...] = field(
        default=(), metadata={"help": "kind of membrane that each sits in; any: all kinds"}
    )
    sides: tuple[str, ...] = field(
        default=(), metadata={"help": "where the +z end of each points: outside or inside"}
    )
    densities_per_1000_nm2: tuple[float, ...] = field(
        default=(), metadata={"help": "how many of each per 1000 nm² of membrane"}
    )

    def __post_init__(self) -> None:
        lists = (self.membranes, self.sides, self.densities_per_1000_nm2)
        if any(len(entries) != len(self.proteins) for entries in lists):
            raise MembraneSegError(
                f"embedded has {len(self.proteins)} proteins, but {[len(x) for x in lists]} "
                "membranes, sides and densities; expected one of each per protein; complete the "
                "lists under embedded"
            )
        for side in self.sides:
            if side not in SIDES:
                raise MembraneSegError(
                    f"'{side}' is no side of a membrane, expected outside or inside; correct "
                    "embedded.sides"
                )
        if min(self.densities_per_1000_nm2, default=0.0) < 0.0:
            raise MembraneSegError(
                f"densities_per_1000_nm2 is {list(self.densities_per_1000_nm2)}, expected 0 or "
                "more; correct embedded.densities_per_1000_nm2"
            )


@dataclass(frozen=True)
class Surface:
    """The middle of one membrane as points, each standing for a patch.

    Parameters
    ----------
    points_zyx_A : (N, 3) float64
    normals_zyx : (N, 3) float64
        Unit normals, outward.
    areas_A2 : (N,) float64
    label : int
        Of the membrane.
    kind : str
        Of the membrane, "liposome" for example.
    """

    points_zyx_A: Float64
    normals_zyx: Float64
    areas_A2: Float64
    label: int
    kind: str = ""


def surface_of(membrane: Membrane, vertices_zyx_A: Float64, faces: Int64) -> Surface:
    """Read a surface off the mesh of a membrane's middle; a vertex gets a third of its triangles.

    Parameters
    ----------
    membrane : Membrane
    vertices_zyx_A : (V, 3) float64
    faces : (F, 3) int64

    Returns
    -------
    Surface
    """
    corners = vertices_zyx_A[faces]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    thirds = np.linalg.norm(doubled, axis=1) / 6
    shares = np.repeat(thirds, 3)
    areas = np.bincount(faces.reshape(-1), shares, len(vertices_zyx_A)).astype(np.float64)
    normals = outward_normals(membrane.shape, vertices_zyx_A)
    return Surface(vertices_zyx_A, normals, areas, membrane.label, membrane.kind)


def with_embedded(
    space: Space,
    surfaces: Sequence[Surface],
    config: EmbeddedConfig,
    molecules: Mapping[str, Molecule],
    rng: np.random.Generator,
) -> Placement:
    """Embed every protein of a configuration in all the membranes of its kind.

    Parameters
    ----------
    space : Space
        See `embed`.
    surfaces : sequence of Surface
    config : EmbeddedConfig
    molecules : mapping from name to Molecule
        One for each of `config.proteins`.
    rng : numpy.random.Generator

    Returns
    -------
    Placement
        One `Particles` per entry of the configuration; `wanted` and `reached` count proteins.
    """
    particles: list[Particles] = []
    wanted = reached = attempts = 0
    rows = zip(
        config.proteins, config.membranes, config.sides, config.densities_per_1000_nm2, strict=True
    )
    for protein, kind, side, density in rows:
        of_kind = [surface for surface in surfaces if kind in ("any", surface.kind)]
        placed = embed(molecules[protein], of_kind, density, space, rng, side)
        particles += placed.particles
        wanted, reached = wanted + int(placed.wanted), reached + int(placed.reached)
        space, attempts = placed.space, attempts + placed.attempts
    return Placement(tuple(particles), space, wanted, reached, attempts)


def embed(
    molecule: Molecule,
    surfaces: Sequence[Surface],
    density_per_1000_nm2: float,
    space: Space,
    rng: np.random.Generator,
    side: str = "outside",
) -> Placement:
    """Put copies of a membrane protein at random places of membranes.

    Parameters
    ----------
    molecule : Molecule
        +z along the normal, z = 0 in the middle of the membrane.
    surfaces : sequence of Surface
        Places are drawn from their points, in proportion to the areas.
    density_per_1000_nm2 : float
    space : Space
        Its occupancy must not hold the membranes themselves: those are its `membranes`, and a
        protein may enter the one that it sits in, but no other.
    rng : numpy.random.Generator
    side : str
        "outside": +z points outward; "inside": inward.

    Returns
    -------
    Placement
        `wanted` and `reached` count proteins; fewer are reached where there is no room.
    """
    flat = flat_grid(space.occupied)
    labels: Labels = np.zeros(len(flat), dtype=np.int16)
    if space.membranes is not None:
        labels[:-2] = space.membranes.reshape(-1)
    centres, rotations, owners = [np.empty((0, 3))], [np.empty((0, 3, 3))], []
    wanted = attempts = 0
    for surface in surfaces:
        mean = density_per_1000_nm2 * float(surface.areas_A2.sum()) / AREA_UNIT_A2
        count = int(mean + rng.uniform())  # right on average
        where, turned = _places(surface, side, count * TRIES_PER_PROTEIN, rng)
        kept, tried = _settle(
            (flat, labels), surface.label, space, molecule, (where, turned, count)
        )
        centres.append(where[kept])
        rotations.append(turned[kept])
        owners += [surface.label] * len(kept)
        wanted, attempts = wanted + count, attempts + tried
    membrane = np.array(owners, dtype=np.int64)
    particles = Particles(
        molecule, np.concatenate(centres), np.concatenate(rotations), membrane, 0 * membrane
    )
    taken = replace(space, occupied=flat[:-2].reshape(space.box.shape_zyx))
    return Placement((particles,), taken, wanted, len(owners), attempts)


def _places(
    surface: Surface, side: str, count: int, rng: np.random.Generator
) -> tuple[Float64, Float64]:
    """Draw (N, 3) points by area, and (N, 3, 3) rotations that lay z along the normal."""
    if not count:
        return np.empty((0, 3)), np.empty((0, 3, 3))
    chosen = rng.choice(len(surface.areas_A2), count, p=surface.areas_A2 / surface.areas_A2.sum())
    axes = surface.normals_zyx[chosen] * (1.0 if side == "outside" else -1.0)
    turns = spins(rng.uniform(0.0, 2 * np.pi, count))
    return surface.points_zyx_A[chosen], frames_along(axes) @ turns


def _settle(
    flat_and_labels: tuple[Bool, Labels],
    label: int,
    space: Space,
    molecule: Molecule,
    places_and_count: tuple[Float64, Float64, int],
) -> tuple[list[int], int]:
    """Keep the first places that are free; their cells are marked in the caller's grid."""
    flat, labels = flat_and_labels
    centres, rotations, count = places_and_count
    kept: list[int] = []
    at_once = max(1, BEADS_AT_ONCE // len(molecule.beads_zyx_A))
    for start in range(0, len(centres), at_once):
        some = slice(start, start + at_once)
        cells = cells_of(space, molecule.beads_zyx_A, centres[some], rotations[some])
        entered = labels[cells]
        foreign = (entered != 0) & (entered != label)
        clear = np.flatnonzero(~(foreign | flat[cells]).any(axis=1))
        for row in clear:
            if len(kept) == count:
                return kept, kept[-1] + 1
            if not flat[cells[row]].any():
                take(flat, cells[row])
                kept.append(start + int(row))
    return kept, len(centres)
