"""The slice U-Net run in different ways; each way takes images and returns logits as torch does."""

import copy
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.fx.experimental.optimization import fuse

Network = torch.nn.Module
EXAMPLE = (1, 3, 512, 512)


class Called(torch.nn.Module):
    """A function in the dress of a network; `predict` then takes it for one."""

    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, K, H, W), without the autocast that may be on around."""
        with torch.autocast("cpu", enabled=False):
            return self.call(images)


def eager(network: Network, threads: int) -> Network:
    """Torch as it comes: float32, channels first."""
    return Called(lambda images: network(images.contiguous()))


def channels_last(network: Network, threads: int) -> Network:
    """Float32, channels last."""
    network = network.to(memory_format=torch.channels_last)
    return Called(lambda images: network(images))


def compiled(network: Network, threads: int) -> Network:
    """torch.compile of that; needs a C++ compiler."""
    if not (shutil.which("g++") or shutil.which("clang++")):
        raise ImportError("a C++ compiler")
    compiled_network = torch.compile(network.to(memory_format=torch.channels_last))
    return Called(lambda images: compiled_network(images))


def autocast(network: Network, threads: int) -> Network:
    """Float32 weights, convolutions in bfloat16, channels last: what `predict` does."""
    return network.to(memory_format=torch.channels_last)


def bfloat16_weights(network: Network, threads: int) -> Network:
    """Everything in bfloat16, channels last."""
    network = network.to(memory_format=torch.channels_last).to(torch.bfloat16)
    return Called(lambda images: network(images.to(torch.bfloat16)))


def fused_autocast(network: Network, threads: int) -> Network:
    """As `predict` does, with each normalisation folded into its convolution."""
    return autocast(fuse(network), threads)


def fused_bfloat16(network: Network, threads: int) -> Network:
    """All in bfloat16, with each normalisation folded into its convolution."""
    return bfloat16_weights(fuse(network), threads)


def onnx_runtime(network: Network, threads: int) -> Network:
    """ONNX Runtime, float32."""
    import onnx  # noqa: F401  torch's export needs it
    import onnxruntime

    sizes = {"images": {0: "batch", 2: "height", 3: "width"}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        names = {"input_names": ["images"], "dynamic_axes": sizes, "dynamo": False}
        torch.onnx.export(network, (torch.zeros(EXAMPLE),), str(path), **names)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])

    def call(images: torch.Tensor) -> torch.Tensor:
        (logits,) = session.run(None, {"images": np.ascontiguousarray(images.numpy())})
        return torch.from_numpy(logits)

    return Called(call)


def openvino(network: Network, threads: int, precision: str = "f32") -> Network:
    """OpenVINO, float32 or bfloat16."""
    import openvino as ov

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ov.convert_model(network, example_input=torch.zeros(EXAMPLE))
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()

    def call(images: torch.Tensor) -> torch.Tensor:
        result = request.infer([np.ascontiguousarray(images.numpy())])
        return torch.from_numpy(next(iter(result.values())).copy())

    return Called(call)


def openvino_bfloat16(network: Network, threads: int) -> Network:
    """OpenVINO in bfloat16."""
    return openvino(network, threads, "bf16")


BACKENDS: dict[str, Callable[[Network, int], Network]] = {
    "torch float32": eager,
    "torch float32 channels last": channels_last,
    "torch.compile float32": compiled,
    "torch bfloat16 autocast (shipped)": autocast,
    "torch bfloat16 weights": bfloat16_weights,
    "fused, bfloat16 autocast": fused_autocast,
    "fused, bfloat16 weights": fused_bfloat16,
    "ONNX Runtime float32": onnx_runtime,
    "OpenVINO float32": openvino,
    "OpenVINO bfloat16": openvino_bfloat16,
}


def build(name: str, network: Network, threads: int) -> Network:
    """Make one of `BACKENDS` from a network, which is left as it is.

    Raises
    ------
    ImportError
        If what it needs is not installed.
    """
    return BACKENDS[name](copy.deepcopy(network), threads)
