"""What stands in the ice, as plain values, and what comes out: a tomogram with its truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from membraneseg.phantom.beads import Particles
from membraneseg.phantom.box import Box
from membraneseg.phantom.carbon import CarbonFilm
from membraneseg.phantom.fluid import FluidConfig
from membraneseg.phantom.ice import Ice
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.tilt_series import TiltSeries
from membraneseg.types import Float64, Mesh, Tomogram

BACKGROUND, MEMBRANE, CARBON = "background", "membrane", "carbon"
NOT_PROTEIN = (BACKGROUND, MEMBRANE, CARBON, "gold")
VESICLE_KINDS = ("liposome", "lamella", "synaptic vesicle", "endosome")
"""Kinds of membrane that the table of vesicles lists."""


@dataclass(frozen=True)
class Scene:
    """A box of vitreous ice and everything in it.

    Parameters
    ----------
    box : Box
    membranes : tuple of Membrane
        Labels 1, 2, 3 …; parents before the membranes that they enclose.
    particles : tuple of Particles
    ice : Ice
    carbon : CarbonFilm or None
    fluid : FluidConfig
        What is dissolved in the compartments.
    """

    box: Box
    membranes: tuple[Membrane, ...]
    particles: tuple[Particles, ...]
    ice: Ice
    carbon: CarbonFilm | None = None
    fluid: FluidConfig = field(default_factory=FluidConfig)


@dataclass(frozen=True)
class Truth:
    """What is true of every voxel, and every membrane's surface.

    Parameters
    ----------
    instances : (Z, Y, X) int16
        Label of the membrane between the outer faces of its leaflets, 0 elsewhere.
    compartments : (Z, Y, X) int16
        Label of the innermost closed membrane around the voxel, 0 outside all.
    atlas : (Z, Y, X) int16
        Class of the voxel: an index into `class_names`.
    class_names : tuple of str
        "background", "membrane", then every part of every molecule, "carbon".
    meshes : tuple of Mesh
        Middle of each membrane, in the order of the scene's; sigma 0; `observed` is True where
        the wedge leaves it visible.
    """

    instances: npt.NDArray[np.int16]
    compartments: npt.NDArray[np.int16]
    atlas: npt.NDArray[np.int16]
    class_names: tuple[str, ...]
    meshes: tuple[Mesh, ...]

    @property
    def membranes(self) -> npt.NDArray[np.int8]:
        """1 between the outer faces of any bilayer."""
        return (self.instances > 0).astype(np.int8)

    @property
    def proteins(self) -> npt.NDArray[np.int8]:
        """1 in molecules, save gold."""
        is_protein = np.array([name not in NOT_PROTEIN for name in self.class_names])
        return is_protein[self.atlas].astype(np.int8)


@dataclass(frozen=True)
class Phantom:
    """A simulated tomogram and everything that is true of it.

    Parameters
    ----------
    tomogram : Tomogram
        float32, mean 0, standard deviation 1, dark membranes.
    series : TiltSeries
        What it was reconstructed from.
    truth : Truth
    scene : Scene
    """

    tomogram: Tomogram
    series: TiltSeries
    truth: Truth
    scene: Scene

    @property
    def tilt_range_deg(self) -> float:
        """Half of the angle between the outermost tilts: θ of the missing wedge."""
        return half_range_deg(self.series.angles_deg)


def half_range_deg(angles_deg: Float64) -> float:
    """θ of the wedge that tilts (T,) leave: half of the angle between the outermost ones."""
    return float(angles_deg.max() - angles_deg.min()) / 2
