"""What a report is made of, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.report.subjects import MEMBRANES, Subject
from membraneseg.types import Float64, MembraneGroup, Mesh, SliceFragments

Volume = npt.NDArray[np.generic]
Meshes = tuple[tuple[int, Mesh], ...]


@dataclass(frozen=True)
class StageCost:
    """What one stage of the run took."""

    name: str
    seconds: float
    peak_memory_MB: float
    resumed: bool = False


@dataclass(frozen=True)
class RunFacts:
    """How the result was made, so that somebody else can make it again.

    Parameters
    ----------
    command : str
        Exactly as typed.
    versions : mapping of str to str
        Of the package, of what it stands on, of the weights.
    seeds : mapping of str to int or str
        Empty if nothing random took part.
    stages : tuple of StageCost
        In the order in which they ran.
    """

    command: str
    versions: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, int | str] = field(default_factory=dict)
    stages: tuple[StageCost, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture of its own section of the page.

    Parameters
    ----------
    key : str
        Anchor of the section.
    title, caption : str
    png : bytes
        The content of a PNG file.
    """

    key: str
    title: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class ReportContent:
    """Everything the report shows.

    Parameters
    ----------
    name : str
        Of the tomogram, for the title.
    voxels : (Z, Y, X) array
        The tomogram; may be a memory map.
    probability : (Z, Y, X) array or None
        Probability of membrane, 0–1, on the same grid; None when the run began from a mask.
    voxel_size_A : float
    origin_zyx_A : (3,) float64
        Position in Å of the centre of voxel (0, 0, 0).
    meshes : tuple of (label, Mesh)
        In Å in the tomogram's space; may be empty.
    rows : tuple of mapping of str to str
        The lines of the table, all with the same keys in the same order.
    warnings : tuple of str
        In plain words.
    run : RunFacts
    fragments : tuple of SliceFragments
        Curves traced in the slices; empty where none were traced.
    groups : tuple of MembraneGroup
        The points that each surface was fitted to; may be empty.
    vertex_values : mapping of label to mapping of name to (V,) float64
        Further values per vertex of the meshes, under the names that their files use.
    pictures : tuple of Picture
        Further sections.
    subject : Subject
        What the meshes and rows are.
    """

    name: str
    voxels: Volume
    probability: Volume | None
    voxel_size_A: float
    origin_zyx_A: Float64
    meshes: Meshes
    rows: tuple[Mapping[str, str], ...]
    warnings: tuple[str, ...]
    run: RunFacts
    fragments: tuple[SliceFragments, ...] = ()
    groups: tuple[MembraneGroup, ...] = ()
    vertex_values: Mapping[int, Mapping[str, Float64]] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    subject: Subject = MEMBRANES

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise MembraneSegError(
                f"The tomogram of a report has shape {self.voxels.shape}, expected (Z, Y, X); "
                "give one volume."
            )
        if self.probability is not None and self.probability.shape != self.voxels.shape:
            raise MembraneSegError(
                f"The probability has shape {self.probability.shape}, expected that of the "
                f"tomogram, {self.voxels.shape}; both must come from the same run."
            )


@dataclass(frozen=True)
class ReportConfig:
    """How large and how detailed the report is."""

    z_levels: int = field(default=48, metadata={"help": "XY slices in the slice browser"})
    y_levels: int = field(default=24, metadata={"help": "XZ slices in the slice browser"})
    widest_image_px: int = field(default=640, metadata={"help": "longest side of such a slice"})
    jpeg_quality: int = field(default=80, metadata={"help": "of the tomogram's pictures, 1–100"})
    triangles: int = field(
        default=400_000, metadata={"help": "meshes are coarser in the 3-D view above this many"}
    )

    def __post_init__(self) -> None:
        ranges = {
            "z_levels": (1, 200),
            "y_levels": (1, 200),
            "widest_image_px": (64, 4096),
            "jpeg_quality": (1, 100),
            "triangles": (1000, 2_000_000),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise MembraneSegError(
                    f"report.{name} is {value}, expected {low} to {high}; change it."
                )
