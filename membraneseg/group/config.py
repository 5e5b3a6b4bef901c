"""Options of the grouping, and the geometry it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from membraneseg.errors import MembraneSegError
from membraneseg.group.quadric import Tolerance
from membraneseg.types import Float64


class VolumeGeometry(NamedTuple):
    """Where a volume stands in space and how it was tilted.

    Parameters
    ----------
    voxel_size_A : float
        Edge of a voxel in Å.
    origin_zyx_A : (3,) float64
        Centre of voxel (0, 0, 0) in Å.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    """

    voxel_size_A: float
    origin_zyx_A: Float64
    tilt_range_deg: float


@dataclass(frozen=True)
class GroupConfig:
    """How curves become membranes. Lengths are in voxels."""

    smoothing_px: float = field(
        default=0.7, metadata={"help": "Gaussian smoothing of the probability"}
    )
    piece_px: float = field(
        default=8.0, metadata={"help": "length of the pieces curves are cut to"}
    )
    bend_reach_px: float = field(
        default=10.0, metadata={"help": "curvature is measured over this length to either side"}
    )
    link_reach_px: float = field(
        default=8.0, metadata={"help": "largest distance between neighbouring pieces"}
    )
    max_link_cost: float = field(
        default=8.0, metadata={"help": "largest disagreement of neighbouring pieces (squared)"}
    )
    stack_from_px: float = field(
        default=1.8, metadata={"help": "parallel pieces at least this far apart are two membranes"}
    )
    stack_to_px: float = field(
        default=8.0, metadata={"help": "... and at most this far apart (beyond, no neighbours)"}
    )
    max_stacked: float = field(
        default=0.1, metadata={"help": "share of a region's pieces that may lie above another's"}
    )
    offset_tolerance_px: float = field(
        default=0.8, metadata={"help": "scatter of pieces about an ellipsoid"}
    )
    shape_tolerance: float = field(
        default=0.04, metadata={"help": "added scatter as a share of the radius"}
    )
    angle_tolerance_rad: float = field(
        default=0.3, metadata={"help": "scatter of normals about an ellipsoid, radians"}
    )
    max_misfit: float = field(
        default=3.0, metadata={"help": "largest mean squared misfit of a joined region"}
    )
    min_support: float = field(
        default=0.4, metadata={"help": "share of the ellipsoid's visible surface that must show"}
    )
    min_outward: float = field(
        default=0.8, metadata={"help": "share of bent pieces that must bend with the ellipsoid"}
    )
    min_pieces: int = field(
        default=4, metadata={"help": "smaller regions are not joined, only assigned"}
    )
    min_area_closed_px2: float = field(
        default=120.0, metadata={"help": "smaller visible closed membranes are dropped, voxels²"}
    )
    min_area_open_px2: float = field(
        default=400.0, metadata={"help": "smaller visible open membranes are dropped, voxels²"}
    )
    min_probability: float = field(
        default=0.5, metadata={"help": "membranes of lower mean probability are dropped"}
    )

    def __post_init__(self) -> None:
        for name in ("piece_px", "bend_reach_px", "link_reach_px", "offset_tolerance_px"):
            if not getattr(self, name) > 0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}; it must be positive; raise {name}"
                )
        for name in ("max_stacked", "min_support", "min_outward", "min_probability"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}; it must lie in 0 to 1; change {name}"
                )

    @property
    def tolerance(self) -> Tolerance:
        """Scatter of pieces about an ellipsoid."""
        return Tolerance(self.offset_tolerance_px, self.shape_tolerance, self.angle_tolerance_rad)
