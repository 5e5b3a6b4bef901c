"""Coarse shapes of molecules: solids painted over each other, gathered into beads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from membraneseg.phantom.beads import Molecule
from membraneseg.phantom.rotations import frames_along, spins
from membraneseg.types import Bool, Float64, Int64

FINE_SPACING_A = 2.5
"""Edge of the cells that solids are painted with; several of them make a bead."""


@dataclass(frozen=True)
class Solid:
    """An ellipsoid, or, with a larger exponent, a barrel: (ρ²)^(p/2) + |z|^p ≤ 1.

    Parameters
    ----------
    centre_zyx_A : (3,) floats
    semi_axes_zyx_A : (3,) floats
        Half the extent along each of its own axes.
    potential_V : float
        Above ice; 0 carves a hole into the solids before it.
    exponent : int
        Even. 2: ellipsoid; 8: nearly a cylinder along its own z.
    axis_zyx : (3,) floats
        Direction of its own z.
    spin_deg : float
        Turn about its own z.
    part : str
        Class in the ground-truth atlas; empty: the name of the molecule.
    """

    centre_zyx_A: tuple[float, float, float]
    semi_axes_zyx_A: tuple[float, float, float]
    potential_V: float
    exponent: int = 2
    axis_zyx: tuple[float, float, float] = (1.0, 0.0, 0.0)
    spin_deg: float = 0.0
    part: str = ""

    @property
    def frame(self) -> Float64:
        """(3, 3) rotation from its own axes to those of the molecule."""
        return np.asarray(
            frames_along(np.array([self.axis_zyx]))[0] @ spins(np.deg2rad([self.spin_deg]))[0]
        )

    @property
    def reach_A(self) -> Float64:
        """(3,) half the extent along the axes of the molecule, or a little more."""
        upright = self.axis_zyx == (1.0, 0.0, 0.0)
        corner = 1.0 if self.exponent == 2 or upright else np.sqrt(2.0)
        frame, semi_axes = self.frame, np.array(self.semi_axes_zyx_A)
        return np.asarray(corner * np.sqrt(((frame * semi_axes) ** 2).sum(axis=1)))


def ring(solid: Solid, count: int, radius_A: float, first_deg: float = 0.0) -> tuple[Solid, ...]:
    """Copies of a solid around z, each turned with its place; the first one towards +x.

    Parameters
    ----------
    solid : Solid
        Its own z is that of the molecule; its x becomes the radial direction.
    count : int
    radius_A : float
    first_deg : float
        Angle of the first copy.

    Returns
    -------
    tuple of Solid
    """
    angles = first_deg + np.arange(count) * 360.0 / count
    turns = spins(np.deg2rad(angles))
    start = np.array(solid.centre_zyx_A) + np.array([0.0, 0.0, radius_A])
    copies = []
    for angle, turn in zip(angles, turns, strict=True):
        z, y, x = (turn @ start).tolist()
        copies.append(replace(solid, centre_zyx_A=(z, y, x), spin_deg=float(angle)))
    return tuple(copies)


def molecule_of_solids(
    name: str, solids: Sequence[Solid], spacing_A: float, centred: bool
) -> Molecule:
    """Fill solids with beads.

    Parameters
    ----------
    name : str
    solids : sequence of Solid
        Painted in this order: where two overlap, the later one counts.
    spacing_A : float
        Of the lattice of beads.
    centred : bool
        Move the centre of the potential to 0; False keeps the frame (membrane proteins).

    Returns
    -------
    Molecule
        A bead stands for a cell of the lattice that is at least half full; the potential of the
        emptier ones is shared out, so that the sum does not depend on the lattice.
    """
    part_names = tuple(dict.fromkeys(solid.part or name for solid in solids))
    fine = max(1, int(np.ceil(spacing_A / FINE_SPACING_A)))
    cell_A = spacing_A / fine
    low = np.min([np.array(s.centre_zyx_A) - s.reach_A for s in solids], axis=0)
    high = np.max([np.array(s.centre_zyx_A) + s.reach_A for s in solids], axis=0)
    cells = np.ceil((high - low) / spacing_A).astype(int)
    low = (low + high - cells * spacing_A) / 2
    potential = np.zeros(tuple(cells * fine))
    parts = np.full(potential.shape, -1)
    for solid in solids:
        number = part_names.index(solid.part or name)
        _paint(potential, parts, solid, number, low + cell_A / 2, cell_A)
    blocks = tuple(n for count in cells for n in (int(count), fine))
    counts = np.stack(
        [(parts == n).reshape(blocks).sum(axis=(1, 3, 5)) for n in range(len(part_names))], axis=-1
    )
    filled = counts.sum(axis=-1)
    kept = filled >= min(fine**3 / 2, filled.max())
    summed = potential.reshape(blocks).sum(axis=(1, 3, 5)) * cell_A**3
    beads = low + (np.argwhere(kept) + 0.5) * spacing_A
    weights = summed[kept] * (summed.sum() / summed[kept].sum())
    if centred:
        beads = beads - (weights[:, None] * beads).sum(axis=0) / weights.sum()
    volume_A3 = float(filled.sum()) * cell_A**3
    return Molecule(name, beads, weights, counts[kept].argmax(axis=-1), part_names, volume_A3)


def _paint(
    potential: Float64, parts: Int64, solid: Solid, part: int, first_A: Float64, cell_A: float
) -> None:
    """Paint one solid into the two grids that `molecule_of_solids` owns."""
    centre = (np.array(solid.centre_zyx_A) - first_A) / cell_A
    reach = solid.reach_A / cell_A
    start = np.maximum(np.floor(centre - reach), 0).astype(int)
    stop = np.minimum(np.ceil(centre + reach).astype(int) + 1, potential.shape)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    steps = zip(start, stop, centre, strict=True)
    inside = _contains(solid, [(np.arange(a, b) - middle) * cell_A for a, b, middle in steps])
    potential[box][inside] = solid.potential_V
    parts[box][inside] = part if solid.potential_V else -1


def _contains(solid: Solid, offsets_A: list[Float64]) -> Bool:
    """Which cells of a grid lie in the solid, from their offsets along z, y and x."""
    z, y, x = offsets_A
    frame = solid.frame / np.array(solid.semi_axes_zyx_A)
    along, *across = (
        (z[:, None, None] * column[0] + y[:, None] * column[1] + x * column[2]) ** 2
        for column in frame.T
    )
    powers = total = np.stack([along, across[0] + across[1]])
    for _ in range(solid.exponent // 2 - 1):  # far faster than raising floats to a power
        powers = powers * total
    return np.asarray(powers[0] + powers[1] <= 1.0)
