"""PDB and mmCIF files: the same atoms from both, hydrogens made up for, bad files refused."""

import gzip

import gemmi
import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.structures import is_structure_name, read_atoms
from membraneseg.phantom.atoms import molecule_from_atoms

SCATTERING_A = {"H": 0.5288, "C": 2.5088, "N": 2.2135, "O": 1.9834}
ALANINE = {
    "N": (0.0, 0.0, 0.0),
    "CA": (1.46, 0.0, 0.0),
    "C": (2.0, 1.4, 0.1),
    "O": (1.3, 2.4, 0.2),
    "CB": (2.0, -0.8, -1.2),
}
HYDROGENS = {
    "H": (-0.5, 0.8, 0.3),
    "HA": (1.8, -0.5, 0.9),
    "HB1": (3.1, -0.8, -1.2),
    "HB2": (1.7, -1.8, -1.2),
    "HB3": (1.7, -0.3, -2.1),
}


def residue_of(name, atoms, number=1, shift=(0.0, 0.0, 0.0)):
    residue = gemmi.Residue()
    residue.name = name
    residue.seqid = gemmi.SeqId(number, " ")
    for atom_name, place in atoms.items():
        atom = gemmi.Atom()
        atom.name = atom_name
        element = atom_name if len(atom_name) == 2 and atom_name[1].islower() else atom_name[0]
        atom.element = gemmi.Element(element)
        atom.pos = gemmi.Position(*(np.array(place) + shift))
        residue.add_atom(atom)
    return residue


def structure_of(*models):
    structure = gemmi.Structure()
    structure.name = "test"
    structure.cell = gemmi.UnitCell(1, 1, 1, 90, 90, 90)
    for number, residues in enumerate(models, start=1):
        model = gemmi.Model(number)
        chain = gemmi.Chain("A")
        for residue in residues:
            chain.add_residue(residue)
        model.add_chain(chain)
        structure.add_model(model)
    structure.setup_entities()
    return structure


def write(structure, path):
    if ".pdb" in path.name or ".ent" in path.name:
        text = structure.make_pdb_string()
    else:
        text = structure.make_mmcif_document().as_string()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def alanines(count=4, step_A=3.8):
    return [residue_of("ALA", ALANINE, i + 1, (0.0, 0.0, step_A * i)) for i in range(count)]


def test_an_alanine_has_the_potential_of_its_formula_with_or_without_its_hydrogens(tmp_path):
    # C3 H5 N O in a chain; the scattering factors are those of free atoms
    scattering = sum(SCATTERING_A[e] * n for e, n in {"C": 3, "H": 5, "N": 1, "O": 1}.items())
    mass = 3 * 12.011 + 5 * 1.008 + 14.007 + 15.999
    exact = 0.77 * (47.878 * scattering - 4.53 * 1.21 * mass)
    bare = write(structure_of([residue_of("ALA", ALANINE)]), tmp_path / "bare.pdb")
    whole = structure_of([residue_of("ALA", ALANINE | HYDROGENS)])
    full = write(whole, tmp_path / "full.pdb")
    for path, count in ((bare, 5), (full, 10)):
        atoms = read_atoms(path)
        assert len(atoms.mass_Da) == count
        molecule = molecule_from_atoms(atoms, 3.3)
        assert molecule.potential_VA3.sum() == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("name", ["a.pdb", "a.ent", "a.cif", "a.mmcif", "a.pdb.gz", "a.cif.gz"])
def test_every_kind_of_file_gives_the_same_atoms_zyx(tmp_path, name):
    atoms = read_atoms(write(structure_of(alanines()), tmp_path / name))
    expected = [
        (np.array(place) + np.array([0.0, 0.0, 3.8 * i]))[::-1]
        for i in range(4)
        for place in ALANINE.values()
    ]
    assert atoms.positions_zyx_A == pytest.approx(np.array(expected), abs=1e-3)
    assert atoms.name == "a"
    assert atoms.model_names == ("a",)
    assert not atoms.in_membrane


def test_waters_dummies_and_unknown_atoms_are_left_out_and_ions_get_no_hydrogens(tmp_path):
    extra = [
        residue_of("HOH", {"O": (30, 0, 0)}, 10),
        residue_of("DOD", {"O": (31, 0, 0)}, 11),
        residue_of("DUM", {"N": (0, 0, 15), "O": (0, 0, -15)}, 12),
        residue_of("UNX", {"X": (5, 5, 5)}, 13),
        residue_of("ZN", {"Zn": (6, 6, 6)}, 14),
    ]
    atoms = read_atoms(write(structure_of([*alanines(2), *extra]), tmp_path / "mixed.cif"))
    assert len(atoms.mass_Da) == 11
    assert atoms.mass_Da[-1] == pytest.approx(65.38, abs=0.1)
    assert atoms.mass_Da[:-1].sum() == pytest.approx(2 * 71.08, rel=2e-3)


def test_the_first_of_alternative_positions_is_kept(tmp_path):
    residue = residue_of("ALA", ALANINE)
    other = residue[4].clone()
    residue[4].altloc, other.altloc = "A", "B"
    other.pos = gemmi.Position(9, 9, 9)
    residue.add_atom(other)
    atoms = read_atoms(write(structure_of([residue]), tmp_path / "alt.pdb"))
    assert len(atoms.mass_Da) == 5
    assert atoms.positions_zyx_A[4] == pytest.approx(np.array(ALANINE["CB"])[::-1], abs=1e-3)


@pytest.mark.parametrize("name", ["6t1y.complex.pdb", "6t1y.pdb", "6t1y.complex.cif"])
def test_models_become_classes_of_their_own(tmp_path, name):
    models = alanines(3), [residue_of("GLY", ALANINE, 9, (40, 0, 0))]
    molecule = molecule_from_atoms(read_atoms(write(structure_of(*models), tmp_path / name)), 3.0)
    assert molecule.part_names == ("6t1y_1", "6t1y_2")
    x = molecule.beads_zyx_A[:, 2]
    assert x[molecule.parts == 1].min() > x[molecule.parts == 0].max() + 30.0


def test_an_ensemble_is_refused_unless_it_is_called_a_complex(tmp_path):
    states = structure_of(alanines(), alanines())
    with pytest.raises(MembraneSegError, match=r"2 models of the same atoms.*keep one model"):
        read_atoms(write(states, tmp_path / "nmr.pdb"))
    assert len(read_atoms(write(states, tmp_path / "nmr.complex.pdb")).model_names) == 2
    apart = structure_of(
        alanines(), [residue_of("ALA", ALANINE, i, (50, 0, i)) for i in range(1, 5)]
    )
    assert len(read_atoms(write(apart, tmp_path / "dimer.pdb")).model_names) == 2


def test_a_membrane_protein_keeps_its_frame_and_a_soluble_one_is_centred(tmp_path):
    shifted = structure_of([residue_of("ALA", ALANINE, 1, (5.0, 6.0, 70.0))])
    kept = molecule_from_atoms(read_atoms(write(shifted, tmp_path / "r.membrane.pdb")), 5.0)
    assert kept.name == "r"
    assert kept.beads_zyx_A[:, 0].mean() == pytest.approx(70.0, abs=2.0)
    centred = molecule_from_atoms(read_atoms(write(shifted, tmp_path / "r.pdb")), 5.0)
    assert np.abs(centred.beads_zyx_A).max() < 4.0


def bad_files(folder):
    gone = folder / "gone.pdb"
    text = folder / "notes.pdb"
    text.write_text("not a structure at all\n")
    empty = folder / "empty.pdb"
    empty.write_text("")
    empty_cif = folder / "empty.cif"
    empty_cif.write_text("")
    prose = folder / "prose.cif"
    prose.write_text("hello world\n")
    cell = folder / "cell.cif"
    cell.write_text("data_x\n_cell.length_a 5\n")
    zipped = folder / "zip.cif.gz"
    zipped.write_bytes(b"\x1f\x8b\x08not gzip at all")
    water = write(structure_of([residue_of("HOH", {"O": (0, 0, 0)})]), folder / "water.pdb")
    binary = folder / "binary.cif"
    binary.write_bytes(bytes(range(256)) * 4)
    directory = folder / "directory.pdb"
    directory.mkdir()
    image = folder / "volume.mrc"
    image.write_bytes(b"x")
    return [
        gone,
        text,
        empty,
        empty_cif,
        prose,
        cell,
        zipped,
        water,
        binary,
        directory,
        image,
    ]


def test_what_is_no_structure_gets_one_clear_sentence(tmp_path):
    for path in bad_files(tmp_path):
        with pytest.raises(MembraneSegError) as refused:
            read_atoms(path)
        message = str(refused.value)
        assert str(path) in message
        assert "expected" in message
        assert ": " in message
        assert "\n" not in message
        assert message.endswith(".")


def test_names_of_structures_are_told_from_names_of_built_in_molecules():
    names = ["a.pdb", "b.CIF", "c.mmcif.gz", "d.complex.pdb", "folder/e.ent"]
    assert all(map(is_structure_name, names))
    assert not any(map(is_structure_name, ["ribosome", "gold_10nm", "a.mrc", "pdb", "a.gz"]))


def test_a_trace_of_one_atom_per_residue_is_refused(tmp_path):
    path = tmp_path / "trace.pdb"
    alphas = {"CA": ALANINE["CA"]}
    residues = [residue_of("ALA", alphas, n, (3.8 * n, 0.0, 0.0)) for n in range(1, 9)]
    write(structure_of(residues), path)
    with pytest.raises(MembraneSegError, match="one atom for most of its 8 residues"):
        read_atoms(path)
