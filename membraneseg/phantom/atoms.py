"""From atoms to beads: what each atom adds to the potential of ice, gathered on a lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.phantom.beads import Molecule
from membraneseg.types import Float64, Int64

POTENTIAL_PER_SCATTERING_VA2 = 47.878
"""h² / (2π m e): V·Å³ for each Å of an atom's electron scattering factor at zero angle."""
BONDING_FACTOR = 0.77
"""Sums over free atoms exceed what is measured in bonded matter; ice: 3.5 V, not 4.53 V."""
FREE_ATOM_ICE_V = 4.53
"""Mean inner potential of ice at 0.93 g/cm³ by the sum over free atoms."""
VOLUME_PER_MASS_A3_PER_DA = 1.21
"""Partial specific volume of protein, 0.73 cm³/g: the ice that an atom displaces."""


@dataclass(frozen=True)
class AtomModel:
    """The atoms of one structure file.

    Parameters
    ----------
    name : str
        The file's name without its endings.
    positions_zyx_A : (A, 3) float64
    scattering_A : (A,) float64
        Electron scattering factor at zero angle, that of missing hydrogens included.
    mass_Da : (A,) float64
        Likewise.
    model : (A,) int64
        Index into `model_names`.
    model_names : tuple of str
        Classes in the ground-truth atlas.
    in_membrane : bool
        The file's frame is that of a membrane: z its outward normal, z = 0 its middle.
    """

    name: str
    positions_zyx_A: Float64
    scattering_A: Float64
    mass_Da: Float64
    model: Int64
    model_names: tuple[str, ...]
    in_membrane: bool = False

    def __post_init__(self) -> None:
        count = len(self.positions_zyx_A)
        shapes = {self.scattering_A.shape, self.mass_Da.shape, self.model.shape}
        if self.positions_zyx_A.shape != (count, 3) or shapes != {(count,)}:
            raise ValueError("positions_zyx_A must be (A, 3), with one value of each kind per atom")


def atom_potentials_VA3(atoms: AtomModel) -> Float64:
    """Integral (A,) of each atom's potential above that of the ice that it displaces, V·Å³."""
    free_atoms = POTENTIAL_PER_SCATTERING_VA2 * atoms.scattering_A
    ice = FREE_ATOM_ICE_V * VOLUME_PER_MASS_A3_PER_DA * atoms.mass_Da
    return np.asarray(BONDING_FACTOR * (free_atoms - ice))


def molecule_from_atoms(atoms: AtomModel, spacing_A: float) -> Molecule:
    """Gather atoms into beads, one per lattice cell and model.

    Parameters
    ----------
    atoms : AtomModel
    spacing_A : float
        Edge of the cells: `BEAD_SPACING_VOXELS` voxels or less.

    Returns
    -------
    Molecule
        Beads stand at the mean position of their atoms, weighted by scattering; their potentials
        add up to those of the atoms. Centred on the centre of mass, unless it is in a membrane.
    """
    origin = np.zeros(3)
    if not atoms.in_membrane:
        origin = (atoms.mass_Da @ atoms.positions_zyx_A) / atoms.mass_Da.sum()
    positions = atoms.positions_zyx_A - origin
    cells = np.floor(positions / spacing_A).astype(np.int64)
    keys = np.column_stack([atoms.model, cells])
    unique, bead = np.unique(keys, axis=0, return_inverse=True)
    bead = bead.reshape(-1)
    weight = np.bincount(bead, atoms.scattering_A)
    moments = [np.bincount(bead, atoms.scattering_A * axis) / weight for axis in positions.T]
    return Molecule(
        name=atoms.name,
        beads_zyx_A=np.stack(moments, axis=-1),
        potential_VA3=np.bincount(bead, atom_potentials_VA3(atoms)).astype(np.float64),
        parts=unique[:, 0].astype(np.int64),
        part_names=atoms.model_names,
        volume_A3=float(atoms.mass_Da.sum()) * VOLUME_PER_MASS_A3_PER_DA,
    )
