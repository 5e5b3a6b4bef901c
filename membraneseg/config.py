"""The configuration of a whole run: one frozen dataclass per stage, from TOML and `--set`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from membraneseg.contrast import CONTRAST_HELP, check_contrast
from membraneseg.errors import MembraneSegError
from membraneseg.group.fragments import FragmentConfig
from membraneseg.group.merging import GroupConfig
from membraneseg.segment.predict import SegmentConfig
from membraneseg.settings import Wording, from_values, read_values, with_settings
from membraneseg.surface.fit import SurfaceConfig
from membraneseg.surface.labels import LabelConfig
from membraneseg.surface.refined import RefineConfig
from membraneseg.surface.select import SelectConfig
from membraneseg.vesicles.spheres import VesicleConfig

WORDING = Wording(
    command="run",
    file="configuration",
    remedy="check --config",
    saved_as="the config.toml that a run has saved",
    example="segment.flips=false",
)
MESH_FORMATS = ("glb", "obj", "stl")


@dataclass(frozen=True)
class RunConfig:
    """Everything that `membraneseg run` can be told."""

    voxel_size_A: float = field(
        default=0.0, metadata={"help": "voxel size in Å; 0: the one in the header"}
    )
    tilt_range_deg: float = field(
        default=0.0, metadata={"help": "half the tilt range; 0: read off the tomogram"}
    )
    contrast: str = field(default="auto", metadata={"help": CONTRAST_HELP})
    mesh_formats: tuple[str, ...] = field(
        default=("glb",), metadata={"help": f"one file per membrane, of {MESH_FORMATS}"}
    )
    jobs: int = field(
        default=0, metadata={"help": "processes for the surfaces; 0: one per processor core"}
    )
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    fragments: FragmentConfig = field(default_factory=FragmentConfig)
    group: GroupConfig = field(default_factory=GroupConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    fit: SurfaceConfig = field(default_factory=SurfaceConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)
    vesicles: VesicleConfig = field(default_factory=VesicleConfig)

    def __post_init__(self) -> None:
        check_contrast(self.contrast)
        if self.tilt_range_deg and not 10.0 <= self.tilt_range_deg <= 90.0:
            raise MembraneSegError(
                f"The tilt range is {self.tilt_range_deg}°: give half the range of the tilt "
                "series, between 10 and 90 (for -60° to +60°: --tilt-range 60)."
            )
        if self.jobs < 0:
            raise MembraneSegError(
                f"The number of processes is {self.jobs}, expected 1 or more, or 0 for one per "
                "processor core: change --jobs."
            )
        for name in self.mesh_formats:
            if name not in MESH_FORMATS:
                raise MembraneSegError(
                    f"'{name}' is not a mesh format: choose from {', '.join(MESH_FORMATS)}."
                )


def load_config(path: Path | None, settings: Sequence[str] = ()) -> RunConfig:
    """Build the configuration of a run.

    Parameters
    ----------
    path : Path or None
        A TOML file with the structure that every run saves as `config.toml`.
    settings : sequence of str
        `stage.key=value` overrides; the value as in TOML, strings may go without quotes.

    Returns
    -------
    RunConfig

    Raises
    ------
    MembraneSegError
        For an unreadable file, an unknown key, or a value of the wrong kind.
    """
    values = {} if path is None else read_values(path, WORDING)
    return from_values(RunConfig, with_settings(values, settings, WORDING), WORDING)
