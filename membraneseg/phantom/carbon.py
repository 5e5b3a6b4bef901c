"""The edge of a carbon film: the rim of a hole in the support, with the grain of carbon."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.types import Float32, Float64

CARBON_POTENTIAL_V = 5.0
"""Mean inner potential of amorphous carbon (8.5 V measured) above that of ice (3.5 V measured)."""
GRAIN_SHARE = 0.35
"""Standard deviation of the grain as a share of the potential, at 10 Å."""
GRAIN_SIZE_A = 10.0


@dataclass(frozen=True)
class CarbonConfig:
    """A carbon film that reaches into the box."""

    width_nm: float = field(
        default=0.0, metadata={"help": "how far the film reaches into the box; 0: no carbon"}
    )
    thickness_nm: float = field(default=12.0, metadata={"help": "thickness of the film"})
    hole_radius_um: float = field(default=1.0, metadata={"help": "radius of the hole's rim"})

    def __post_init__(self) -> None:
        if self.width_nm < 0 or self.thickness_nm <= 0 or self.hole_radius_um <= 0:
            raise MembraneSegError(
                f"carbon is {self.width_nm} nm wide, {self.thickness_nm} nm thick, with a hole of "
                f"{self.hole_radius_um} µm radius; expected 0 or more and two positive numbers; "
                "correct them under carbon"
            )


@dataclass(frozen=True)
class CarbonFilm:
    """Where the film stands.

    Parameters
    ----------
    hole_centre_yx_A : (2,) float64
        The film fills everything farther than the hole's radius from here.
    hole_radius_A : float
    low_z_A, high_z_A : float
        Bottom and top of the film.
    """

    hole_centre_yx_A: Float64
    hole_radius_A: float
    low_z_A: float
    high_z_A: float


def draw_film(box: Box, config: CarbonConfig, rng: np.random.Generator) -> CarbonFilm | None:
    """Place a film at the bottom of the ice, reaching in from a random side; None for width 0."""
    if not config.width_nm:
        return None
    radius_A = config.hole_radius_um * 1e4
    angle = float(rng.uniform(0.0, 2 * np.pi))
    direction = np.array([np.sin(angle), np.cos(angle)])
    half_yx_A = (box.high_A - box.low_A)[1:] / 2
    to_wall_A = float((half_yx_A / np.maximum(np.abs(direction), 1e-9)).min())
    centre = box.centre_A[1:] + direction * (to_wall_A - config.width_nm * 10 - radius_A)
    low_z = float(box.low_A[0])
    return CarbonFilm(centre, radius_A, low_z, low_z + config.thickness_nm * 10)


def film_mask(film: CarbonFilm, box: Box) -> npt.NDArray[np.bool_]:
    """Voxels (Z, Y, X) whose centres lie in the film."""
    z, y, x = (np.arange(n) * box.voxel_size_A + low for n, low in _axes(box))
    across = np.hypot(y[:, None] - film.hole_centre_yx_A[0], x - film.hole_centre_yx_A[1])
    layer = (z >= film.low_z_A) & (z <= film.high_z_A)
    return np.asarray(layer[:, None, None] & (across > film.hole_radius_A))


def film_potential(film: CarbonFilm, box: Box, rng: np.random.Generator) -> Float32:
    """Potential (Z, Y, X) in V above ice: flat carbon with its grain, zero elsewhere."""
    mask = film_mask(film, box).astype(np.float32)
    grain = gaussian_filter(
        rng.standard_normal(box.shape_zyx, dtype=np.float32), GRAIN_SIZE_A / box.voxel_size_A / 2
    )
    grain *= GRAIN_SHARE * min(1.0, GRAIN_SIZE_A / box.voxel_size_A) / max(float(grain.std()), 1e-9)
    edged = gaussian_filter(mask, 0.4)
    return np.asarray(CARBON_POTENTIAL_V * edged * (1.0 + grain), dtype=np.float32)


def _axes(box: Box) -> list[tuple[int, float]]:
    return [(n, float(low)) for n, low in zip(box.shape_zyx, box.low_A, strict=True)]
