"""The layer of vitreous ice around the scene: its surfaces, and the way of the beam through it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64

WAVES = 3
"""Long waves that make up the unevenness; fewer look regular, more average out."""


@dataclass(frozen=True)
class IceConfig:
    """How thick the ice is and how uneven."""

    thickness_nm: float = field(
        default=0.0, metadata={"help": "mean thickness; 0: just covers the box"}
    )
    variation: float = field(
        default=0.0, metadata={"help": "share by which the thickness may deviate from its mean"}
    )
    wavelength_nm: float = field(
        default=500.0, metadata={"help": "shortest wavelength of the unevenness"}
    )

    def __post_init__(self) -> None:
        if not (0.0 <= self.thickness_nm <= 2000.0):
            raise MembraneSegError(
                f"the ice's thickness_nm is {self.thickness_nm}, expected 0 (covers the box) to "
                "2000; correct thickness_nm"
            )
        if not 0.0 <= self.variation <= 0.9:
            raise MembraneSegError(
                f"the ice's variation is {self.variation}, expected a share from 0 to 0.9; correct "
                "variation"
            )
        if not self.wavelength_nm > 0.0:
            raise MembraneSegError(
                f"the ice's wavelength_nm is {self.wavelength_nm}, expected a positive length; "
                "correct wavelength_nm"
            )


@dataclass(frozen=True)
class Ice:
    """A layer of ice, symmetric about the middle plane of the box.

    Parameters
    ----------
    thickness_A : (Y, X) float64
        Along z, one value per column of voxels.
    voxel_size_A : float
    """

    thickness_A: Float64
    voxel_size_A: float

    @property
    def top_A(self) -> Float64:
        """(Y, X) float64 height of the upper surface above the middle plane of the box, in Å."""
        return self.thickness_A / 2

    @property
    def bottom_A(self) -> Float64:
        """(Y, X) float64 height of the lower surface above the middle plane (negative), in Å."""
        return -self.thickness_A / 2

    def refined(self, factor: int) -> Ice:
        """Return the same layer over columns of voxels `factor` times as fine."""
        thickness_A = self.thickness_A.repeat(factor, axis=0).repeat(factor, axis=1)
        return Ice(thickness_A, self.voxel_size_A / factor)


def draw_ice(
    shape_zyx: tuple[int, int, int],
    voxel_size_A: float,
    config: IceConfig,
    rng: np.random.Generator,
) -> Ice:
    """Draw a layer of ice of smoothly varying thickness.

    Parameters
    ----------
    shape_zyx : tuple of int
        Of the box.
    voxel_size_A : float
    config : IceConfig
    rng : numpy.random.Generator

    Returns
    -------
    Ice
        Thickness within mean · (1 ± variation). A mean of 0 stands for the thinnest layer that
        holds the whole box.
    """
    depth, rows, width = shape_zyx
    y, x = np.meshgrid(np.arange(rows), np.arange(width), indexing="ij")
    waves = np.zeros((rows, width))
    for _ in range(WAVES):
        direction, phase = rng.uniform(0.0, 2 * math.pi, 2)
        wavelength = config.wavelength_nm * 10.0 * rng.uniform(1.0, 2.0) / voxel_size_A
        along = y * math.sin(direction) + x * math.cos(direction)
        waves += np.cos(2 * math.pi * along / wavelength + phase) / WAVES
    share = 1.0 + config.variation * waves
    if config.thickness_nm > 0.0:
        return Ice(config.thickness_nm * 10.0 * share, voxel_size_A)
    return Ice(depth * voxel_size_A * share / share.min(), voxel_size_A)


def path_length_A(ice: Ice, angle_deg: float, columns: int) -> Float64:
    """Length of the beam's way through the ice for every detector pixel.

    Parameters
    ----------
    ice : Ice
    angle_deg : float
        Tilt about y.
    columns : int
        U, with the tilt axis at column U // 2.

    Returns
    -------
    (Y, U) float64
        Thickness where the ray crosses the middle plane, over cos θ, in Å. Beyond the box the ice
        goes on as thick as at its edge.
    """
    width = ice.thickness_A.shape[1]
    cosine = math.cos(math.radians(angle_deg))
    x = (np.arange(columns) - columns // 2) / cosine + (width - 1) / 2
    x = np.clip(x, 0.0, width - 1.0)
    left = np.minimum(x.astype(np.int64), max(width - 2, 0))
    right = np.minimum(left + 1, width - 1)
    share = x - left
    across = (1.0 - share) * ice.thickness_A[:, left] + share * ice.thickness_A[:, right]
    return np.asarray(across / cosine, dtype=np.float64)
