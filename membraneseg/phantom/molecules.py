"""Coarse shapes of well-known molecules, for scenes without structure files.

Envelopes at about 15 Å: sizes and symmetries are those of the published structures. They hold
solvent, so that their potential above ice, 1.8–2.5 V, is below that of dry protein (2.8 V).
"""

from __future__ import annotations

from itertools import chain

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import Molecule
from membraneseg.phantom.solids import Solid, molecule_of_solids, ring

PROTEIN_V, LOOSE_V, RNA_V, GOLD_V = 2.2, 1.8, 2.5, 22.0
IN_MEMBRANE_V = 0.9
"""Of protein between lipids: what it adds to the bilayer, which is drawn throughout."""
Solids = tuple[Solid, ...]


def _ribosome() -> Solids:
    """Two subunits with a cleft between them, RNA inside; 25 nm."""
    return (
        Solid((0, 0, -45), (112, 108, 72), PROTEIN_V),
        Solid((105, 5, -35), (30, 28, 28), PROTEIN_V),  # central protuberance
        Solid((65, 100, -25), (22, 26, 22), LOOSE_V),  # L1 stalk
        Solid((70, -105, -15), (16, 32, 16), LOOSE_V),  # P stalk
        Solid((-5, 0, -52), (80, 76, 48), RNA_V),
        Solid((-38, 0, 62), (76, 62, 42), PROTEIN_V),  # body of the small subunit
        Solid((64, 5, 64), (40, 52, 40), PROTEIN_V),  # its head
        Solid((80, 62, 70), (12, 26, 14), LOOSE_V),  # beak
        Solid((-40, 0, 62), (50, 40, 26), RNA_V),
        Solid((15, -10, 22), (62, 70, 8), 0.0),  # space between the subunits
    )


def _proteasome() -> Solids:
    """Four rings of seven, 15 × 11 nm, a channel along the axis."""
    rings = (ring(Solid((z, 0, 0), (20, 18, 20), PROTEIN_V), 7, 35) for z in (-55, -18, 18, 55))
    return tuple(chain(*rings))


def _chaperonin() -> Solids:
    """Two stacked rings of eight around two cavities, domed, 16 nm."""
    halves = (
        ring(Solid((side * 38, 0, 0), (38, 19, 26), PROTEIN_V), 8, 53)
        + ring(Solid((side * 68, 0, 0), (12, 16, 18), LOOSE_V), 8, 32)
        for side in (-1, 1)
    )
    return tuple(chain(*halves))


def _fatty_acid_synthase() -> Solids:
    """A hollow barrel of 26 × 23 nm with a wheel in the middle and windows in both domes."""
    windows = (
        ring(Solid((side * 62, 0, 0), (30, 34, 45), 0.0), 3, 100, 30 * (1 + side))
        for side in (-1, 1)
    )
    return (
        Solid((0, 0, 0), (130, 115, 115), PROTEIN_V, exponent=4),
        Solid((0, 0, 0), (109, 94, 94), 0.0, exponent=4),
        *chain(*windows),
        Solid((0, 0, 0), (20, 112, 112), PROTEIN_V, exponent=6),
        *ring(Solid((0, 0, 0), (30, 16, 24), 0.0), 6, 66),
    )


def _antibody() -> Solids:
    """A Y of one stem and two arms."""
    return (
        Solid((-36, 0, 0), (35, 17, 25), PROTEIN_V),
        Solid((28, 0, 46), (38, 17, 22), PROTEIN_V, axis_zyx=(0.6, 0.1, 0.8)),
        Solid((28, 0, -46), (38, 17, 22), PROTEIN_V, axis_zyx=(0.6, 0.1, -0.8)),
    )


def _atp_synthase() -> Solids:
    """A head of six, 10 nm wide, 13 nm above the membrane's middle, on two stalks."""
    return (
        Solid((0, 0, 0), (34, 27, 27), IN_MEMBRANE_V, exponent=6),  # c-ring
        Solid((-2, 0, 46), (30, 24, 20), IN_MEMBRANE_V),  # subunit a
        Solid((44, 0, 0), (12, 20, 20), PROTEIN_V),
        Solid((80, 0, 0), (55, 12, 12), PROTEIN_V, exponent=6),  # turning stalk
        *ring(Solid((130, 0, 0), (45, 22, 24), PROTEIN_V), 6, 29),
        Solid((100, 0, 56), (78, 9, 9), PROTEIN_V, exponent=4),  # stalk at the side
        Solid((180, 0, 28), (14, 18, 34), PROTEIN_V),
    )


def _v_atpase() -> Solids:
    """A larger head, 15 nm above the membrane's middle, three stalks at its sides."""
    return (
        Solid((0, 0, 0), (36, 38, 38), IN_MEMBRANE_V, exponent=6),
        Solid((35, 0, 34), (26, 30, 26), PROTEIN_V),
        Solid((80, 0, 0), (62, 14, 14), PROTEIN_V, exponent=6),
        *ring(Solid((150, 0, 0), (52, 25, 27), PROTEIN_V), 6, 35),
        *ring(Solid((115, 0, 0), (70, 9, 9), PROTEIN_V, exponent=4), 3, 62, 30),
        Solid((65, 0, 45), (12, 14, 30), PROTEIN_V),
    )


def _receptor() -> Solids:
    """A tetramer of the glutamate receptors' build: two layers of domains, 8 × 12 nm, outside."""
    return (
        Solid((0, 0, 0), (30, 26, 26), IN_MEMBRANE_V, exponent=6),
        *ring(Solid((42, 0, 0), (22, 9, 9), PROTEIN_V), 4, 15, 45),
        *ring(Solid((76, 0, 0), (25, 21, 23), PROTEIN_V), 4, 24, 20),
        *ring(Solid((128, 0, 0), (29, 21, 24), PROTEIN_V), 4, 25, 65),
    )


def _channel() -> Solids:
    """A cylinder of 7 nm that stands out by 4 nm on either side, with a pore."""
    return (
        Solid((0, 0, 0), (65, 35, 35), PROTEIN_V, exponent=8),
        Solid((0, 0, 0), (25, 35, 35), IN_MEMBRANE_V, exponent=8),
        Solid((55, 0, 0), (32, 11, 11), 0.0),
        Solid((-55, 0, 0), (32, 11, 11), 0.0),
    )


def _spike() -> Solids:
    """A trimer on a thin stalk, 20 nm tall."""
    return (
        Solid((0, 0, 0), (28, 13, 13), IN_MEMBRANE_V, exponent=6),
        Solid((60, 0, 0), (42, 14, 14), PROTEIN_V, exponent=4),
        *ring(Solid((135, 0, 0), (48, 24, 26), PROTEIN_V), 3, 22),
        *ring(Solid((178, 0, 0), (22, 26, 26), PROTEIN_V), 3, 34, 60),
    )


def _gold(radius_A: float) -> Solids:
    return (Solid((0, 0, 0), (radius_A, radius_A, radius_A), GOLD_V, part="gold"),)


_SOLUBLE: dict[str, Solids] = {
    "ribosome": _ribosome(),
    "proteasome": _proteasome(),
    "chaperonin": _chaperonin(),
    "apoferritin": (
        Solid((0, 0, 0), (61, 61, 61), PROTEIN_V),
        Solid((0, 0, 0), (39, 39, 39), 0.0),
    ),
    "rubisco": (
        *ring(Solid((-24, 0, 0), (26, 24, 26), PROTEIN_V), 4, 29),
        *ring(Solid((24, 0, 0), (26, 24, 26), PROTEIN_V), 4, 29),
        *ring(Solid((-44, 0, 0), (14, 15, 15), PROTEIN_V), 4, 24, 45),
        *ring(Solid((44, 0, 0), (14, 15, 15), PROTEIN_V), 4, 24, 45),
    ),
    "fatty_acid_synthase": _fatty_acid_synthase(),
    "aaa_hexamer": (
        *ring(Solid((18, 0, 0), (22, 24, 26), PROTEIN_V), 6, 38),
        *ring(Solid((-20, 0, 0), (22, 24, 26), PROTEIN_V), 6, 36, 12),
        *ring(Solid((22, 0, 0), (17, 15, 17), LOOSE_V), 6, 64, 20),
    ),
    "nucleosome": (
        Solid((0, 0, 0), (28, 54, 54), RNA_V, exponent=6),
        Solid((0, 0, 0), (29, 36, 36), PROTEIN_V, exponent=4),
        Solid((0, 0, 0), (30, 8, 8), 0.0, exponent=6),
    ),
    "antibody": _antibody(),
    "dumbbell": (
        Solid((52, 0, 0), (28, 25, 27), PROTEIN_V),
        Solid((-54, 0, 0), (26, 28, 26), PROTEIN_V),
        Solid((0, 0, 0), (40, 9, 9), PROTEIN_V, exponent=4),
    ),
    "camkii": (
        *ring(Solid((16, 0, 0), (18, 16, 20), PROTEIN_V), 6, 34),
        *ring(Solid((-16, 0, 0), (18, 16, 20), PROTEIN_V), 6, 34),
        *ring(Solid((28, 0, 0), (18, 18, 24), PROTEIN_V), 6, 92, 15),
        *ring(Solid((-28, 0, 0), (18, 18, 24), PROTEIN_V), 6, 92, 40),
    ),
    "rod": (Solid((0, 0, 0), (60, 20, 20), PROTEIN_V, exponent=4),),
    "globule_4nm": (Solid((0, 0, 0), (21, 17, 19), PROTEIN_V),),
    "globule_5nm": (
        Solid((0, 0, 9), (20, 22, 17), PROTEIN_V),
        Solid((4, 2, -11), (19, 17, 16), PROTEIN_V),
    ),
    "globule_6nm": (
        Solid((-6, 0, 0), (25, 28, 24), PROTEIN_V),
        Solid((14, 12, 6), (18, 18, 20), PROTEIN_V),
        Solid((20, -12, 0), (12, 9, 20), 0.0),
    ),
    "globule_7nm": (
        *ring(Solid((0, 0, 0), (26, 19, 21), PROTEIN_V), 3, 17),
        Solid((22, 0, 0), (13, 15, 15), PROTEIN_V),
    ),
    "gold_5nm": _gold(25.0),
    "gold_10nm": _gold(50.0),
}
_IN_MEMBRANES: dict[str, Solids] = {
    "atp_synthase": _atp_synthase(),
    "v_atpase": _v_atpase(),
    "receptor": _receptor(),
    "channel": _channel(),
    "spike": _spike(),
}
BUILT_IN_SOLUBLE = tuple(_SOLUBLE)
BUILT_IN_MEMBRANE_PROTEINS = tuple(_IN_MEMBRANES)
BUILT_IN = BUILT_IN_SOLUBLE + BUILT_IN_MEMBRANE_PROTEINS


def built_in(name: str, spacing_A: float) -> Molecule:
    """One of the built-in molecules.

    Parameters
    ----------
    name : str
        One of `BUILT_IN`.
    spacing_A : float
        Lattice spacing of its beads: `BEAD_SPACING_VOXELS` voxels or less.

    Returns
    -------
    Molecule
        Its class is its name, that of gold "gold".

    Raises
    ------
    MembraneSegError
        For a name that is not built in.
    """
    if name in _SOLUBLE:
        return molecule_of_solids(name, _SOLUBLE[name], spacing_A, centred=True)
    if name in _IN_MEMBRANES:
        return molecule_of_solids(name, _IN_MEMBRANES[name], spacing_A, centred=False)
    raise MembraneSegError(
        f"'{name}' is no built-in molecule, expected one of {', '.join(BUILT_IN)}; choose one of "
        "these, or give the path of a .pdb or .cif file"
    )
