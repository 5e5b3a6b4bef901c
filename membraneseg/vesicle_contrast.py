"""Whether the membranes of a tomogram are dark or bright."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import skew

from membraneseg.segment.predict import predict
from membraneseg.segment.unet import load_weights
from membraneseg.types import Tomogram
from membraneseg.vesicle_config import VesicleRunConfig

CONTRAST_SLICES = 8
CONTRAST_NM = 1.2
SURE_MEMBRANE = 0.5
BRIGHT_NOTE = (
    "membranes are bright in this tomogram: its contrast was turned round; give "
    "--set contrast=dark if that is wrong"
)


def is_bright(tomogram: Tomogram, config: VesicleRunConfig) -> bool:
    """Whether membranes are bright.

    What is dense in a tomogram is rare and stands out, so the smoothed densities of one with dark
    membranes lean to the dark side; where they lean to the bright side, and the network also sees
    more membrane in the negative of the middle slices, membranes are bright.

    Parameters
    ----------
    tomogram : Tomogram
    config : VesicleRunConfig
        Its `contrast` settles the matter unless it is "auto".

    Returns
    -------
    bool
    """
    if config.contrast != "auto":
        return config.contrast == "bright"
    middle, half = len(tomogram.voxels) // 2, CONTRAST_SLICES // 2
    slab = np.asarray(tomogram.voxels[max(middle - half, 0) : middle + half], dtype=np.float32)
    smooth = gaussian_filter(slab, CONTRAST_NM * 10.0 / tomogram.voxel_size_A)
    if float(skew(smooth, axis=None)) <= 0.0:
        return False
    network, unet = load_weights(config.segment.weights_file)
    seen = [
        predict(replace(tomogram, voxels=part), network, unet, config.segment).membrane
        for part in (slab, -slab)
    ]
    as_is, turned = (int((part > SURE_MEMBRANE).sum()) for part in seen)
    return turned > as_is
