"""Whether the membranes of a tomogram are dark or bright, and bright ones turned dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.stats import skew

from membraneseg.errors import MembraneSegError
from membraneseg.io.placement import MrcHeader
from membraneseg.io.rewriting import rewritten
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.unet import load_weights
from membraneseg.types import Tomogram

CONTRASTS = ("auto", "dark", "bright")
CONTRAST_HELP = "of membranes: dark, bright, or auto: see which it is"
CONTRAST_SLICES = 8
CONTRAST_NM = 1.2
AROUND_NM = 8.0
CLEAR_SKEWNESS = 0.1
SURE, POSSIBLE = 0.9, 0.3
BRIGHT_NOTE = (
    "membranes are bright in this tomogram: its contrast was turned round; give "
    "--set contrast=dark if that is wrong"
)


def check_contrast(contrast: str) -> None:
    """Raise MembraneSegError for a word that is none of CONTRASTS."""
    if contrast not in CONTRASTS:
        raise MembraneSegError(
            f"contrast is '{contrast}', expected {', '.join(CONTRASTS)}; give one of them."
        )


def is_bright(tomogram: Tomogram, contrast: str, config: SegmentConfig) -> bool:
    """Whether membranes are bright.

    What is dense in a tomogram is rare and stands out, so the smoothed densities of one with dark
    membranes lean to the dark side; where they clearly lean to the bright side, and the network is
    also surer of what it sees in the negative of the middle slices, membranes are bright. (How
    much it sees tells nothing: a bright membrane has two dark fringes.)

    Parameters
    ----------
    tomogram : Tomogram
    contrast : str
        One of CONTRASTS; settles the matter unless it is "auto".
    config : SegmentConfig
        How the network is run.

    Returns
    -------
    bool
    """
    if contrast != "auto":
        return contrast == "bright"
    middle, half = len(tomogram.voxels) // 2, CONTRAST_SLICES // 2
    slab = np.asarray(tomogram.voxels[max(middle - half, 0) : middle + half], dtype=np.float32)
    smooth = gaussian_filter(slab, CONTRAST_NM * 10.0 / tomogram.voxel_size_A)
    if float(skew(smooth, axis=None)) < CLEAR_SKEWNESS:
        return False
    network, unet = load_weights(config.weights_file)
    seen = [
        predict(replace(tomogram, voxels=part), network, unet, config).membrane
        for part in (slab, -slab)
    ]
    as_is, turned = ((part > SURE).sum() / max((part > POSSIBLE).sum(), 1) for part in seen)
    return bool(turned > as_is)


def is_bright_under(mask: npt.NDArray[np.bool_], tomogram: Tomogram, contrast: str) -> bool:
    """Whether what a mask (Z, Y, X) marks is brighter than what surrounds it in its own slices.

    Looks at the slices that hold most of the mask; `contrast` as in `is_bright`.
    """
    if contrast != "auto":
        return contrast == "bright"
    fullest = np.argsort(mask.sum((1, 2)))[-CONTRAST_SLICES:]
    reach = max(round(AROUND_NM * 10.0 / tomogram.voxel_size_A), 1)
    inside: list[npt.NDArray[Any]] = []
    outside: list[npt.NDArray[Any]] = []
    for z in fullest[mask[fullest].any((1, 2))]:
        plane = np.asarray(tomogram.voxels[z], dtype=np.float32)
        inside.append(plane[mask[z]])
        outside.append(plane[binary_dilation(mask[z], iterations=reach) & ~mask[z]])
    if not inside:
        return False
    return bool(np.concatenate(inside).mean() > np.concatenate(outside).mean())


def negative(tomogram: Tomogram, header: MrcHeader, folder: Path) -> Tomogram:
    """Turn the contrast of a tomogram round, in a file `negative.mrc` of a folder.

    Parameters
    ----------
    tomogram : Tomogram
    header : MrcHeader
        The tomogram's own.
    folder : Path
        Exists.

    Returns
    -------
    Tomogram
        A memory map of float32, in the same place.
    """
    planes = (-plane.astype(np.float32) for plane in tomogram.voxels)
    path = folder / "negative.mrc"
    return rewritten(path, tomogram, header, "contrast turned round", planes)
