"""Options of the grouping, and the geometry it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from membraneseg.errors import MembraneSegError
from membraneseg.group.quadric import Tolerance
from membraneseg.types import Float64

METHODS = ("merge", "rl", "both")


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
    """How membranes are told apart. Lengths are in voxels."""

    method: str = field(
        default="merge",
        metadata={"help": "merge: region merging in 3-D; rl: walker in each slice; both"},
    )
    smoothing_px: float = field(
        default=1.0, metadata={"help": "Gaussian smoothing of the probability"}
    )
    threshold: float = field(
        default=0.35, metadata={"help": "smoothed probability from which on a voxel is membrane"}
    )
    min_ridge_strength: float = field(
        default=0.02, metadata={"help": "least curvature of the probability across a membrane"}
    )
    stack_from_px: float = field(
        default=2.0, metadata={"help": "parallel points at least this far apart are two membranes"}
    )
    stack_to_px: float = field(
        default=7.0, metadata={"help": "... and at most this far apart (beyond, no neighbours)"}
    )
    max_gap_px: float = field(
        default=60.0, metadata={"help": "longest gap of the missing wedge that is bridged"}
    )
    min_bridged: float = field(
        default=0.5, metadata={"help": "share of a rim that must go on into the other one"}
    )
    max_depth_deg: float = field(
        default=12.0, metadata={"help": "groups that lie deeper in the missing wedge are false"}
    )
    even_probability: float = field(
        default=0.5, metadata={"help": "mean probability at which nothing speaks for a membrane"}
    )
    min_evidence_px2: float = field(
        default=75.0, metadata={"help": "least area times mean probability beyond that, voxels²"}
    )
    min_area_closed_px2: float = field(
        default=120.0, metadata={"help": "smaller visible closed membranes are dropped, voxels²"}
    )
    min_area_open_px2: float = field(
        default=400.0, metadata={"help": "smaller visible open membranes are dropped, voxels²"}
    )
    offset_tolerance_px: float = field(
        default=0.8, metadata={"help": "scatter of closed membranes about an ellipsoid"}
    )
    shape_tolerance: float = field(
        default=0.04, metadata={"help": "added scatter as a share of the radius"}
    )
    angle_tolerance_rad: float = field(
        default=0.3, metadata={"help": "scatter of normals about an ellipsoid, radians"}
    )
    max_misfit: float = field(
        default=3.0, metadata={"help": "largest median squared misfit of a closed membrane"}
    )
    min_support: float = field(
        default=0.5, metadata={"help": "share of a closed membrane's visible surface that shows"}
    )

    min_contrast: float = field(
        default=0.3,
        metadata={"help": "least contrast, of its own, at which a faint membrane is followed"},
    )

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise MembraneSegError(
                f"the grouping is '{self.method}'; it must be one of {', '.join(METHODS)}; "
                "change --group"
            )
        for name in ("smoothing_px", "max_gap_px", "offset_tolerance_px", "stack_from_px"):
            if not getattr(self, name) > 0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}; it must be positive; raise {name}"
                )
        for name in ("threshold", "min_bridged", "min_support", "even_probability", "min_contrast"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}; it must lie in 0 to 1; change {name}"
                )

    @property
    def tolerance(self) -> Tolerance:
        """Scatter of a closed membrane about an ellipsoid."""
        return Tolerance(self.offset_tolerance_px, self.shape_tolerance, self.angle_tolerance_rad)
