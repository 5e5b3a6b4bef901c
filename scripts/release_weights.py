"""Put the weights of a finished training into the package, with their model card.

    python scripts/release_weights.py runs/slice_unet

Scores the network on held-out synthetic slices and on phantom tomograms whose seeds are used
for nothing else, and writes slice_unet_v1.safetensors, .json and .md.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from membraneseg.evaluate.scores import dice
from membraneseg.io.atomic import write_text
from membraneseg.phantom.simulate import PhantomConfig, simulate_liposomes
from membraneseg.segment.predict import SegmentConfig, predict
from membraneseg.segment.train import VALIDATION_SEED
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights, save_weights
from membraneseg.types import Mesh

PHANTOM_SEEDS = (9001, 9002)


def visible_scores(network, unet, seed: int) -> dict[str, float]:
    """Precision on the true shell, and recall and Dice of its visible part, of one phantom."""
    phantom = simulate_liposomes(PhantomConfig(), np.random.default_rng(seed))
    found = predict(phantom.tomogram, network, unet, SegmentConfig()).membrane > 0.5
    visible, hidden = visible_truth(phantom)
    counted = found & ~hidden
    return {
        "visible_dice": dice(counted, visible),
        "visible_recall": float((found & visible).sum() / visible.sum()),
        "precision": float((found & (visible | hidden)).sum() / max(found.sum(), 1)),
    }
