"""How a network in training does on held-out slices, and when to stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from synth2d.slices import IGNORE, MEMBRANE, PROTEIN

DECIDES = "membrane_dice"
"""The score that early stopping goes by."""


@torch.inference_mode()
def membrane_scores(
    network: torch.nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
) -> dict[str, float]:
    """Dice of protein and membrane, and pixel accuracy, over all slices of some batches.

    Parameters
    ----------
    network : torch.nn.Module
        Put into evaluation mode.
    batches : iterable of (images, labels)
        (B, C, H, W) and (B, H, W); labels of 255 count nowhere.

    Returns
    -------
    dict
        accuracy, protein_dice, membrane_dice, membrane_precision, membrane_recall.
    """
    counts = torch.zeros(3, 3)
    right = known_total = 0
    network.eval()
    for image, labels in batches:
        called = network(image.contiguous(memory_format=torch.channels_last)).argmax(1)
        known = labels != IGNORE
        right += int((called == labels)[known].sum())
        known_total += int(known.sum())
        for c in (PROTEIN, MEMBRANE):
            a, b = (called == c) & known, (labels == c) & known
            counts[c] += torch.tensor([(a & b).sum(), a.sum(), b.sum()])
    dice = 2 * counts[:, 0] / (counts[:, 1] + counts[:, 2]).clamp(min=1)
    return {
        "accuracy": right / max(known_total, 1),
        "protein_dice": float(dice[PROTEIN]),
        "membrane_dice": float(dice[MEMBRANE]),
        "membrane_precision": float(counts[MEMBRANE, 0] / counts[MEMBRANE, 1].clamp(min=1)),
        "membrane_recall": float(counts[MEMBRANE, 0] / counts[MEMBRANE, 2].clamp(min=1)),
    }


@dataclass(frozen=True)
class Standing:
    """Scores of the weights that are kept, and for how many checkpoints they have been."""

    scores: dict[str, float] = field(default_factory=dict)
    waited: int = 0


def after_checkpoint(standing: Standing, scores: dict[str, float], patience: int) -> Standing:
    """Decide whether the weights of a checkpoint are kept.

    Parameters
    ----------
    standing : Standing
        Before the checkpoint.
    scores : dict
        Of the checkpoint's weights.
    patience : int
        0: the latest weights are always kept; else the best ones.

    Returns
    -------
    Standing
        `waited` is 0 if the checkpoint's weights are the ones to keep.
    """
    if patience == 0 or not standing.scores or scores[DECIDES] > standing.scores[DECIDES]:
        return Standing(scores)
    return Standing(standing.scores, standing.waited + 1)


def is_over(standing: Standing, patience: int) -> bool:
    """Whether `patience` checkpoints in a row have not been better than the best."""
    return 0 < patience <= standing.waited
