"""Centre lines of stiff filaments: worm-like chains, free or confined to a layer of ice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.types import Float64


@dataclass(frozen=True)
class ChainStyle:
    """How a chain bends.

    Parameters
    ----------
    step_A : float
        Between neighbouring points.
    persistence_A : float
        P: directions a length s apart agree as <t(0)·t(s)> = exp(−s / P).
    deflection_A : float
        λ: length over which the walls of the ice turn the chain back to its own level; infinite
        for a free chain.
    """

    step_A: float
    persistence_A: float
    deflection_A: float = np.inf


def deflection_length_A(persistence_A: float, height_sigma_A: float) -> float:
    """Deflection length in Å that keeps the heights of a chain within a standard deviation.

    Notes
    -----
    The slope obeys t' = −z/λ² − 2t/λ + white noise of strength 1/P, an oscillator at critical
    damping, whose height has the variance λ³ / (4P). Compare the λ³ ~ P D² of a chain in a slit
    of width D.

    References
    ----------
    T. Odijk, Macromolecules 16, 1340 (1983).
    """
    return float(np.cbrt(4.0 * persistence_A * height_sigma_A**2))


def grow_chains(
    starts_zyx_A: Float64,
    frames: Float64,
    levels_z_A: Float64,
    steps: int,
    style: ChainStyle,
    rng: np.random.Generator,
) -> tuple[Float64, Float64]:
    """Grow worm-like chains, step by step.

    Parameters
    ----------
    starts_zyx_A : (N, 3) float64
        First points.
    frames : (N, 3, 3) float64
        First frames; the first column is the direction.
    levels_z_A : (N,) float64
        Heights that confined chains are turned back to.
    steps : int
    style : ChainStyle
    rng : numpy.random.Generator

    Returns
    -------
    points_zyx_A : (N, steps + 1, 3) float64
    frames : (N, steps + 1, 3, 3) float64
        They bend with the chain and do not twist about it.
    """
    sigma = np.sqrt(style.step_A / style.persistence_A)
    noise = rng.normal(0.0, sigma, (steps, len(frames), 2))
    points = np.empty((steps + 1, len(frames), 3))
    turned = np.empty((steps + 1, len(frames), 3, 3))
    points[0], turned[0] = starts_zyx_A, frames
    pull, drag = 1.0 / style.deflection_A**2, 2.0 / style.deflection_A
    for i in range(steps):
        frame = turned[i]
        height = points[i, :, 0] - levels_z_A
        lift = -style.step_A * (pull * height + drag * frame[:, 0, 0])
        turned[i + 1] = frame @ _bends(noise[i] + lift[:, None] * frame[:, 0, 1:])
        points[i + 1] = points[i] + style.step_A * turned[i + 1, :, :, 0]
    return points.swapaxes(0, 1), turned.swapaxes(0, 1)


def _bends(bends_rad: Float64) -> Float64:
    """Rotations (N, 3, 3) that tilt the first axis by (N, 2) angles towards the other two."""
    angle = np.maximum(np.sqrt((bends_rad**2).sum(axis=1)), 1e-30)
    towards = bends_rad / angle[:, None]
    sine, cosine = np.sin(angle), np.cos(angle)
    bent = np.empty((len(angle), 3, 3))
    bent[:, 0, 0] = cosine
    bent[:, 1:, 0] = sine[:, None] * towards
    bent[:, 0, 1:] = -bent[:, 1:, 0]
    outer = towards[:, :, None] * towards[:, None, :]
    bent[:, 1:, 1:] = np.eye(2) - (1.0 - cosine)[:, None, None] * outer
    return bent
