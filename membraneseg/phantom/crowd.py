"""What swims between the membranes: soluble proteins, ribosome-like blobs, gold beads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.scene import Globules, Scene
from membraneseg.types import Float32, Float64

PROTEIN_POTENTIAL_V = 1.7
RIBOSOME_POTENTIAL_V = 2.2
GOLD_POTENTIAL_V = 22.0
CLEARANCE_A = 35.0


@dataclass(frozen=True)
class CrowdConfig:
    """How full the ice is."""

    protein_volume_share: float = field(
        default=0.01, metadata={"help": "share of the box filled with globular proteins"}
    )
    protein_diameter_min_nm: float = field(default=4.0, metadata={"help": "smallest protein"})
    protein_diameter_max_nm: float = field(default=10.0, metadata={"help": "largest protein"})
    ribosome_count: int = field(default=5, metadata={"help": "ribosome-like blobs"})
    gold_count: int = field(default=2, metadata={"help": "gold beads of 10 nm"})

    def __post_init__(self) -> None:
        if not 0.0 <= self.protein_volume_share <= 0.2:
            raise MembraneSegError(
                f"protein_volume_share is {self.protein_volume_share}, expected 0 to 0.2; "
                "lower phantom.crowd.protein_volume_share"
            )
        if not 0 < self.protein_diameter_min_nm <= self.protein_diameter_max_nm:
            raise MembraneSegError(
                f"protein diameters are {self.protein_diameter_min_nm} to "
                f"{self.protein_diameter_max_nm} nm, expected 0 < smallest <= largest; correct "
                "phantom.crowd.protein_diameter_min_nm"
            )


def with_crowd(
    scene: Scene, distance_A: Float32, config: CrowdConfig, rng: np.random.Generator
) -> Scene:
    """Add globules that keep clear of every membrane.

    Parameters
    ----------
    scene : Scene
        Its vesicles stay; its globules are replaced.
    distance_A : (Z, Y, X) float32
        Unsigned distance to the middle of the nearest membrane.
    config : CrowdConfig
    rng : numpy.random.Generator

    Returns
    -------
    Scene
    """
    globules = [
        _proteins(scene, distance_A, config, rng),
        _ribosomes(scene, distance_A, config.ribosome_count, rng),
        _gold(scene, distance_A, config.gold_count, rng),
    ]
    return Scene(
        scene.shape_zyx,
        scene.voxel_size_A,
        scene.origin_zyx_A,
        scene.vesicles,
        tuple(g for g in globules if len(g.radii_A)),
    )


def _proteins(
    scene: Scene, distance_A: Float32, config: CrowdConfig, rng: np.random.Generator
) -> Globules:
    low_A, high_A = config.protein_diameter_min_nm * 5, config.protein_diameter_max_nm * 5
    mean_volume_A3 = np.pi / 3 * (low_A + high_A) * (low_A**2 + high_A**2)
    box_A3 = float(np.prod(scene.shape_zyx)) * scene.voxel_size_A**3
    count = int(config.protein_volume_share * box_A3 / mean_volume_A3)
    centres, radii = _free_places(scene, distance_A, rng.uniform(low_A, high_A, count), rng)
    return Globules("protein", centres, radii, PROTEIN_POTENTIAL_V)


def _ribosomes(scene: Scene, distance_A: Float32, count: int, rng: np.random.Generator) -> Globules:
    """Two overlapping blobs each: a large and a small subunit."""
    centres, radii = _free_places(scene, distance_A, np.full(count, 125.0), rng)
    axes = rng.normal(size=(len(centres), 3))
    axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-9)
    large, small = centres - 40.0 * axes, centres + 55.0 * axes
    both_radii = np.append(np.full(len(radii), 85.0), np.full(len(radii), 68.0))
    return Globules("ribosome", np.append(large, small, axis=0), both_radii, RIBOSOME_POTENTIAL_V)


def _gold(scene: Scene, distance_A: Float32, count: int, rng: np.random.Generator) -> Globules:
    centres, radii = _free_places(scene, distance_A, np.full(count, 50.0), rng)
    return Globules("gold", centres, radii, GOLD_POTENTIAL_V)


def _free_places(
    scene: Scene, distance_A: Float32, radii_A: Float64, rng: np.random.Generator
) -> tuple[Float64, Float64]:
    """Draw a place per radius and keep those that are clear of membranes."""
    size = np.asarray(scene.shape_zyx) - 1
    index = rng.uniform(0.0, 1.0, (len(radii_A), 3)) * size
    nearest = np.rint(index).astype(int)
    clear = distance_A[nearest[:, 0], nearest[:, 1], nearest[:, 2]] > radii_A + CLEARANCE_A
    centres = scene.origin_zyx_A + index[clear] * scene.voxel_size_A
    return centres, radii_A[clear]
