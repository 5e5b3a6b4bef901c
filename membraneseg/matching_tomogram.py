"""`membraneseg train unet --match`: slices that look like one tomogram, and whether they helped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.segment.predict import Progress, SegmentConfig, predict, working_scale
from membraneseg.segment.tilt_range import ASSUMED_TILT_RANGE_DEG, measure_tilt_range
from membraneseg.segment.truth_free import Comparison, compare_predictions
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.types import Float32, Tomogram
from synth2d.appearance import Appearance
from synth2d.match import measure_appearance

SLAB_PX = (48, 512, 512)
"""Middle part of the tomogram, at the network's pixel size, that is looked at."""


@dataclass(frozen=True)
class Matched:
    """The part of a tomogram that is matched.

    Parameters
    ----------
    slab : Tomogram
        At a pixel size within the network's range.
    default : (Z, Y, X) float32
        Probability of membrane by the shipped network.
    appearance : Appearance
    """

    slab: Tomogram
    default: Float32
    appearance: Appearance


def match_tomogram(path: Path, device: str, progress: Progress | None = None) -> Matched:
    """Measure how a tomogram looks, where the shipped network sees its membranes.

    Parameters
    ----------
    path : Path
    device : str
    progress : callable, optional

    Returns
    -------
    Matched

    Raises
    ------
    MembraneSegError
        If it cannot be read, or too little membrane is found to measure.
    """
    tomogram, _ = read_tomogram(path)
    network, unet = load_weights(DEFAULT_WEIGHTS)
    slab = middle_slab(tomogram, working_scale(tomogram.voxel_size_A, unet))
    theta = measure_tilt_range(tomogram.voxels) or ASSUMED_TILT_RANGE_DEG
    config = SegmentConfig(flips=False, device=device)
    found = predict(slab, network, unet, config, progress)
    membrane = np.asarray(found.membrane, dtype=np.float32)
    try:
        appearance = measure_appearance(slab.voxels, membrane, slab.voxel_size_A, theta)
    except ValueError as error:
        raise MembraneSegError(f"{path} cannot be matched: {error}.") from error
    return Matched(slab, membrane, appearance)


def middle_slab(tomogram: Tomogram, scale: float) -> Tomogram:
    """The middle of a tomogram, enlarged by `scale`; at most SLAB_PX voxels."""
    parts = []
    for length, most in zip(tomogram.voxels.shape, SLAB_PX, strict=True):
        wanted = min(length, int(np.ceil(most / scale)))
        first = (length - wanted) // 2
        parts.append(slice(first, first + wanted))
    voxels = np.asarray(tomogram.voxels[tuple(parts)], dtype=np.float32)
    if not np.isclose(scale, 1.0):
        voxels = zoom(voxels, scale, order=1)
    return replace(tomogram, voxels=voxels, voxel_size_A=tomogram.voxel_size_A / scale)


def judge(matched: Matched, weights: Path, device: str) -> Comparison:
    """Compare a trained network (the second) with the shipped one (the first) on the slab."""
    network, unet = load_weights(weights)
    config = SegmentConfig(flips=False, device=device)
    found = np.asarray(predict(matched.slab, network, unet, config).membrane, dtype=np.float32)
    return compare_predictions(
        matched.slab.voxels, matched.default, found, matched.slab.voxel_size_A
    )


def described(matched: Matched, comparison: Comparison) -> dict[str, Any]:
    """What comparison.json says."""
    appearance = matched.appearance
    return {
        "verdict": sentence(comparison),
        "matched_network_is": comparison.verdict,
        "estimates": asdict(comparison),
        "names": {"first": "shipped network", "second": "matched network"},
        "measured": {
            "pixel_size_A": appearance.pixel_size_A,
            "tilt_range_deg": appearance.tilt_range_deg,
            "contrast_to_noise": appearance.contrast_to_noise,
            "apparent_resolution_A": appearance.optics.resolution_A,
            "profile_distance_A": appearance.distance_A.round(2).tolist(),
            "profile_density": appearance.profile.round(4).tolist(),
        },
    }


def sentence(comparison: Comparison) -> str:
    """The verdict in plain words."""
    numbers = (
        f"estimated surface Dice {comparison.second_dice:.3f} against {comparison.first_dice:.3f}, "
        f"uncertainty {comparison.uncertainty:.3f}"
    )
    if comparison.verdict == "no clear difference":
        return f"On this tomogram the matched network is not clearly better or worse ({numbers})."
    advice = "use its weights" if comparison.verdict == "better" else "keep the shipped weights"
    return (
        f"On this tomogram the matched network is {comparison.verdict} than the shipped one "
        f"({numbers}): {advice}."
    )


def comparison_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """Measures and values to print."""
    return [
        ("estimated surface Dice, shipped network", f"{comparison.first_dice:.3f}"),
        ("estimated surface Dice, matched network", f"{comparison.second_dice:.3f}"),
        ("uncertainty of the difference", f"{comparison.uncertainty:.3f}"),
        ("voxels that both call", f"{comparison.common_voxels}"),
        ("only the shipped one calls", f"{comparison.first_only_voxels}"),
        ("  of these real", f"{comparison.first_only_real:.0%}"),
        ("only the matched one calls", f"{comparison.second_only_voxels}"),
        ("  of these real", f"{comparison.second_only_real:.0%}"),
        ("the matched network is", comparison.verdict),
    ]
