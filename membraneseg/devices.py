"""Which processor a command computes on."""

from __future__ import annotations

import torch

from membraneseg.phantom.projection import checked_device


def chosen_device(wanted: str) -> str:
    """Turn auto, cpu or cuda into one that is there.

    Raises
    ------
    MembraneSegError
        For another word, or cuda without a GPU.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return checked_device(wanted).type
