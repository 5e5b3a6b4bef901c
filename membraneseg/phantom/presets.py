"""Ready-made scenes: what `membraneseg simulate PRESET` starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A scene in a few settings.

    Parameters
    ----------
    help : str
        One line for people.
    settings : mapping
        Nested settings of `PhantomConfig`; what is not named keeps its default.
    """

    help: str
    settings: Mapping[str, Any]


_UNEVEN_ICE = {"variation": 0.08}
_LARGE_KINDS = ["proteasome", "chaperonin", "apoferritin", "rubisco", "fatty_acid_synthase"]
_SMALL_KINDS = ["globule_4nm", "globule_5nm", "globule_6nm", "globule_7nm", "dumbbell", "rod"]


def _crowd(targets: float, large: float, small: float, gold: int) -> dict[str, Any]:
    """Ribosomes, large and small distractors by volume share, and gold beads."""
    return {
        "targets": {"kinds": ["ribosome"], "volume_share": targets},
        "large_distractors": {"kinds": _LARGE_KINDS, "volume_share": large},
        "small_distractors": {"kinds": _SMALL_KINDS, "volume_share": small},
        "gold_count": gold,
    }


def _fluid(unevenness_V: float, **insides_V: float) -> dict[str, Any]:
    """Potential of what is dissolved inside each kind of membrane (blanks written as _)."""
    return {
        "unevenness_V": unevenness_V,
        "compartments": [kind.replace("_", " ") for kind in insides_V],
        "potentials_V": list(insides_V.values()),
    }


def _embedded(*rows: tuple[str, str, str, float]) -> dict[str, Any]:
    """Membrane proteins: (protein, kind of membrane, side, number per 1000 nm²) each."""
    proteins, membranes, sides, densities = zip(*rows, strict=True)
    return {
        "proteins": list(proteins),
        "membranes": list(membranes),
        "sides": list(sides),
        "densities_per_1000_nm2": list(densities),
    }


PRESETS: dict[str, Preset] = {
    "liposomes": Preset("deformed vesicles in buffer, some nested, some touching", {}),
    "nested": Preset(
        "vesicles in vesicles and multilamellar ones, carbon edge, thin ice",
        {
            "liposomes": {
                "count": 16,
                "nested_share": 0.5,
                "touching_share": 0.25,
                "lamellar_share": 0.35,
                "deformation": 0.18,
            },
            "embedded": _embedded(("channel", "liposome", "outside", 0.25)),
            "crowd": _crowd(0.0, 0.004, 0.01, 4),
            "carbon": {"width_nm": 25.0},
            "ice": _UNEVEN_ICE,
        },
    ),
    "mitochondrion": Preset(
        "a mitochondrion with cristae and ATP synthases, vesicles beside it",
        {
            "shape_zyx": [112, 320, 320],
            "voxel_size_A": 12.0,
            "mitochondria": {"count": 1},
            "liposomes": {"count": 4, "radius_max_nm": 40.0, "constraint": "sides"},
            "embedded": _embedded(
                ("atp_synthase", "inner mitochondrial membrane", "inside", 1.5),
                ("channel", "outer mitochondrial membrane", "outside", 0.8),
            ),
            "crowd": _crowd(0.004, 0.02, 0.06, 2),
            "fluid": _fluid(
                0.1, outer_mitochondrial_membrane=0.05, inner_mitochondrial_membrane=0.5
            ),
            "ice": _UNEVEN_ICE,
        },
    ),
    "tubes": Preset(
        "membrane tubes with junctions, microtubules and actin between them",
        {
            "tubes": {"count": 7},
            "liposomes": {"count": 5, "radius_max_nm": 35.0, "constraint": "sides"},
            "filaments": {"microtubule_count": 2, "actin_count": 4},
            "crowd": _crowd(0.004, 0.008, 0.02, 2),
            "fluid": _fluid(0.05, tube=0.2),
            "ice": _UNEVEN_ICE,
        },
    ),
    "cell": Preset(
        "crowded cytosol: reticulum, tubes, vesicles, ribosomes, filaments",
        {
            "sheets": {"count": 3, "pair_share": 0.7},
            "tubes": {"count": 3},
            "liposomes": {
                "count": 8,
                "radius_min_nm": 18.0,
                "radius_max_nm": 45.0,
                "constraint": "sides",
            },
            "filaments": {"microtubule_count": 2, "actin_count": 10, "bundle_size": 2},
            "embedded": _embedded(
                ("receptor", "plasma membrane", "outside", 0.5),
                ("v_atpase", "liposome", "outside", 0.4),
            ),
            "crowd": _crowd(0.03, 0.04, 0.08, 0),
            "fluid": _fluid(0.1, tube=-0.15, liposome=0.4),
            "ice": _UNEVEN_ICE,
        },
    ),
    "synapse": Preset(
        "a bouton with 60 to 200 synaptic vesicles, active zone and postsynaptic membrane",
        {
            "shape_zyx": [112, 320, 320],
            "voxel_size_A": 12.0,
            "synapse": {"count": 1},
            "liposomes": {"count": 0},
            "filaments": {"actin_count": 6},
            "embedded": _embedded(
                ("v_atpase", "synaptic vesicle", "outside", 0.2),
                ("receptor", "postsynaptic membrane", "inside", 2.0),
            ),
            "crowd": _crowd(0.002, 0.015, 0.06, 2),
            "fluid": _fluid(0.08, presynaptic_membrane=0.3, synaptic_vesicle=0.0),
            "ice": _UNEVEN_ICE,
        },
    ),
}
