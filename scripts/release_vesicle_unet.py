"""Put the 3-D vesicle network of a finished training into the package, with its model card.

    python scripts/release_vesicle_unet.py FOLDER BENCHMARK

FOLDER is that of train_vesicle_unet.py. Scores the probability on the phantoms in BENCHMARK (those
of benchmark_vesicles.py, which no training uses); writes the .safetensors, .json and .md.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from train_vesicle_unet import CURVE_FILE, RECIPE_FILE, WEIGHTS_FILE
from vesicle_examples import LARGEST_OUTER_A, LOOKS, MARGIN, PATCH, ZOOMS

from membraneseg.evaluate.vesicle_steps import mask_dice
from membraneseg.evaluate.vesicle_truth import read_vesicle_truth
from membraneseg.io.mrc import read_tomogram
from membraneseg.segment.predict_volume import VolumeConfig, on_grid_of, predicted_volume
from membraneseg.segment.unet import file_sha256, save_weights
from membraneseg.segment.volume_unet import VESICLE_WEIGHTS, load_vesicle_network
from membraneseg.training_data import find_phantoms

START = " Started from `{start}` (sha256\n  `{start_sha256}`)."
CARD = """# {name}

3-D U-Net of `membraneseg vesicles`: densities in, probability of vesicle (lumen and membrane) out.

- **Architecture**: two down-samplings, two convolutions a level, widths {n}, {n2} and {n4}, group
  normalisation; {parameters:,} weights, stored as float16 safetensors ({kilobytes:.0f} kB),
  nothing pickled.
- **Data**: patches of {patch} voxels of the {phantoms} phantoms of
  `scripts/simulate_vesicle_set.sh`
  (synapses of small, usual and large vesicles and of none, and the other presets), whose inner
  {inner} voxels count; no real tomogram. Each phantom at {zooms} times the voxel size; mirrored;
  {looks:.0%} with another transfer, other noise and other grey values
  (`membraneseg/segment/looks.py`).
- **Vesicles** are synaptic vesicles, endosomes, and other round bodies up to {largest:.0f} nm in
  diameter, what is inside them included.
- **Voxel size**: {voxel:g} Å; any other tomogram is brought to it and the result back.
- **Normalisation**: slow background of every slice (Gaussian, 20 voxels) subtracted, divided by
  the standard deviation about that slice, cut at ±5. Membranes dark, tilt axis along y.
- **Training**: `scripts/train_vesicle_unet.py`, one core with bfloat16, binary cross-entropy,
  AdamW, averaged weights (decay {decay}): {steps} steps of {batch} patches, peak learning rate
  {rate:g}, seed {seed}; loss of the last {last} steps {loss:.4f}.{start}
- **sha256**: `{sha256}`

| phantom | Dice of the probability |
|---|---|
{scores}

Phantoms: `scripts/benchmark_vesicles.py`. Dice as in equation 8 of doi:10.1083/jcb.202402169.
"""


def main() -> None:
    """Score, then write the three files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of the training")
    parser.add_argument("benchmark", type=Path, help="of benchmark_vesicles.py")
    options = parser.parse_args()
    network, unet = load_vesicle_network(options.folder / WEIGHTS_FILE)
    save_weights(VESICLE_WEIGHTS, network, unet)
    loaded = load_vesicle_network()
    scores = {}
    for place in find_phantoms(sorted(options.benchmark.glob("phantom_*"))):
        tomogram, _ = read_tomogram(place / "tomogram.mrc")
        truth = read_vesicle_truth(place)
        if len(truth.ids):
            found = on_grid_of(predicted_volume(tomogram, loaded, VolumeConfig()), tomogram)
            scores[place.name] = round(mask_dice(found, truth), 4)
    curve = (options.folder / CURVE_FILE).read_text().split()
    training = json.loads((options.folder / RECIPE_FILE).read_text())
    described = VESICLE_WEIGHTS.with_suffix(".json")
    card = json.loads(described.read_text())
    card["recipe"] = {
        "training": training,
        "looks": asdict(LOOKS),
        "zooms": ZOOMS,
        "phantoms": len(find_phantoms([options.folder / "phantoms"])),
        "loss": float(curve[-1].split(",")[1]),
    }
    card["scores"] = scores
    described.write_text(json.dumps(card, indent=2) + "\n")
    parameters = sum(p.numel() for p in network.parameters())
    VESICLE_WEIGHTS.with_suffix(".md").write_text(card_of(card, parameters))


def card_of(card: dict, parameters: int) -> str:
    """Model card that people read."""
    recipe, n = card["recipe"], card["config"]["channels"]
    training = recipe["training"]
    return CARD.format(
        name=VESICLE_WEIGHTS.stem,
        n=n,
        n2=2 * n,
        n4=4 * n,
        parameters=parameters,
        kilobytes=VESICLE_WEIGHTS.stat().st_size / 1e3,
        patch=PATCH,
        inner=PATCH - 2 * MARGIN,
        phantoms=recipe["phantoms"],
        zooms=", ".join(f"{zoom:g}" for zoom in ZOOMS),
        looks=LOOKS.share,
        largest=LARGEST_OUTER_A / 5.0,
        voxel=card["config"]["voxel_size_A"],
        decay=training["average_decay"],
        steps=training["steps"],
        batch=training["batch"],
        rate=training["learning_rate"],
        seed=training["seed"],
        last=training["checkpoint_every"],
        loss=recipe["loss"],
        start=START.format(**training) if "start" in training else "",
        sha256=file_sha256(VESICLE_WEIGHTS),
        scores="\n".join(f"| {name} | {value:.3f} |" for name, value in card["scores"].items()),
    )


if __name__ == "__main__":
    main()
