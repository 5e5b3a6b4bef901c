"""A synapse: a bouton with an active zone, its cloud of vesicles, the membrane across the cleft."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.bouton import (
    TRIES_PER_ORGANELLE,
    ActiveZone,
    draw_bouton,
    draw_endosome,
    draw_mitochondrion,
    lies_in,
)
from membraneseg.phantom.box import Box
from membraneseg.phantom.liposomes import deformed_sphere
from membraneseg.phantom.membranes import HEAD_GROUP_HALF_WIDTH_A, Membrane
from membraneseg.phantom.mitochondria import MitochondriaConfig, mitochondrion
from membraneseg.phantom.placement import HALF_WIDTH_A, THICKEST_BILAYER_A, enclosing_labels
from membraneseg.phantom.shapes import Shape, Sheet, StarBody
from membraneseg.phantom.sheets import wavy_sheet
from membraneseg.phantom.vesicle_cloud import (
    Clearance,
    Docking,
    centres_near,
    docked_centres,
    most_balls,
    pushed_apart,
    settled,
)
from membraneseg.types import Float64

THINNEST_A, NARROWEST_A = 800.0, 2500.0
"""Smallest depth and smallest side of a box that shows a synapse."""
CLIPPED_SD = 2.5
"""Diameters of vesicles lie within this many standard deviations of the mean."""
POSTSYNAPTIC_WAVINESS_A = 10.0
BOUTON_GAP_A = 60.0
VESICLE_GAP_A = 20.0
"""Least distance between the outer faces of a vesicle and any other membrane, the zone aside."""
DOCKED_GAP_A = (10.0, 80.0)
"""Between the outer faces of a docked vesicle and of the active zone."""
TRIES_PER_BOUTON = 100


@dataclass(frozen=True)
class SynapseConfig:
    """How a synapse is drawn."""

    count: int = field(default=0, metadata={"help": "boutons: 0 or 1"})
    vesicle_count_min: int = field(default=60, metadata={"help": "fewest synaptic vesicles"})
    vesicle_count_max: int = field(default=200, metadata={"help": "most synaptic vesicles"})
    vesicle_diameter_nm: float = field(
        default=42.0, metadata={"help": "mean diameter between the outer faces"}
    )
    vesicle_diameter_sd_nm: float = field(
        default=5.0, metadata={"help": "its standard deviation; clipped at 2.5 of them"}
    )
    deformation: float = field(
        default=0.04, metadata={"help": "sum of deformation amplitudes as a share of the radius"}
    )
    docked_share: float = field(
        default=0.08, metadata={"help": "share of the vesicles 1–8 nm from the active zone"}
    )
    cloud_depth_nm: float = field(
        default=150.0, metadata={"help": "depth over which the vesicles' density falls e-fold"}
    )
    cleft_nm: float = field(
        default=23.0, metadata={"help": "between the middles of the two membranes of the cleft"}
    )
    endosome_count: int = field(default=1, metadata={"help": "larger vesicles in the bouton"})
    mitochondrion_count: int = field(default=0, metadata={"help": "mitochondria in the bouton"})

    def __post_init__(self) -> None:
        if self.count not in (0, 1):
            raise MembraneSegError(f"count is {self.count}, expected 0 or 1; correct synapse.count")
        if not 0 <= self.vesicle_count_min <= self.vesicle_count_max:
            raise MembraneSegError(
                f"vesicle_count_min {self.vesicle_count_min} and vesicle_count_max "
                f"{self.vesicle_count_max}: expected 0 <= fewest <= most; "
                "correct them under synapse"
            )
        smallest_nm = self.vesicle_diameter_nm - CLIPPED_SD * self.vesicle_diameter_sd_nm
        if self.vesicle_diameter_sd_nm < 0.0 or smallest_nm < 20.0:
            raise MembraneSegError(
                f"vesicle_diameter_nm {self.vesicle_diameter_nm} less {CLIPPED_SD} x "
                f"vesicle_diameter_sd_nm {self.vesicle_diameter_sd_nm} is {smallest_nm:.1f}, "
                "expected 20 or more; lower synapse.vesicle_diameter_sd_nm"
            )
        if not 0.0 <= self.deformation <= 0.05:
            raise MembraneSegError(
                f"deformation is {self.deformation}, expected 0 to 0.05; lower synapse.deformation"
            )
        if not 0.0 <= self.docked_share <= 1.0:
            raise MembraneSegError(
                f"docked_share is {self.docked_share}, expected 0 to 1; "
                "correct synapse.docked_share"
            )
        if not 15.0 <= self.cleft_nm <= 40.0:
            raise MembraneSegError(
                f"cleft_nm is {self.cleft_nm}, expected 15 to 40; correct synapse.cleft_nm"
            )
        if self.cloud_depth_nm <= 0.0 or self.endosome_count < 0 or self.mitochondrion_count < 0:
            raise MembraneSegError(
                f"cloud_depth_nm {self.cloud_depth_nm}, endosome_count {self.endosome_count} and "
                f"mitochondrion_count {self.mitochondrion_count}: expected a positive depth and "
                "counts of 0 or more; correct them under synapse"
            )


def with_synapse(
    membranes: tuple[Membrane, ...],
    box: Box,
    config: SynapseConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Add a synapse to what stands in the box already.

    Parameters
    ----------
    membranes : tuple of Membrane
    box : Box
    config : SynapseConfig
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Membrane
        The given ones, the bouton, the membrane across the cleft, organelles and vesicles; fewer
        vesicles than wanted where the bouton is full, and no synapse where the box is.
    """
    if not config.count:
        return membranes
    _check_size(box)
    for _ in range(TRIES_PER_BOUTON):
        bouton, zone = draw_bouton(box, rng)
        across = _postsynaptic(zone, box, config, rng)
        if all(enclosing_labels(s, membranes, BOUTON_GAP_A) == set() for s in (bouton, across)):
            label = len(membranes) + 1
            pair = (
                _membrane(label, "presynaptic membrane", bouton, 0, rng),
                _membrane(label + 1, "postsynaptic membrane", across, 0, rng),
            )
            placed = _with_organelles((*membranes, *pair), label, zone, box, config, rng)
            return _with_vesicles(placed, label, zone, box, config, rng)
    return membranes


def _check_size(box: Box) -> None:
    depth_A, side_A = box.high_A[0] - box.low_A[0], (box.high_A - box.low_A)[1:].min()
    if depth_A < THINNEST_A or side_A < NARROWEST_A:
        raise MembraneSegError(
            f"the box is {depth_A / 10:.0f} nm deep and {side_A / 10:.0f} nm wide, too small for "
            f"a synapse; enlarge shape_zyx to {THINNEST_A / 10:.0f} nm in z and "
            f"{NARROWEST_A / 10:.0f} nm in y and x"
        )


def _membrane(
    label: int, kind: str, shape: Shape, parent: int, rng: np.random.Generator
) -> Membrane:
    return Membrane(label, kind, shape, float(rng.uniform(34.0, THICKEST_BILAYER_A)), parent)


def _postsynaptic(
    zone: ActiveZone, box: Box, config: SynapseConfig, rng: np.random.Generator
) -> Sheet:
    """Draw the membrane across the cleft; its normal turns away from the bouton."""
    normal = zone.axes_zyx[0]
    point = zone.point_zyx_A + config.cleft_nm * 10 * normal
    extent_A = float(np.linalg.norm(box.high_A - box.low_A))
    return wavy_sheet(point, normal, POSTSYNAPTIC_WAVINESS_A, extent_A, rng)


def _with_organelles(
    membranes: tuple[Membrane, ...],
    bouton: int,
    zone: ActiveZone,
    box: Box,
    config: SynapseConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Add mitochondria and endosomes to the bouton of a label, as many as find room."""
    placed = membranes
    for _ in range(config.mitochondrion_count):
        for _attempt in range(TRIES_PER_ORGANELLE):
            body = draw_mitochondrion(zone, box, rng)
            if lies_in(body, placed, bouton):
                style = MitochondriaConfig()
                placed += mitochondrion(body, (len(placed) + 1, bouton), box, style, rng)
                break
    for _ in range(config.endosome_count):
        for _attempt in range(TRIES_PER_ORGANELLE):
            endosome = draw_endosome(zone, box, rng)
            if lies_in(endosome, placed, bouton):
                placed += (_membrane(len(placed) + 1, "endosome", endosome, bouton, rng),)
                break
    return placed


def _with_vesicles(
    placed: tuple[Membrane, ...],
    bouton: int,
    zone: ActiveZone,
    box: Box,
    config: SynapseConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Fill the bouton of a label with synaptic vesicles, mostly near the active zone."""
    face, clearance = placed[bouton - 1], _clearance(placed, bouton)
    wanted = int(rng.integers(config.vesicle_count_min, config.vesicle_count_max + 1))
    radius_A = config.vesicle_diameter_nm * 5 + VESICLE_GAP_A
    wanted = min(wanted, most_balls(radius_A, clearance, box, rng))
    bodies, thicknesses_A = _draw_bodies(wanted, config, rng)
    halves_A = thicknesses_A / 2 + HEAD_GROUP_HALF_WIDTH_A
    reaches_A = np.array([body.largest_radius_A for body in bodies])
    reaches_A += halves_A + VESICLE_GAP_A / 2
    dock_count = round(config.docked_share * wanted)
    depths_A = halves_A[:dock_count] + face.outer_half_width_A
    depths_A += rng.uniform(*DOCKED_GAP_A, dock_count)
    dockings = [
        Docking(body.samples_zyx_A, float(depth_A), float(reach_A))
        for body, depth_A, reach_A in zip(bodies, depths_A, reaches_A, strict=False)
    ]
    docked = docked_centres(zone, face.shape, dockings, box, rng)
    wanted_near = (wanted - len(docked), config.cloud_depth_nm * 10)
    centres = np.concatenate([docked, centres_near(zone, wanted_near, clearance, box, rng)])
    reaches_A, still = reaches_A[: len(centres)], np.arange(len(centres)) < len(docked)
    centres = pushed_apart(centres, reaches_A, still, clearance, box)
    added: list[Membrane] = []
    for i in np.flatnonzero(settled(centres, reaches_A, still, clearance)).tolist():
        body = bodies[i].moved_to(centres[i])
        # distances are exact near the surface only, so the centre alone does not settle it
        if still[i] or clearance(body.samples_zyx_A).min() > halves_A[i]:
            label = len(placed) + len(added) + 1
            added.append(Membrane(label, "synaptic vesicle", body, float(thicknesses_A[i]), bouton))
    return (*placed, *added)


def _draw_bodies(
    count: int, config: SynapseConfig, rng: np.random.Generator
) -> tuple[list[StarBody], Float64]:
    """Nearly round vesicles about 0, and the thicknesses of their bilayers."""
    thicknesses_A = rng.uniform(34.0, THICKEST_BILAYER_A, count)
    spread = np.clip(rng.normal(size=count), -CLIPPED_SD, CLIPPED_SD)
    diameters_A = 10.0 * (config.vesicle_diameter_nm + config.vesicle_diameter_sd_nm * spread)
    radii_A = diameters_A / 2 - thicknesses_A / 2 - HEAD_GROUP_HALF_WIDTH_A
    bodies = [deformed_sphere(np.zeros(3), float(r), config.deformation, rng) for r in radii_A]
    return bodies, thicknesses_A


def _clearance(placed: tuple[Membrane, ...], bouton: int) -> Clearance:
    """How far points are from the outer faces of the bouton and of what is in it."""
    around = placed[bouton - 1].shape
    within = [m.shape for m in placed if m.parent == bouton]

    def clearance(points_zyx_A: Float64) -> Float64:
        distances = [-around.signed_distance(points_zyx_A)]
        distances += [shape.signed_distance(points_zyx_A) for shape in within]
        return np.asarray(np.min(distances, axis=0) - HALF_WIDTH_A - VESICLE_GAP_A / 2)

    return clearance
