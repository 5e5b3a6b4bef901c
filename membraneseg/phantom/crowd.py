"""The crowd in the ice: targets, large and small distractors, layer upon layer, and gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.beads import Molecule, Particles
from membraneseg.phantom.occupancy import Placement, Space, free_volume_A3, interior, with_rim
from membraneseg.phantom.packing import pack, place

LARGEST_SHARE = 0.35
"""Random places run out near here: random sequential packing of spheres jams at 0.38."""


@dataclass(frozen=True)
class LayerConfig:
    """Molecules of one layer, as many of each kind."""

    kinds: tuple[str, ...] = field(
        default=(), metadata={"help": "built-in molecules, or paths of .pdb and .cif files"}
    )
    volume_share: float = field(
        default=0.0, metadata={"help": "their volume as a share of the free volume of the ice"}
    )

    def __post_init__(self) -> None:
        if not 0.0 <= self.volume_share <= LARGEST_SHARE:
            raise MembraneSegError(
                f"volume_share is {self.volume_share}, expected 0 to {LARGEST_SHARE} (denser, "
                "random places run out); lower it in the crowd's layer"
            )
        if self.volume_share and not self.kinds:
            raise MembraneSegError(
                f"volume_share is {self.volume_share} without any kinds, expected at least one "
                "molecule; name one in kinds, or set volume_share to 0"
            )


def _targets() -> LayerConfig:
    return LayerConfig(("ribosome",), 0.005)


def _large_distractors() -> LayerConfig:
    kinds = ("proteasome", "chaperonin", "apoferritin", "rubisco", "aaa_hexamer", "camkii")
    return LayerConfig(kinds, 0.005)


def _small_distractors() -> LayerConfig:
    kinds = ("globule_4nm", "globule_5nm", "globule_6nm", "globule_7nm", "antibody", "rod")
    return LayerConfig(kinds, 0.01)


@dataclass(frozen=True)
class CrowdConfig:
    """How full the ice is, and of what."""

    targets: LayerConfig = field(default_factory=_targets)
    large_distractors: LayerConfig = field(default_factory=_large_distractors)
    small_distractors: LayerConfig = field(default_factory=_small_distractors)
    gold: str = field(default="gold_10nm", metadata={"help": "gold beads: gold_5nm or gold_10nm"})
    gold_count: int = field(default=2, metadata={"help": "number of gold beads"})

    def __post_init__(self) -> None:
        shares = [layer.volume_share for layer in self.layers]
        if sum(shares) > LARGEST_SHARE:
            raise MembraneSegError(
                f"the layers' volume_share adds up to {sum(shares):.3g}, expected at most "
                f"{LARGEST_SHARE} (denser, random places run out); lower one of them under crowd"
            )
        if self.gold_count < 0:
            raise MembraneSegError(
                f"gold_count is {self.gold_count}, expected 0 or more; correct crowd.gold_count"
            )

    @property
    def layers(self) -> tuple[LayerConfig, ...]:
        """In the order in which they are placed."""
        return (self.targets, self.large_distractors, self.small_distractors)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every molecule that `with_crowd` needs, once."""
        wanted = [kind for layer in self.layers if layer.volume_share for kind in layer.kinds]
        gold = [self.gold] if self.gold_count else []
        return tuple(dict.fromkeys(wanted + gold))


def with_crowd(
    space: Space,
    config: CrowdConfig,
    molecules: Mapping[str, Molecule],
    rng: np.random.Generator,
) -> Placement:
    """Place gold, then the layers one after the other, each clear of all before it.

    Parameters
    ----------
    space : Space
    config : CrowdConfig
    molecules : mapping from kind to Molecule
        One for each of `config.kinds`.
    rng : numpy.random.Generator

    Returns
    -------
    Placement
        `wanted` and `reached` are the layers' shares of the volume that was free at first.
    """
    widest_A = 2 * max((molecules[kind].radius_A for kind in config.kinds), default=0.0)
    space, within = with_rim(space, widest_A), space
    free_A3 = free_volume_A3(space)
    particles: list[Particles] = []
    reached, attempts = 0.0, 0
    if config.gold_count:
        placed = place(space, molecules[config.gold], config.gold_count, rng)
        particles += placed.particles
        space, attempts = placed.space, placed.attempts
    for layer in config.layers:
        if not layer.volume_share:
            continue
        left = free_volume_A3(space) / max(free_A3, 1.0)
        share = layer.volume_share / max(left, 1e-9)
        placed = pack(space, [molecules[kind] for kind in layer.kinds], share, rng)
        particles += placed.particles
        reached += placed.reached * left
        space, attempts = placed.space, attempts + placed.attempts
    wanted = sum(layer.volume_share for layer in config.layers)
    filled = replace(within, occupied=space.occupied[interior(space)].copy())
    return Placement(tuple(particles), filled, wanted, reached, attempts)
