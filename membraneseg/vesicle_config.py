"""The configuration of `membraneseg vesicles`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from membraneseg.config import RunConfig
from membraneseg.contrast import CONTRAST_HELP, check_contrast
from membraneseg.errors import MembraneSegError
from membraneseg.segment.predict import SegmentConfig
from membraneseg.segment.predict_volume import VolumeConfig
from membraneseg.settings import Wording, from_values, read_values, with_settings
from membraneseg.vesicles.evidence import SphereSearchConfig
from membraneseg.vesicles.membership import OutlierConfig
from membraneseg.vesicles.refinement import RefinementConfig
from membraneseg.vesicles.segments import SplitConfig
from membraneseg.vesicles.thresholds import ThresholdConfig

WORDING = Wording(
    command="vesicles",
    file="configuration",
    remedy="check --config",
    saved_as="the config.toml that `membraneseg vesicles` has saved",
    example="outliers.p_value=0.2",
)
STEPS = ("threshold", "segments", "spheres", "refinement", "outliers")
"""What follows the probability; each can be left out."""
NETWORKS = ("vesicles", "slices")


@dataclass(frozen=True)
class VesicleRunConfig:
    """Everything that `membraneseg vesicles` can be told."""

    voxel_size_A: float = field(
        default=0.0, metadata={"help": "voxel size in Å; 0: the one in the header"}
    )
    tilt_range_deg: float = field(
        default=0.0, metadata={"help": "half the tilt range; 0: read off the tomogram"}
    )
    contrast: str = field(default="auto", metadata={"help": CONTRAST_HELP})
    network: str = field(
        default="vesicles",
        metadata={
            "help": "vesicles: the 3-D network for vesicles; slices: the network of "
            "`membraneseg run`, and spheres along its membranes"
        },
    )
    skip: tuple[str, ...] = field(
        default=(), metadata={"help": f"steps to leave out, of {', '.join(STEPS)}"}
    )
    plain_threshold: float = field(
        default=0.5, metadata={"help": "threshold where the step threshold is left out"}
    )
    ellipsoids: bool = field(
        default=False, metadata={"help": "mild ellipsoids instead of spheres in the labels"}
    )
    vesicle_network: VolumeConfig = field(default_factory=VolumeConfig)
    segment: SegmentConfig = field(default_factory=lambda: SegmentConfig(flips=False))
    search: SphereSearchConfig = field(default_factory=SphereSearchConfig)
    threshold: ThresholdConfig = field(default_factory=ThresholdConfig)
    segments: SplitConfig = field(default_factory=SplitConfig)
    refinement: RefinementConfig = field(default_factory=RefinementConfig)
    outliers: OutlierConfig = field(default_factory=OutlierConfig)

    def __post_init__(self) -> None:
        check_contrast(self.contrast)
        if self.network not in NETWORKS:
            raise MembraneSegError(
                f"network is '{self.network}', expected {' or '.join(NETWORKS)}; give one of them."
            )
        unknown = [name for name in self.skip if name not in STEPS]
        if unknown:
            raise MembraneSegError(
                f"'{unknown[0]}' is no step that can be left out, expected one of "
                f"{', '.join(STEPS)}; correct skip."
            )
        if not 0.0 < self.plain_threshold < 1.0:
            raise MembraneSegError(
                f"plain_threshold is {self.plain_threshold}, expected between 0 and 1; correct it."
            )

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are done: without spheres none can be refined or judged."""
        skipped = set(self.skip)
        if "spheres" in skipped:
            skipped |= {"refinement", "outliers"}
        return tuple(name for name in STEPS if name not in skipped)

    @property
    def weights_file(self) -> Path:
        """Weights of the network that is asked."""
        own = self.segment if self.network == "slices" else self.vesicle_network
        return own.weights_file

    def as_run_config(self) -> RunConfig:
        """What `membraneseg run` would be told of the same tomogram and network."""
        return RunConfig(
            voxel_size_A=self.voxel_size_A,
            tilt_range_deg=self.tilt_range_deg,
            contrast=self.contrast,
            segment=self.segment,
        )


def load_vesicle_config(path: Path | None, settings: Sequence[str] = ()) -> VesicleRunConfig:
    """Build the configuration.

    Parameters
    ----------
    path : Path or None
        A TOML file with the structure that every call saves as `config.toml`.
    settings : sequence of str
        `group.key=value` overrides.

    Returns
    -------
    VesicleRunConfig

    Raises
    ------
    MembraneSegError
        For an unreadable file, an unknown key, or a value of the wrong kind.
    """
    values = {} if path is None else read_values(path, WORDING)
    return from_values(VesicleRunConfig, with_settings(values, settings, WORDING), WORDING)
