"""Built-in shapes and molecules made of atoms, against volumes, symmetries and closed forms."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.atoms import AtomModel, molecule_from_atoms
from membraneseg.phantom.beads import deposit, soluble
from membraneseg.phantom.box import Box
from membraneseg.phantom.molecules import (
    BUILT_IN,
    BUILT_IN_MEMBRANE_PROTEINS,
    BUILT_IN_SOLUBLE,
    built_in,
)
from membraneseg.phantom.rotations import spins
from membraneseg.phantom.solids import Solid, molecule_of_solids

SCATTERING_A = {"H": 0.5288, "C": 2.5088, "N": 2.2135, "O": 1.9834, "S": 5.1604}
MASS_DA = {"H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "S": 32.06}


def atoms_of(elements, positions=None, **more):
    count = len(elements)
    if positions is None:
        positions = np.random.default_rng(0).normal(0, 4, (count, 3))
    return AtomModel(
        name="x",
        positions_zyx_A=np.asarray(positions, dtype=float),
        scattering_A=np.array([SCATTERING_A[e] for e in elements]),
        mass_Da=np.array([MASS_DA[e] for e in elements]),
        model=more.pop("model", np.zeros(count, dtype=np.int64)),
        model_names=more.pop("model_names", ("x",)),
        **more,
    )


@pytest.mark.parametrize("spacing_A", [3.0, 7.0, 11.0])
def test_the_potential_of_a_solid_is_its_volume_times_its_volts(spacing_A):
    sphere = [Solid((1.0, 2.0, 3.0), (50.0, 50.0, 50.0), 22.0)]
    egg = [Solid((0, 0, 0), (60.0, 30.0, 40.0), 2.0, axis_zyx=(1.0, 1.0, 0.5))]
    hollow = [*sphere, Solid((1.0, 2.0, 3.0), (30.0, 30.0, 30.0), 0.0)]
    for solids, exact in (
        (sphere, 22 * 4 / 3 * np.pi * 50**3),
        (egg, 2 * 4 / 3 * np.pi * 60 * 30 * 40),
        (hollow, 22 * 4 / 3 * np.pi * (50**3 - 30**3)),
    ):
        molecule = molecule_of_solids("solid", solids, spacing_A, centred=True)
        assert molecule.potential_VA3.sum() == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_molecule_does_not_depend_on_the_lattice(name):
    fine, coarse = built_in(name, 4.0), built_in(name, 6.6)
    assert coarse.potential_VA3.sum() == pytest.approx(fine.potential_VA3.sum(), rel=0.02)
    assert coarse.volume_A3 == pytest.approx(fine.volume_A3, rel=0.02)
    for molecule in (fine, coarse):
        mean_V = molecule.potential_VA3.sum() / molecule.volume_A3
        assert 1.5 < mean_V < 2.6 or mean_V == pytest.approx(22.0)
        centre = molecule.potential_VA3 @ molecule.beads_zyx_A / molecule.potential_VA3.sum()
        if name in BUILT_IN_SOLUBLE:
            assert np.abs(centre).max() < 1e-9
        else:
            assert centre[0] >= -2.0  # what stands out of the membrane is on the +z side


@pytest.mark.parametrize(
    ("name", "long_A", "short_A"),
    [
        ("ribosome", 260, 220),
        ("proteasome", 150, 108),
        ("chaperonin", 160, 155),
        ("apoferritin", 122, 122),
        ("fatty_acid_synthase", 260, 230),
        ("rod", 120, 40),
        ("gold_10nm", 100, 100),
    ],
)
def test_sizes_are_those_of_the_published_structures(name, long_A, short_A):
    spacing_A = 3.0
    extent = np.ptp(built_in(name, spacing_A).beads_zyx_A, axis=0) + spacing_A
    assert extent.max() == pytest.approx(long_A, abs=8.0)
    assert extent.min() == pytest.approx(short_A, abs=8.0)


def test_the_chaperonin_looks_the_same_after_an_eighth_of_a_turn_only():
    box = Box((40, 40, 40), 5.0, np.full(3, -97.5))
    molecule = built_in("chaperonin", 2.75)
    maps = [
        deposit(box, [soluble(molecule, np.zeros((1, 3)), spins(np.deg2rad([angle])))]).ravel()
        for angle in (0.0, 45.0, 22.5)
    ]
    assert np.corrcoef(maps[0], maps[1])[0, 1] > 0.98
    assert np.corrcoef(maps[0], maps[2])[0, 1] < 0.9


def test_the_head_of_the_atp_synthase_is_10_nm_wide_and_13_nm_above_the_membrane():
    beads = built_in("atp_synthase", 3.0).beads_zyx_A
    z, y, x = beads.T
    head = (z > 60.0) & (x < 40.0) & (np.hypot(y, x) > 20.0)  # neither stalk
    assert z[head].mean() == pytest.approx(130.0, abs=4.0)
    assert np.ptp(y[head]) == pytest.approx(100.0, abs=8.0)


def test_membrane_proteins_cross_the_membrane():
    for name in BUILT_IN_MEMBRANE_PROTEINS:
        z = built_in(name, 4.0).beads_zyx_A[:, 0]
        assert z.min() < -20.0
        assert z.max() > 60.0


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(MembraneSegError, match=r"'ribosom' is no built-in.*ribosome.*\.pdb"):
        built_in("ribosom", 5.0)


def test_the_potential_of_a_water_molecule_is_the_closed_form():
    water = molecule_from_atoms(atoms_of("OHH"), 3.0)
    scattering = 1.9834 + 2 * 0.5288
    exact = 0.77 * (47.878 * scattering - 4.53 * 1.21 * 18.015)
    assert water.potential_VA3.sum() == pytest.approx(exact, rel=1e-4)


def test_atoms_displace_ice_so_that_ice_itself_adds_nothing():
    # water at the density of ice, 32.2 Å³ per molecule: 4.53 V before bonding
    per_molecule = 47.878 * (1.9834 + 2 * 0.5288)
    assert per_molecule / (18.015 / (0.6022 * 0.93)) == pytest.approx(4.53, abs=0.01)


def test_protein_of_typical_composition_is_2_5_to_3_1_volts_above_ice():
    composition = "C" * 495 + "H" * 780 + "N" * 135 + "O" * 148 + "S" * 4
    protein = molecule_from_atoms(atoms_of(composition), 4.0)
    assert 2.5 < protein.potential_VA3.sum() / protein.volume_A3 < 3.1


def test_gathering_atoms_keeps_potential_and_centre_and_makes_fewer_beads():
    rng = np.random.default_rng(2)
    elements = rng.choice(list("CNO"), 4000)
    positions = rng.uniform(-40, 40, (4000, 3)) + np.array([100.0, 200.0, -300.0])
    atoms = atoms_of(elements, positions)
    fine, coarse = molecule_from_atoms(atoms, 1.0), molecule_from_atoms(atoms, 8.0)
    assert coarse.potential_VA3.sum() == pytest.approx(fine.potential_VA3.sum(), rel=1e-12)
    centre = atoms.mass_Da @ positions / atoms.mass_Da.sum()
    assert len(coarse.parts) < len(fine.parts) / 2
    for molecule in (fine, coarse):
        weights = molecule.potential_VA3[:, None]
        moment = (weights * molecule.beads_zyx_A).sum(axis=0) / weights.sum()
        exact = atoms.scattering_A @ (positions - centre) / atoms.scattering_A.sum()
        assert moment == pytest.approx(exact, abs=0.2)


def test_models_stay_apart_even_within_one_cell():
    model = np.array([0, 0, 1, 1])
    atoms = atoms_of("CCNN", np.zeros((4, 3)) + 0.1, model=model, model_names=("a", "b"))
    molecule = molecule_from_atoms(atoms, 5.0)
    assert molecule.part_names == ("a", "b")
    assert sorted(molecule.parts) == [0, 1]
    assert molecule.potential_VA3[0] == pytest.approx(
        2 * 0.77 * (47.878 * 2.5088 - 4.53 * 1.21 * 12.011), rel=1e-6
    )


def test_a_molecule_in_a_membrane_keeps_its_frame():
    positions = np.random.default_rng(3).normal(0, 1, (9, 3)) + np.array([40.0, 3.0, -2.0])
    atoms = atoms_of("C" * 9, positions, in_membrane=True)
    kept = molecule_from_atoms(atoms, 2.0)
    weights = kept.potential_VA3 / kept.potential_VA3.sum()
    assert weights @ kept.beads_zyx_A == pytest.approx(positions.mean(axis=0), abs=1e-9)
