"""From a tomogram to the probability of vesicle, by either of the two networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.devices import chosen_device
from membraneseg.ledger import Codec, Ledger, Progress
from membraneseg.pipeline import segmented
from membraneseg.segment.predict_volume import CoarseProbability, on_grid_of, predicted_volume
from membraneseg.segment.unet import file_sha256
from membraneseg.segment.volume_unet import load_vesicle_network
from membraneseg.types import Float32, Float64, Tomogram
from membraneseg.vesicle_config import VesicleRunConfig
from membraneseg.vesicles.balls import Balls
from membraneseg.vesicles.evidence import find_spheres, vesicle_probability

Arrays = Mapping[str, npt.NDArray[Any]]
Spheres = tuple[Balls, Float64]


def probability_of(tomogram: Tomogram, config: VesicleRunConfig, ledger: Ledger) -> Float32:
    """Where vesicles are, lumen and membrane.

    Parameters
    ----------
    tomogram : Tomogram
        Dark membranes.
    config : VesicleRunConfig
        With a tilt range. `network` says how: "vesicles" is the 3-D network, which was trained on
        vesicles; "slices" takes the slice network's membranes and seeks spheres along them.
    ledger : Ledger
        Keeps what the network says.

    Returns
    -------
    (Z, Y, X) float32
        0–1.
    """
    if config.network == "slices":
        found = _spheres(tomogram, config, ledger)
        shape, voxel_A = tomogram.voxels.shape, tomogram.voxel_size_A
        return vesicle_probability(shape, found, voxel_A, config.search)
    return on_grid_of(_coarse(tomogram, config, ledger), tomogram)


def _coarse(tomogram: Tomogram, config: VesicleRunConfig, ledger: Ledger) -> CoarseProbability:
    """What the 3-D network says."""
    options, weights = config.vesicle_network, config.weights_file
    device = chosen_device(config.segment.device)

    def compute(progress: Progress) -> CoarseProbability:
        loaded = load_vesicle_network(weights)
        return predicted_volume(tomogram, loaded, options, device, progress)

    codec = Codec(_coarse_to_arrays, _coarse_from_arrays)
    return ledger.run("lumen", [options, file_sha256(weights)], compute, codec)


def _spheres(tomogram: Tomogram, config: VesicleRunConfig, ledger: Ledger) -> Spheres:
    """Spheres along the membranes that the slice network sees, and their evidence."""
    run, weights = config.as_run_config(), config.weights_file
    membrane = segmented(tomogram, run, ledger, weights, tomogram.voxels).membrane
    seek = partial(find_spheres, membrane, tomogram.voxel_size_A, config.tilt_range_deg)
    codec = Codec(_spheres_to_arrays, _spheres_from_arrays)
    return ledger.run("search", config.search, lambda _: seek(config.search), codec)


def _coarse_to_arrays(value: CoarseProbability) -> dict[str, npt.NDArray[Any]]:
    voxel_A = np.array(value.voxel_size_A)
    return {"likely": value.likely.astype(np.float16), "voxel_size_A": voxel_A}


def _coarse_from_arrays(arrays: Arrays) -> CoarseProbability:
    likely = np.asarray(arrays["likely"], dtype=np.float32)
    return CoarseProbability(likely, float(arrays["voxel_size_A"]))


def _spheres_to_arrays(value: Spheres) -> dict[str, npt.NDArray[Any]]:
    balls, evidence = value
    places = {"ids": balls.ids, "centres_px": balls.centres_px, "radii_px": balls.radii_px}
    return places | {"evidence": evidence}


def _spheres_from_arrays(arrays: Arrays) -> Spheres:
    ids, centres_px, radii_px, evidence = (
        np.asarray(arrays[name]) for name in ("ids", "centres_px", "radii_px", "evidence")
    )
    return Balls(ids, centres_px, radii_px), evidence
