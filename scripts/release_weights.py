"""Put the weights of a finished training into the package, with their model card.

    python scripts/release_weights.py runs/slice_unet

Scores the network on held-out synthetic slices and on phantom tomograms whose seeds are used for
nothing else, and writes slice_unet_v1.safetensors, .json and .md.
"""

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from membraneseg.coords import index_to_angstrom
from membraneseg.phantom.config import PhantomConfig
from membraneseg.phantom.scene import Phantom
from membraneseg.phantom.simulate import simulate_phantom
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.unet import (
    DEFAULT_WEIGHTS,
    UNetConfig,
    file_sha256,
    load_weights,
    save_weights,
)
from membraneseg.surface.labels import vertex_normals
from synth2d.wedge import wedge_depth_deg

PHANTOM_SEEDS = (9001, 9002)

CARD = """# slice_unet_v1

Slice U-Net of `membraneseg`: three adjacent slices in, probabilities of background, protein and
membrane out.

- **Architecture**: `segmentation_models_pytorch.Unet`, {unet}; {parameters:.1f} million weights,
  stored as float16 safetensors ({megabytes:.1f} MB), nothing pickled.
- **Data**: synthetic slices of `synth2d` only, drawn on the fly ({slices_drawn} slices of
  {size}² pixels); no real tomogram, no phantom. Ranges: {ranges}.
- **Pixel size**: {low:g}–{high:g} Å. A tomogram outside is rescaled to the nearer end.
- **Normalisation**: slow background (Gaussian, 20 pixels) subtracted, divided by the standard
  deviation of the slab, cut at ±5. Membranes dark, tilt axis along y.
- **Training**: `python scripts/train_slice_unet.py`, seed {seed}, {steps} steps of {batch}
  slices, AdamW, averaged weights (decay {decay}), on a CPU with bfloat16. The full recipe is in
  the .json beside this card.
- **sha256**: `{sha256}`

| scored on | measure | value |
|---|---|---|
{scores}

Phantoms: `PhantomConfig()` with seeds {seeds}, at the threshold 0.5, mirrored copies averaged.
*Visible* is the true 5 nm shell where the wedge depth is below 0°; the transition (0–10°) and
what lies deeper are left out of Dice and recall; precision counts the whole shell as right.
Held-out slices hold many with less contrast than an eye can read (contrast-to-noise from 0.65).
"""


def shell_visibility(phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the true shell where it is visible, and where it is not (transition included)."""
    tomogram, truth = phantom.tomogram, phantom.truth
    shell = np.argwhere(truth.membranes > 0)
    vertices = np.concatenate([mesh.vertices_zyx_A for mesh in truth.meshes])
    normals = np.concatenate([vertex_normals(m.vertices_zyx_A, m.faces) for m in truth.meshes])
    places = index_to_angstrom(shell.astype(float), tomogram.voxel_size_A, tomogram.origin_zyx_A)
    _, nearest = cKDTree(vertices).query(places)
    seen = wedge_depth_deg(normals[nearest], phantom.tilt_range_deg) < 0
    masks = np.zeros((2, *truth.instances.shape), dtype=bool)
    masks[0][tuple(shell[seen].T)] = True
    masks[1][tuple(shell[~seen].T)] = True
    return masks[0], masks[1]


def phantom_scores(network: torch.nn.Module, unet: UNetConfig, seed: int) -> dict[str, float]:
    """Dice and recall on the visible part, precision on the whole shell, seconds."""
    phantom = simulate_phantom(PhantomConfig(), np.random.default_rng(seed))
    started = time.monotonic()
    found = predict(phantom.tomogram, network, unet, SegmentConfig()).membrane > 0.5
    seconds = time.monotonic() - started
    visible, hidden = shell_visibility(phantom)
    hit = (found & visible).sum()
    return {
        "visible Dice": 2 * hit / ((found & ~hidden).sum() + visible.sum()),
        "visible recall": hit / visible.sum(),
        "precision": (found & (visible | hidden)).sum() / max(found.sum(), 1),
        "seconds": seconds,
    }


def main() -> None:
    """Score, then write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of train_slice_unet.py")
    folder = parser.parse_args().folder
    network, unet = load_weights(folder / "slice_unet.safetensors")
    save_weights(DEFAULT_WEIGHTS, network, unet)
    card = json.loads(DEFAULT_WEIGHTS.with_suffix(".json").read_text())
    card["recipe"] = json.loads((folder / "recipe.json").read_text())
    with (folder / "curve.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    rows = [
        ("held-out slices", k.replace("_", " "), float(v))
        for k, v in last.items()
        if k not in ("step", "loss")
    ]
    for seed in PHANTOM_SEEDS:
        scores = phantom_scores(network, unet, seed)
        rows += [(f"phantom {seed}", name, float(value)) for name, value in scores.items()]
    card["scores"] = [[*row[:2], round(row[2], 4)] for row in rows]
    DEFAULT_WEIGHTS.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    write_card(network, unet, card, int(last["step"]))


def write_card(network: torch.nn.Module, unet: UNetConfig, card: dict, steps: int) -> None:
    """Write the model card that people read."""
    training, slices = card["recipe"]["training"], card["recipe"]["slices"]
    ranges = ", ".join(
        f"{name} {value[0]:g}–{value[1]:g}"
        for name, value in slices.items()
        if isinstance(value, list)
    )
    text = CARD.format(
        unet=f"{unet.encoder}, depth {unet.depth}, decoder {unet.decoder_channels}",
        parameters=sum(p.numel() for p in network.parameters()) / 1e6,
        megabytes=DEFAULT_WEIGHTS.stat().st_size / 1e6,
        slices_drawn=steps * training["batch"],
        size=slices["size_px"],
        ranges=ranges,
        low=unet.pixel_size_A[0],
        high=unet.pixel_size_A[1],
        seed=training["seed"],
        steps=steps,
        batch=training["batch"],
        decay=training["average_decay"],
        sha256=file_sha256(DEFAULT_WEIGHTS),
        scores="\n".join(f"| {a} | {b} | {c:.3g} |" for a, b, c in card["scores"]),
        seeds=", ".join(map(str, PHANTOM_SEEDS)),
    )
    DEFAULT_WEIGHTS.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
