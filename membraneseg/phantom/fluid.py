"""What is too small to draw: the proteins dissolved in each compartment, as a smooth potential.

Cytosol and organelles hold 100 to 400 mg/ml of protein, unevenly. Where that goes undrawn, a
phantom lacks the slow light and dark of real tomograms, and its compartments all look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.membranes import Membrane
from membraneseg.types import Float32

SMALLEST_SIZE_A = 80.0
"""Details below this are drawn as molecules."""
EDGE_A = 15.0
"""Softness of a compartment's edge."""


@dataclass(frozen=True)
class FluidConfig:
    """Dissolved matter: one entry per kind of compartment in both lists, and its unevenness."""

    compartments: tuple[str, ...] = field(
        default=(), metadata={"help": "kinds of membrane whose insides differ from the outside"}
    )
    potentials_V: tuple[float, ...] = field(
        default=(),
        metadata={"help": "potential of each inside above the outside; 1 V is about 350 mg/ml"},
    )
    unevenness_V: float = field(
        default=0.03, metadata={"help": "standard deviation of the slow variation everywhere"}
    )
    unevenness_size_nm: float = field(
        default=80.0, metadata={"help": "size of the largest features of that variation"}
    )

    def __post_init__(self) -> None:
        if len(self.compartments) != len(self.potentials_V):
            raise MembraneSegError(
                f"fluid has {len(self.compartments)} compartments and {len(self.potentials_V)} "
                "potentials_V, expected one of each; complete the lists under fluid"
            )
        if not all(-2.0 <= value <= 2.0 for value in (*self.potentials_V, self.unevenness_V)):
            raise MembraneSegError(
                f"fluid has potentials_V {list(self.potentials_V)} and unevenness_V "
                f"{self.unevenness_V}, expected -2 to 2 V; lower them under fluid"
            )
        if self.unevenness_V < 0 or not 10.0 <= self.unevenness_size_nm <= 1000.0:
            raise MembraneSegError(
                f"fluid.unevenness_V is {self.unevenness_V} and unevenness_size_nm "
                f"{self.unevenness_size_nm}, expected 0 or more and 10 to 1000; correct them"
            )


def fluid_potential(
    config: FluidConfig,
    membranes: Sequence[Membrane],
    compartments: npt.NDArray[np.int16],
    box: Box,
    rng: np.random.Generator,
) -> Float32:
    """Potential of everything that is dissolved.

    Parameters
    ----------
    config : FluidConfig
    membranes : sequence of Membrane
    compartments : (Z, Y, X) int16
        Label of the innermost closed membrane around each voxel, 0 outside all. A compartment
        that the settings do not name holds what is around it.
    box : Box
    rng : numpy.random.Generator

    Returns
    -------
    (Z, Y, X) float32
        In V, 0 on average outside all compartments.
    """
    potential = np.zeros(box.shape_zyx, dtype=np.float32)
    inside = _inside_V(config, membranes)
    if inside.any():
        potential += gaussian_filter(inside[compartments], EDGE_A / box.voxel_size_A)
    if config.unevenness_V:
        potential += np.float32(config.unevenness_V) * slow_noise(
            box, config.unevenness_size_nm * 10, rng
        )
    return potential


def slow_noise(box: Box, size_A: float, rng: np.random.Generator) -> Float32:
    """Random field (Z, Y, X) float32 of mean 0 and standard deviation 1.

    Notes
    -----
    Its power falls as k⁻³ between features of `size_A` and of `SMALLEST_SIZE_A`: alike at every
    scale, as aggregates and gradients are. It is periodic in the box.
    """
    white = torch.from_numpy(rng.standard_normal(box.shape_zyx, dtype=np.float32))
    spectrum = torch.fft.rfftn(white)
    axes = [torch.fft.fftfreq(n, box.voxel_size_A) for n in box.shape_zyx[:2]]
    kx = torch.fft.rfftfreq(box.shape_zyx[2], box.voxel_size_A)
    k2 = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + kx**2
    fall = (k2 + (0.5 / size_A) ** 2) ** -0.75 * torch.exp(-0.5 * k2 * SMALLEST_SIZE_A**2)
    fall[0, 0, 0] = 0.0
    noise = torch.fft.irfftn(spectrum * fall, s=box.shape_zyx).numpy()
    return np.asarray(noise / noise.std(), dtype=np.float32)


def _inside_V(config: FluidConfig, membranes: Sequence[Membrane]) -> Float32:
    """Potential of the inside of each label, (M + 1,); parents come before their children."""
    named = dict(zip(config.compartments, config.potentials_V, strict=True))
    inside = np.zeros(max((m.label for m in membranes), default=0) + 1, dtype=np.float32)
    for membrane in membranes:
        inside[membrane.label] = named.get(membrane.kind, inside[membrane.parent])
    return inside
