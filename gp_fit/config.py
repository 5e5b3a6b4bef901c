"""Options of the whole fit."""

from __future__ import annotations

from dataclasses import dataclass, field

from gp_fit.anchored import AnchoredConfig
from gp_fit.coverage import ClosureConfig
from gp_fit.evidence_energy import EvidenceConfig
from gp_fit.hermite_fit import HermiteConfig
from gp_fit.lattice_system import LatticeConfig
from gp_fit.star_fit import StarConfig

METHODS = ("auto", "star", "hermite", "sheet", "anchored")


@dataclass(frozen=True)
class FitConfig:
    """Options of `fit_surface`; lengths in voxels."""

    method: str = field(default="auto", metadata={"help": "auto, star, hermite, sheet or anchored"})
    evidence: bool = field(
        default=True, metadata={"help": "let what was not seen shape the caps, if that is known"}
    )
    mesh_spacing_px: float = field(default=2.0, metadata={"help": "distance of mesh vertices"})
    isolation_radius_px: float = field(
        default=4.0, metadata={"help": "reach of the density filter"}
    )
    isolation_share: float = field(
        default=0.3, metadata={"help": "points with fewer neighbours than this share are dropped"}
    )
    explained_distance_px: float = field(
        default=2.5, metadata={"help": "a point this near counts as explained"}
    )
    explained_share: float = field(
        default=0.95, metadata={"help": "share of points a star-shaped surface must explain"}
    )
    least_cosine: float = field(
        default=0.5, metadata={"help": "5 % quantile of cos(normal, ray) for star-shaped"}
    )
    sheet_reach_spacings: float = field(
        default=3.0, metadata={"help": "reach of a sheet's points, in superpoint spacings"}
    )
    sheet_gap_deg: float = field(
        default=150.0, metadata={"help": "widest sector without points at a sheet's vertex"}
    )
    sheet_sd_px: float = field(
        default=3.0, metadata={"help": "largest standard deviation of a sheet's vertex"}
    )
    star: StarConfig = field(default_factory=StarConfig)
    hermite: HermiteConfig = field(default_factory=HermiteConfig)
    lattice: LatticeConfig = field(default_factory=LatticeConfig)
    anchored: AnchoredConfig = field(default_factory=AnchoredConfig)
    closure: ClosureConfig = field(default_factory=ClosureConfig)
    negative_evidence: EvidenceConfig = field(default_factory=EvidenceConfig)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}, expected one of {', '.join(METHODS)}")
        if not self.mesh_spacing_px > 0.0:
            raise ValueError(f"mesh_spacing_px is {self.mesh_spacing_px}, expected > 0")
