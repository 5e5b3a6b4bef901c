"""The peer's speed: MemBrain-seg's 3-D U-Net built by MONAI, random weights, sliding windows.

Facts from its source (teamtomo/membrain-seg, networks/unet.py and segment.py): DynUNet with
filters 32 to 1024, strides 1, 2, 2, 2, 2, 2, kernels of 3, residual blocks, two heads of deep
supervision that also run when it predicts; windows of 160³ that overlap by half with Gaussian
weights, one at a time, float32 on a CPU; by default the mean over 8 mirrored copies.
"""

import math

import torch
from prediction_costs import Seconds, best_seconds

WINDOW_PX = 160
OVERLAP = 0.5
MIRRORS = 8
FILTERS = (32, 64, 128, 256, 512, 1024)
STRIDES = (1, 2, 2, 2, 2, 2)


def peer_network() -> torch.nn.Module:
    """The architecture, untrained.

    Raises
    ------
    ImportError
        If MONAI is not installed.
    """
    from monai.networks.nets import DynUNet

    network: torch.nn.Module = DynUNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=1,
        kernel_size=(3,) * len(FILTERS),
        strides=STRIDES,
        upsample_kernel_size=STRIDES[1:],
        filters=FILTERS,
        res_block=True,
        deep_supervision=True,
        deep_supr_num=2,
    )
    return network.eval()


def windows_in(shape: tuple[int, ...]) -> int:
    """Number of windows over a volume: steps of half a window, the last one moved inwards."""
    step = round(WINDOW_PX * (1 - OVERLAP))
    return math.prod(max(math.ceil((length - WINDOW_PX) / step), 0) + 1 for length in shape)


def window_seconds(windows: int, bfloat16: bool) -> Seconds:
    """Time some windows.

    Parameters
    ----------
    windows : int
    bfloat16 : bool
        With autocast and channels last, which the peer does not use on a CPU.
    """
    network = peer_network()
    image = torch.randn(1, 1, WINDOW_PX, WINDOW_PX, WINDOW_PX)
    if bfloat16:
        network = network.to(memory_format=torch.channels_last_3d)
        image = image.contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        return best_seconds(lambda: network(image), windows)
