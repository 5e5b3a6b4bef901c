"""One tomogram, many looks: what other microscopes and reconstructions would have made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import fft

from membraneseg.errors import MembraneSegError
from membraneseg.segment.normalise import normalise
from membraneseg.types import Float32
from synth2d.noise import wedge_noise

GAIN_NODES = np.array([0.0, 0.03, 0.07, 0.14, 0.25, 0.5])
"""Frequencies in 1/pixel between which the random transfer is interpolated."""


@dataclass(frozen=True)
class Looks:
    """How far the crops of phantoms and real tomograms are changed.

    The logarithm of the amplitudes' gain is drawn at frequency 0 (`slow_gain`), from where it fades
    with `ripple` on top, and at Nyquist along y and along x (`fine_gain_y`, `fine_gain_x`), up to
    where it grows linearly: detectors and reconstruction filters treat the two directions
    differently.
    """

    share: float = field(default=0.6, metadata={"help": "share of the crops that are changed"})
    slow_gain: tuple[float, float] = field(
        default=(-0.5, 1.3), metadata={"help": "logarithm of the gain at frequency 0"}
    )
    fine_gain_y: tuple[float, float] = field(
        default=(-1.6, 1.2), metadata={"help": "logarithm of the gain at Nyquist along y"}
    )
    fine_gain_x: tuple[float, float] = field(
        default=(-3.0, 0.7), metadata={"help": "logarithm of the gain at Nyquist along x"}
    )
    ripple: float = field(default=0.15, metadata={"help": "deviation of the logarithm of the gain"})
    noise: float = field(
        default=0.8, metadata={"help": "largest added noise, in deviations of the crop"}
    )
    skew: float = field(default=0.06, metadata={"help": "largest weight of the squared density"})

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0 or self.noise < 0.0 or self.ripple < 0.0:
            raise MembraneSegError(
                f"looks has share {self.share}, noise {self.noise} and ripple {self.ripple}, "
                "expected a share of 0 to 1 and no negative numbers; correct them under looks"
            )


def another_look(image: Float32, looks: Looks, rng: np.random.Generator) -> Float32:
    """Give a crop the transfer, the noise and the grey values of some other tomogram.

    A network that has seen one simulator alone knows that simulator: its ratio of coarse to fine
    contrast, its noise. Real reconstructions differ in exactly these (weighting, filters,
    denoising, dense surroundings).

    Parameters
    ----------
    image : (C, H, W) float32
        Normalised, membranes dark, tilt axis along H.
    looks : Looks
    rng : Generator

    Returns
    -------
    (C, H, W) float32
        Normalised again.
    """
    if rng.random() >= looks.share:
        return image
    changed = image
    if rng.random() < 0.5:
        level = looks.noise * rng.random()
        shape = (image.shape[0], image.shape[1], image.shape[2])
        changed = changed + np.float32(level) * wedge_noise(rng, shape, rng.uniform(38.0, 68.0))
    spectrum = fft.rfft2(changed)
    changed = fft.irfft2(spectrum * _random_gain(image.shape[1:], looks, rng), s=image.shape[1:])
    changed = changed / max(float(changed.std()), 1e-6)
    changed = changed + np.float32(looks.skew * rng.uniform(-1, 1)) * changed**2
    return normalise(np.asarray(changed, dtype=np.float32))


def _random_gain(
    shape: tuple[int, ...], looks: Looks, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Gain (H, W // 2 + 1) of the amplitudes of a slice: a smooth random function of frequency."""
    slow, fine_y, fine_x = (
        rng.uniform(*span) for span in (looks.slow_gain, looks.fine_gain_y, looks.fine_gain_x)
    )
    # most of the slow change lies at low frequencies
    nodes = slow * (1 - np.sqrt(2 * GAIN_NODES)) ** 2
    nodes = nodes + looks.ripple * rng.standard_normal(len(nodes))
    ky, kx = np.abs(fft.fftfreq(shape[0]))[:, None], fft.rfftfreq(shape[1])[None, :]
    logarithm = np.interp(np.hypot(ky, kx), GAIN_NODES, nodes) + 2 * (fine_y * ky + fine_x * kx)
    return np.asarray(np.exp(logarithm), dtype=np.float32)
