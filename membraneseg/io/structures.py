"""Atomic structures in: PDB and mmCIF files, read by gemmi, as positions and scattering."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np

from membraneseg.coords import zyx_to_xyz
from membraneseg.errors import MembraneSegError
from membraneseg.phantom.atoms import AtomModel
from membraneseg.types import Float64

ENDINGS = (".pdb", ".ent", ".cif", ".mmcif")
DUMMY_RESIDUES = ("DUM",)
"""Markers of the membrane's planes in files of the OPM database."""
WATER_NAMES = ("TIP", "TIP3", "TIP4", "SPC", "SOL")
"""Names of water in files of simulations, beside those that gemmi knows."""
HYDROGENS_PER_HEAVY_ATOM = {"amino acid": 1.0, "nucleic acid": 0.5, "other": 1.0}
"""Mean over compositions: a protein's residue has 7.8 hydrogens and 7.8 heavy atoms, one of RNA
about 11 and 21; sugars and cofactors vary about 1."""
HYDROGEN_BEARERS = ("C", "N", "O", "S", "P", "SE")
SAME_PLACE_A = 5.0
"""Models of equal atoms whose centres lie closer than this are states of one molecule."""
_FILE_TYPES = {
    ".pdb": gemmi.CoorFormat.Pdb,
    ".ent": gemmi.CoorFormat.Pdb,
    ".cif": gemmi.CoorFormat.Mmcif,
    ".mmcif": gemmi.CoorFormat.Mmcif,
}


@dataclass(frozen=True)
class _Atoms:
    """Atoms of one model: (A, 3) xyz in Å, (A,) scattering in Å, (A,) mass in Da."""

    positions_xyz_A: Float64
    scattering_A: Float64
    mass_Da: Float64


def is_structure_name(name: str) -> bool:
    """Whether a name has the ending of a structure file: .pdb, .ent, .cif, .mmcif, or with .gz."""
    return Path(name.lower().removesuffix(".gz")).suffix in ENDINGS


def read_atoms(path: Path) -> AtomModel:
    """Read the atoms of a structure file.

    Parameters
    ----------
    path : Path
        .pdb, .ent, .cif or .mmcif, also gzipped. With `.complex` before the ending, its models are
        the parts of one assembly; with `.membrane`, its z axis is the outward normal of a membrane
        and z = 0 the membrane's middle.

    Returns
    -------
    AtomModel
        Its classes are `stem` for one model and `stem_1`, `stem_2` … for several. Waters, dummy
        atoms and atoms of no known element are left out, of alternative positions the first is
        kept. Residues without hydrogens get `HYDROGENS_PER_HEAVY_ATOM`. No symmetry is applied.

    Raises
    ------
    MembraneSegError
        If it is not a structure, holds no atoms, only a trace of the chain, or several states of
        one molecule.
    """
    stem, marks = _stem_and_marks(path)
    structure = _read(path)
    _refuse_traces(path, structure)
    models = [(model.num, _atoms(model)) for model in structure]
    models = [(number, atoms) for number, atoms in models if len(atoms.mass_Da)]
    if not models:
        raise MembraneSegError(
            f"{path} has no atoms besides water, expected the coordinates of a molecule: give a "
            "PDB or mmCIF file of an atomic model."
        )
    if not all(np.isfinite(atoms.positions_xyz_A).all() for _, atoms in models):
        raise MembraneSegError(
            f"{path} has coordinates that are no numbers, expected Å: download the file again."
        )
    if "complex" not in marks:
        _refuse_states(path, [atoms for _, atoms in models])
    several = len(models) > 1
    counts = [len(atoms.mass_Da) for _, atoms in models]
    return AtomModel(
        name=stem,
        positions_zyx_A=zyx_to_xyz(np.concatenate([a.positions_xyz_A for _, a in models])),
        scattering_A=np.concatenate([a.scattering_A for _, a in models]),
        mass_Da=np.concatenate([a.mass_Da for _, a in models]),
        model=np.repeat(np.arange(len(models)), counts),
        model_names=tuple(f"{stem}_{number}" if several else stem for number, _ in models),
        in_membrane="membrane" in marks,
    )


def _stem_and_marks(path: Path) -> tuple[str, set[str]]:
    """Name without endings, and which of "complex" and "membrane" stand before the ending."""
    if not is_structure_name(path.name):
        raise MembraneSegError(
            f"{path} is not the name of an atomic structure, expected one that ends in "
            f"{', '.join(ENDINGS)} or in one of these and .gz: give a PDB or mmCIF file."
        )
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    *words, _ = name.split(".")
    marks: set[str] = set()
    while len(words) > 1 and words[-1].lower() in ("complex", "membrane"):
        marks.add(words.pop().lower())
    return ".".join(words) or name, marks


def _read(path: Path) -> gemmi.Structure:
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    try:
        structure = gemmi.read_structure(str(path), format=_FILE_TYPES[ending])
    except FileNotFoundError as error:
        raise MembraneSegError(
            f"{path} does not exist, expected a PDB or mmCIF file: correct the path."
        ) from error
    except (OSError, RuntimeError, ValueError, IndexError) as error:
        raise MembraneSegError(
            f"{path} cannot be read as a structure ({' '.join(str(error).split())}), expected PDB "
            "or mmCIF: give a PDB or mmCIF file of an atomic model."
        ) from error
    structure.remove_alternative_conformations()
    return structure


def _atoms(model: gemmi.Model) -> _Atoms:
    """Positions, scattering and mass of a model's atoms, hydrogens made up for."""
    hydrogen = gemmi.Element("H")
    properties: dict[str, tuple[float, float]] = {}
    rows: list[tuple[float, float, float, float, float]] = []
    for chain in model:
        for residue in chain:
            added = _missing_hydrogens(residue)
            if added is None:
                continue
            for atom in residue:
                name = atom.element.name
                if name == "X":
                    continue
                if name not in properties:
                    properties[name] = (_scattering_A(atom.element), atom.element.weight)
                scattering, mass = properties[name]
                extra = added if name.upper() in HYDROGEN_BEARERS else 0.0
                scattering += extra * _scattering_A(hydrogen)
                mass += extra * hydrogen.weight
                rows.append((atom.pos.x, atom.pos.y, atom.pos.z, scattering, mass))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return _Atoms(table[:, :3], table[:, 3], table[:, 4])


def _missing_hydrogens(residue: gemmi.Residue) -> float | None:
    """Hydrogens to add to each heavy atom of a residue; None for waters and dummies."""
    if residue.is_water() or residue.name in WATER_NAMES or residue.name in DUMMY_RESIDUES:
        return None
    if len(residue) == 1 or any(atom.is_hydrogen() for atom in residue):
        return 0.0  # ions, and residues whose hydrogens are there
    kind = gemmi.find_tabulated_residue(residue.name)
    if kind.is_amino_acid():
        return HYDROGENS_PER_HEAVY_ATOM["amino acid"]
    if kind.is_nucleic_acid():
        return HYDROGENS_PER_HEAVY_ATOM["nucleic acid"]
    return HYDROGENS_PER_HEAVY_ATOM["other"]


def _scattering_A(element: gemmi.Element) -> float:
    """Electron scattering factor at zero angle (International Tables C, table 4.3.2.2)."""
    return float(element.c4322.calculate_sf(0.0))


def _refuse_traces(path: Path, structure: gemmi.Structure) -> None:
    """A trace of Cα atoms has an eighth of the protein's mass: its density would be wrong."""
    atoms_of = [
        len(residue)
        for model in structure
        for chain in model
        for residue in chain
        if gemmi.find_tabulated_residue(residue.name).is_amino_acid()
    ]
    if atoms_of and np.mean(np.array(atoms_of) == 1) > 0.5:
        raise MembraneSegError(
            f"{path} holds one atom for most of its {len(atoms_of)} residues, expected all of "
            "their atoms: give a full atomic model, not a Cα trace."
        )


def _refuse_states(path: Path, models: list[_Atoms]) -> None:
    """NMR ensembles hold one molecule many times over: as parts they would lie in each other."""
    first = models[0]
    for other in models[1:]:
        if len(other.mass_Da) != len(first.mass_Da) or (other.mass_Da != first.mass_Da).any():
            continue
        apart = other.positions_xyz_A.mean(axis=0) - first.positions_xyz_A.mean(axis=0)
        if math.hypot(*apart) < SAME_PLACE_A:
            raise MembraneSegError(
                f"{path} holds {len(models)} models of the same atoms in the same place, expected "
                "the parts of one assembly: keep one model of an ensemble, or name the file "
                ".complex.pdb (.complex.cif) if they are parts."
            )
