"""Which membranes are closed, and where open ones end: the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from membraneseg.errors import MembraneSegError

CHOICES = ("auto", "all", "none")


@dataclass(frozen=True)
class ClosureRules:
    """When a membrane is closed, and where an open one ends."""

    closed: str = field(
        default="auto",
        metadata={
            "help": "auto: as the wedge explains; all: close everything; none: only the seen"
        },
    )
    seen: float = field(
        default=0.6, metadata={"help": "closed if this share of what should be seen is seen"}
    )
    seen_around: float = field(
        default=0.35, metadata={"help": "share that suffices if it is seen from both sides"}
    )
    one_sided: float = field(
        default=0.6,
        metadata={"help": "length of the mean normal of what is seen, up to which it counts so"},
    )
    seen_of_all: float = field(
        default=0.1, metadata={"help": "share of the whole area that must be seen"}
    )
    unseen_sd: float = field(
        default=0.4, metadata={"help": "largest median deviation of the unseen part, in radii"}
    )
    hidden_depth_deg: float = field(
        default=-5.0, metadata={"help": "wedge depth from which a membrane may be hidden"}
    )
    reach_px: float = field(
        default=4.0, metadata={"help": "distance of points that count as on the surface, voxels"}
    )
    sheet_reach_px: float = field(
        default=10.0, metadata={"help": "gaps in an open surface up to this radius are bridged"}
    )
    hidden_reach_px: float = field(
        default=80.0,
        metadata={"help": "points up to so far on both sides make a hidden part a bridge"},
    )
    hidden_sd_px: float = field(
        default=2.5, metadata={"help": "how uncertain a hidden part may become, voxels"}
    )
    bridge_sd_px: float = field(
        default=6.0, metadata={"help": "the same with points on both sides of it"}
    )
    explained: float = field(
        default=0.85,
        metadata={"help": "share of the points that a star-shaped surface must explain"},
    )
    border_px: float = field(
        default=0.5, metadata={"help": "a closed surface may leave the volume by so much"}
    )
    widest_superpoints_px: float = field(
        default=9.0,
        metadata={"help": "open membranes that need wider superpoints are fitted on a lattice"},
    )

    def __post_init__(self) -> None:
        if self.closed not in CHOICES:
            raise MembraneSegError(
                f"closed is '{self.closed}', expected one of {', '.join(CHOICES)}; give --closed "
                "one of them."
            )
        for name in ("seen", "seen_around", "one_sided", "seen_of_all"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected above 0 and at most 1; change "
                    f"fit.closure.{name}"
                )
