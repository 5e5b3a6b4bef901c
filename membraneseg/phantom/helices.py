"""The lattices of actin, cofilactin and microtubules, and their subunits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.phantom.beads import Molecule
from membraneseg.phantom.molecules import PROTEIN_V
from membraneseg.phantom.rotations import spins
from membraneseg.phantom.solids import Solid, molecule_of_solids
from membraneseg.types import Float64

PROTOFILAMENTS = 13
MONOMER_A = 40.9
"""Length of a tubulin monomer along its protofilament."""
START = 3
"""Monomers by which the helix through neighbouring protofilaments climbs in one turn."""


@dataclass(frozen=True)
class HelicalLattice:
    """How subunits stand around a filament's centre line.

    Parameters
    ----------
    repeat_A : float
        Rise from one set of subunits to the next.
    twist_deg : float
        Turn about the filament from one set to the next, right-handed.
    rises_A : tuple of float
        Height of each subunit of a set along the filament.
    angles_deg : tuple of float
        Its angle about the filament.
    radius_A : float
        Distance of the subunits' centres from the centre line.
    outer_radius_A : float
        Half the width of the filament.
    persistence_A : float
        Persistence length.
    """

    repeat_A: float
    twist_deg: float
    rises_A: tuple[float, ...]
    angles_deg: tuple[float, ...]
    radius_A: float
    outer_radius_A: float
    persistence_A: float


@dataclass(frozen=True)
class FilamentKind:
    """A filament that is built in: its lattice, and a subunit whose z runs along it, x outward."""

    lattice: HelicalLattice
    subunit: tuple[Solid, ...]


def _microtubule() -> HelicalLattice:
    """13 straight protofilaments; going round left-handed, each stands 3/13 monomer higher."""
    numbers = np.arange(PROTOFILAMENTS)
    rises = (numbers * START * MONOMER_A / PROTOFILAMENTS) % MONOMER_A
    angles = -360.0 * numbers / PROTOFILAMENTS
    return HelicalLattice(
        MONOMER_A, 0.0, tuple(rises.tolist()), tuple(angles.tolist()), 105.0, 125.0, 1e7
    )


_ACTIN_DOMAINS = (
    Solid((-6.0, -7.0, 7.0), (21.0, 17.0, 19.0), PROTEIN_V, part="actin"),
    Solid((6.0, 8.0, -3.0), (22.0, 16.0, 21.0), PROTEIN_V, part="actin"),
)
BUILT_IN_FILAMENTS: dict[str, FilamentKind] = {
    "actin": FilamentKind(
        HelicalLattice(27.6, -166.7, (0.0,), (0.0,), 16.0, 42.0, 1e5), _ACTIN_DOMAINS
    ),
    "cofilactin": FilamentKind(
        HelicalLattice(27.6, -162.0, (0.0,), (0.0,), 16.0, 62.0, 2e4),
        (*_ACTIN_DOMAINS, Solid((15.0, 23.0, 28.0), (17.0, 16.0, 18.0), PROTEIN_V, part="cofilin")),
    ),
    "microtubule": FilamentKind(
        _microtubule(),
        (Solid((0.0, 0.0, 0.0), (21.0, 25.5, 20.0), PROTEIN_V, exponent=6, part="microtubule"),),
    ),
}


def built_in_subunit(name: str, spacing_A: float) -> Molecule:
    """Subunit of a filament of `BUILT_IN_FILAMENTS`, with beads of this lattice spacing."""
    return molecule_of_solids(name, BUILT_IN_FILAMENTS[name].subunit, spacing_A, centred=False)


def subunits_along(
    points_zyx_A: Float64, frames: Float64, lattice: HelicalLattice, phase_deg: float
) -> tuple[Float64, Float64]:
    """Place subunits around a centre line.

    Parameters
    ----------
    points_zyx_A : (S, 3) float64
        Points of the centre line, `lattice.repeat_A` apart.
    frames : (S, 3, 3) float64
        Untwisted frames; the first column is the direction of the line.
    lattice : HelicalLattice
    phase_deg : float
        Turn of the whole filament about its line.

    Returns
    -------
    centres_zyx_A : (S, M, 3) float64
        M subunits per set.
    rotations : (S, M, 3, 3) float64
        z of a subunit runs along the filament, its x points outward.
    """
    sets = np.arange(len(points_zyx_A)) * lattice.twist_deg + phase_deg
    angles = np.deg2rad(sets[:, None] + np.asarray(lattice.angles_deg))
    turns = spins(angles.reshape(-1)).reshape(*angles.shape, 3, 3)
    rotations = frames[:, None] @ turns
    rises = np.asarray(lattice.rises_A)[None, :, None] * frames[:, None, :, 0]
    outward = lattice.radius_A * rotations[..., 2]
    return points_zyx_A[:, None] + rises + outward, rotations
