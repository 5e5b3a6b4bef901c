"""Everything that `membraneseg simulate` can be told: one config per part, beside its function."""

from __future__ import annotations

from dataclasses import dataclass, field

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.carbon import CarbonConfig
from membraneseg.phantom.crowd import CrowdConfig
from membraneseg.phantom.embed import EmbeddedConfig
from membraneseg.phantom.filaments import FilamentsConfig
from membraneseg.phantom.fluid import FluidConfig
from membraneseg.phantom.ice import IceConfig
from membraneseg.phantom.liposomes import LiposomesConfig
from membraneseg.phantom.microscope import Microscope
from membraneseg.phantom.mitochondria import MitochondriaConfig
from membraneseg.phantom.placement import check_constraint
from membraneseg.phantom.reconstruction import ReconstructionConfig
from membraneseg.phantom.sheets import SheetsConfig
from membraneseg.phantom.synapse import SynapseConfig
from membraneseg.phantom.tilt_scheme import TiltScheme
from membraneseg.phantom.tubes import TubesConfig


@dataclass(frozen=True)
class PhantomConfig:
    """What is simulated and how it is recorded."""

    shape_zyx: tuple[int, ...] = field(
        default=(96, 256, 256), metadata={"help": "voxels of the tomogram"}
    )
    voxel_size_A: float = field(default=13.5, metadata={"help": "edge of a voxel"})
    origin_zyx_A: tuple[float, ...] = field(
        default=(0.0, 0.0, 0.0), metadata={"help": "position of the centre of voxel (0, 0, 0)"}
    )
    constraint: str = field(
        default="sides",
        metadata={"help": "walls that may not cut molecules: box, sides (z) or none"},
    )
    liposomes: LiposomesConfig = field(default_factory=LiposomesConfig)
    tubes: TubesConfig = field(default_factory=TubesConfig)
    sheets: SheetsConfig = field(default_factory=SheetsConfig)
    mitochondria: MitochondriaConfig = field(default_factory=MitochondriaConfig)
    synapse: SynapseConfig = field(default_factory=SynapseConfig)
    embedded: EmbeddedConfig = field(default_factory=EmbeddedConfig)
    filaments: FilamentsConfig = field(default_factory=FilamentsConfig)
    crowd: CrowdConfig = field(default_factory=CrowdConfig)
    fluid: FluidConfig = field(default_factory=FluidConfig)
    ice: IceConfig = field(default_factory=IceConfig)
    carbon: CarbonConfig = field(default_factory=CarbonConfig)
    tilts: TiltScheme = field(default_factory=TiltScheme)
    microscope: Microscope = field(default_factory=Microscope)
    reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)

    def __post_init__(self) -> None:
        check_constraint(self.constraint)
        if len(self.shape_zyx) != 3 or min(self.shape_zyx) < 8:
            raise MembraneSegError(
                f"shape_zyx is {self.shape_zyx}, expected three numbers of at least 8; "
                "correct shape_zyx"
            )
        if not 1.0 <= self.voxel_size_A <= 100.0:
            raise MembraneSegError(
                f"voxel_size_A is {self.voxel_size_A}, expected 1 to 100 Å; correct voxel_size_A"
            )
        if len(self.origin_zyx_A) != 3:
            raise MembraneSegError(
                f"origin_zyx_A is {self.origin_zyx_A}, expected three numbers in Å; "
                "correct origin_zyx_A"
            )
