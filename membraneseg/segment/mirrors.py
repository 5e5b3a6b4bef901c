"""The network on a batch of images: precision, memory layout, and the mean over mirrored copies."""

from __future__ import annotations

import numpy as np
import torch

from membraneseg.types import Float32

VIEWS = (((), False), ((-1,), True), ((-2,), False), ((-1, -2), True))
"""Axes that are mirrored, and whether z is too: each is again a tilt series about y."""


def has_bfloat16(device: str) -> bool:
    """Whether bfloat16 is fast on a device; processors without it would emulate it."""
    if device != "cpu":
        return True
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(supported is not None and supported())


@torch.inference_mode()
def class_probabilities(
    network: torch.nn.Module, images: Float32, device: str, mirrored: bool
) -> Float32:
    """Softmax of the network.

    Parameters
    ----------
    network : torch.nn.Module
        On the device, its weights in channels-last layout; images to logits.
    images : (B, C, H, W) float32
    device : str
        cpu or cuda.
    mirrored : bool
        Average over mirrors in x, in y, and in both.

    Returns
    -------
    (B, K, H, W) float32
    """
    batch = torch.from_numpy(images).to(device)
    views = VIEWS if mirrored else VIEWS[:1]
    total: torch.Tensor | None = None
    for axes, turn_context in views:
        view = batch.flip(axes) if axes else batch
        view = view.flip(1) if turn_context else view
        view = view.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
            logits = network(view)
        probability = logits.float().softmax(1)
        probability = probability.flip(axes) if axes else probability
        total = probability if total is None else total + probability
    assert total is not None
    return np.asarray((total / len(views)).cpu().numpy(), dtype=np.float32)
