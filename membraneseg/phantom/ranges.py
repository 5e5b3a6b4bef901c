"""Sets of phantoms: where their parameters are drawn from, and the drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.config import PhantomConfig
from membraneseg.phantom.crowd import LARGEST_SHARE, CrowdConfig

Config = TypeVar("Config", bound=PhantomConfig)


@dataclass(frozen=True)
class Ranges:
    """Where the parameters of a set are drawn from, uniformly; scenes and noise differ anyway.

    Each is a pair, low then high; empty for what is to stay as the settings say.
    """

    voxel_size_A: tuple[float, ...] = field(
        default=(10.0, 16.0), metadata={"help": "edge of a voxel"}
    )
    tilt_range_deg: tuple[float, ...] = field(
        default=(45.0, 66.0), metadata={"help": "half the tilt range"}
    )
    tilt_step_deg: tuple[float, ...] = field(
        default=(2.0, 3.0), metadata={"help": "step between tilts"}
    )
    dose_e_per_A2: tuple[float, ...] = field(
        default=(70.0, 150.0), metadata={"help": "dose of the whole series"}
    )
    defocus_um: tuple[float, ...] = field(default=(3.0, 7.0), metadata={"help": "underfocus"})
    ice_thickness_share: tuple[float, ...] = field(
        default=(0.8, 1.0), metadata={"help": "thickness of the ice as a share of the box's depth"}
    )
    density_factor: tuple[float, ...] = field(
        default=(0.3, 1.5), metadata={"help": "factor on every volume share of the crowd"}
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            span = getattr(self, item.name)
            if span and (len(span) != 2 or not 0 < span[0] <= span[1] < np.inf):
                raise MembraneSegError(
                    f"ranges.{item.name} is {list(span)}, expected two positive numbers, low then "
                    f"high, or [] to draw nothing; correct ranges.{item.name}"
                )


SETTINGS_OF_RANGES: Mapping[str, tuple[str, ...]] = {
    "voxel_size_A": ("voxel_size_A",),
    "tilt_range_deg": ("tilts.min_deg", "tilts.max_deg"),
    "tilt_step_deg": ("tilts.step_deg",),
    "dose_e_per_A2": ("microscope.dose_e_per_A2",),
    "defocus_um": ("microscope.defocus_um",),
    "ice_thickness_share": ("ice.thickness_nm",),
    "density_factor": (),
}
"""Which settings each range decides on: whoever gives one of them wants it as given."""


def draw_settings(config: Config, ranges: Ranges, rng: np.random.Generator) -> Config:
    """Draw one phantom's parameters.

    Parameters
    ----------
    config : PhantomConfig
    ranges : Ranges
    rng : numpy.random.Generator
        As many numbers are drawn whichever of the ranges are empty.

    Returns
    -------
    PhantomConfig
        Of the class of `config`.
    """
    drawn = {
        item.name: _uniform(getattr(ranges, item.name), float(rng.uniform()))
        for item in fields(ranges)
    }
    share = drawn["ice_thickness_share"]
    voxel_size_A = drawn["voxel_size_A"] or config.voxel_size_A
    depth_nm = config.shape_zyx[0] * voxel_size_A / 10
    tilt = drawn["tilt_range_deg"]
    density = drawn["density_factor"]
    return replace(
        config,
        voxel_size_A=voxel_size_A,
        tilts=_changed(
            config.tilts,
            min_deg=None if tilt is None else -tilt,
            max_deg=tilt,
            step_deg=drawn["tilt_step_deg"],
        ),
        microscope=_changed(
            config.microscope,
            dose_e_per_A2=drawn["dose_e_per_A2"],
            defocus_um=drawn["defocus_um"],
        ),
        ice=_changed(config.ice, thickness_nm=None if share is None else share * depth_nm),
        crowd=config.crowd if density is None else _thinned(config.crowd, density),
    )


def _uniform(span: tuple[float, ...], share: float) -> float | None:
    return span[0] + share * (span[1] - span[0]) if span else None


def _changed(part: Any, **values: float | None) -> Any:
    return replace(part, **{name: value for name, value in values.items() if value is not None})


def _thinned(crowd: CrowdConfig, factor: float) -> CrowdConfig:
    """Scale the crowd, as far as random places allow."""
    total = sum(layer.volume_share for layer in crowd.layers)
    factor = min(factor, 0.999 * LARGEST_SHARE / total) if total else factor
    targets, large, small = (
        replace(layer, volume_share=layer.volume_share * factor) for layer in crowd.layers
    )
    return replace(crowd, targets=targets, large_distractors=large, small_distractors=small)
