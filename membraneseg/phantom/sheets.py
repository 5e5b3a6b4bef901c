"""Membranes that cross the border of the box: plasma membranes, cisternae of the reticulum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.placement import HALF_WIDTH_A, THICKEST_BILAYER_A, check_count, inside_box
from membraneseg.phantom.plates import Plate
from membraneseg.phantom.rotations import frames_along
from membraneseg.phantom.shapes import Sheet
from membraneseg.types import Float64

TRIES_PER_SHEET = 200
FANNED_RAD = 0.5
"""Sheets of one box lie within this angle of each other, seen along z."""
SHORTEST_WAVE_A = 1500.0
GAP_VOXELS = 3.0


@dataclass(frozen=True)
class SheetsConfig:
    """How sheets are drawn."""

    count: int = field(default=0, metadata={"help": "plasma membranes and cisternae wanted"})
    pair_share: float = field(
        default=0.5, metadata={"help": "share of cisternae: two parallel membranes, one flat sac"}
    )
    pair_distance_nm: float = field(
        default=30.0, metadata={"help": "between the two membranes of a cisterna"}
    )
    waviness_nm: float = field(
        default=10.0, metadata={"help": "largest departure of a sheet from its plane"}
    )
    tilt_deg: float = field(
        default=25.0, metadata={"help": "largest tilt of a sheet away from the beam"}
    )

    def __post_init__(self) -> None:
        check_count("sheets", self.count)
        if not 0.0 <= self.pair_share <= 1.0:
            raise MembraneSegError(
                f"pair_share is {self.pair_share}, expected 0 to 1; correct sheets.pair_share"
            )
        if not 15.0 <= self.pair_distance_nm <= 200.0:
            raise MembraneSegError(
                f"pair_distance_nm is {self.pair_distance_nm}, expected 15 to 200; "
                "correct sheets.pair_distance_nm"
            )
        if not 0.0 <= self.waviness_nm <= 30.0:
            raise MembraneSegError(
                f"waviness_nm is {self.waviness_nm}, expected 0 to 30; lower sheets.waviness_nm"
            )
        if not 0.0 <= self.tilt_deg <= 90.0:
            raise MembraneSegError(
                f"tilt_deg is {self.tilt_deg}, expected 0 to 90; correct sheets.tilt_deg"
            )


def with_sheets(
    membranes: tuple[Membrane, ...],
    box: Box,
    config: SheetsConfig,
    rng: np.random.Generator,
) -> tuple[Membrane, ...]:
    """Add sheets to what stands in the box already.

    Parameters
    ----------
    membranes : tuple of Membrane
    box : Box
    config : SheetsConfig
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Membrane
        The given ones and the new ones; fewer than wanted where the box is full.
    """
    placed = list(membranes)
    heading_rad = float(rng.uniform(0.0, 2 * np.pi))
    single = config.count - round(config.pair_share * config.count)
    for index in range(config.count):
        paired = index >= single
        kind = "endoplasmic reticulum" if paired else "plasma membrane"
        for _attempt in range(TRIES_PER_SHEET):
            sheet = _draw_sheet(heading_rad, box, config, rng)
            shape = _cisterna(sheet, config, rng) if paired else sheet
            if _clear(shape, box, placed):
                thickness_A = float(rng.uniform(34.0, THICKEST_BILAYER_A))
                placed.append(Membrane(len(placed) + 1, kind, shape, thickness_A))
                break
    return tuple(placed)


def wavy_sheet(
    point_zyx_A: Float64,
    normal_zyx: Float64,
    waviness_A: float,
    extent_A: float,
    rng: np.random.Generator,
) -> Sheet:
    """Draw a sheet with three long waves across a plane.

    Parameters
    ----------
    point_zyx_A : (3,) float64
    normal_zyx : (3,) float64
        Of any length but 0.
    waviness_A : float
        Largest departure from the plane.
    extent_A : float
        As of `Sheet`.
    rng : numpy.random.Generator

    Returns
    -------
    Sheet
    """
    heights = waviness_A * np.array([0.5, 0.3, 0.2])
    lengths_A = rng.uniform(1.0, 2.0, 3) * SHORTEST_WAVE_A * np.array([2.0, 1.5, 1.0])
    turns = rng.uniform(0.0, 2 * np.pi, 3)
    numbers = (2 * np.pi / lengths_A)[:, None] * np.column_stack([np.cos(turns), np.sin(turns)])
    axes = frames_along(np.asarray(normal_zyx, dtype=np.float64)[None])[0].T
    phases = rng.uniform(0.0, 2 * np.pi, 3)
    return Sheet(point_zyx_A, axes, heights, numbers, phases, extent_A)


def _draw_sheet(
    heading_rad: float, box: Box, config: SheetsConfig, rng: np.random.Generator
) -> Sheet:
    """Draw a sheet through a random point; its normal lies near the plane of the image."""
    angle = heading_rad + rng.uniform(-FANNED_RAD, FANNED_RAD)
    lean = np.deg2rad(config.tilt_deg) * rng.uniform(-1.0, 1.0)
    normal = np.array([np.sin(lean), np.cos(lean) * np.sin(angle), np.cos(lean) * np.cos(angle)])
    size_A = box.high_A - box.low_A
    point = box.centre_A + rng.uniform(-0.45, 0.45, 3) * size_A
    return wavy_sheet(point, normal, config.waviness_nm * 10, float(np.linalg.norm(size_A)), rng)


def _cisterna(sheet: Sheet, config: SheetsConfig, rng: np.random.Generator) -> Plate:
    """Draw a flat sac about a sheet; its rim lies in the box or beyond."""
    radius_A = float(rng.uniform(0.3, 1.0) * sheet.extent_A)
    return Plate(sheet, radius_A, config.pair_distance_nm * 10)


def _clear(shape: Sheet | Plate, box: Box, placed: list[Membrane]) -> bool:
    """Whether a fair part of a shape is in the box and keeps its distance there from all others."""
    gap_A = GAP_VOXELS * box.voxel_size_A
    samples = shape.samples_zyx_A
    inside = samples[inside_box(samples, box, "box", -gap_A)]
    least = int(0.3 * (box.high_A[0] - box.low_A[0]) * (box.high_A - box.low_A)[1:].min() / 2500.0)
    if len(inside) < least:
        return False
    apart_A = gap_A + 2 * HALF_WIDTH_A
    return all((np.abs(m.shape.signed_distance(inside)) >= apart_A).all() for m in placed)
