"""One synthetic slice with its answer: the whole recipe in the order of the physics."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from synth2d.appearance import Appearance, around, drawn_profile, matched_noise
from synth2d.bodies import Grid
from synth2d.canvas import (
    BACKGROUND,
    IGNORE,
    MEMBRANE,
    PROTEIN,
    Canvas,
    Style,
    draw_body,
    empty_canvas,
    middle_planes,
)
from synth2d.config import SliceConfig
from synth2d.crowd import filaments, globules, image_structure
from synth2d.heads import stalked_heads
from synth2d.layout import draw_bodies, log_uniform
from synth2d.noise import ice_gradient, radial_filter, slow_background, wedge_noise
from synth2d.obstacles import add_carbon, add_gold
from synth2d.optics import Optics, bilayer_profile

Float32 = npt.NDArray[np.float32]

__all__ = [
    "BACKGROUND",
    "IGNORE",
    "MEMBRANE",
    "PROTEIN",
    "SyntheticSlice",
    "make_slice",
    "slice_grid",
]


@dataclass(frozen=True)
class SyntheticSlice:
    """A drawn slice.

    Parameters
    ----------
    image : (C, H, W) float32
        Adjacent slices, dark membranes, noise of about unit deviation.
    labels : (H, W) uint8
        Of the middle slice: 0 background, 1 protein, 2 membrane, 255 unknown: in the wedge's soft
        edge (a membrane there may or may not be called visible), and proteins lost in the noise.
    instances : (H, W) int16
        Membrane identity (1, 2, …), drawn whether visible or not; 0 elsewhere.
    pixel_size_A, tilt_range_deg : float
    """

    image: Float32
    labels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int16]
    pixel_size_A: float
    tilt_range_deg: float


def slice_grid(config: SliceConfig, pixel_size_A: float) -> Grid:
    """Positions relative to the middle of the slice; at least three planes, for the gradient."""
    planes = max(config.context, 3)
    z = np.asarray((np.arange(planes) - planes // 2) * pixel_size_A, dtype=np.float64)
    middle = (config.size_px - 1) / 2
    yx = np.asarray((np.arange(config.size_px) - middle) * pixel_size_A, dtype=np.float64)
    return Grid(z, yx, yx, pixel_size_A)


def _draw_optics(rng: np.random.Generator, config: SliceConfig, pixel_size_A: float) -> Optics:
    return Optics(
        pixel_size_A=pixel_size_A,
        defocus_A=1e4 * rng.uniform(*config.defocus_um),
        amplitude_contrast=rng.uniform(*config.amplitude_contrast),
        low_frequency_gain=rng.uniform(*config.low_frequency_gain) * (rng.random() < 0.7),
        resolution_A=log_uniform(rng, config.resolution_A),
        phase_flipped=bool(rng.random() < 0.5),
    )


def make_slice(
    config: SliceConfig, rng: np.random.Generator, appearance: Appearance | None = None
) -> SyntheticSlice:
    """Draw one synthetic slice (with its neighbours) and its answer.

    Parameters
    ----------
    config : SliceConfig
        Ranges to draw from.
    rng : Generator
        The only source of randomness: equal generators draw equal slices.
    appearance : Appearance, optional
        Of a tomogram that the slice shall look like: membrane profile, noise, contrast, pixel
        size and tilt range are drawn about the measured ones (`synth2d.appearance.around`).

    Returns
    -------
    SyntheticSlice

    Notes
    -----
    Membranes are drawn as the imaged profile of a bilayer over the 3-D distance to the body,
    times what the missing wedge leaves at that normal (`synth2d.wedge`); everything compact is
    drawn as density and goes through the contrast transfer. After Zhou et al. 2023, section 3
    (doi:10.1016/j.jocs.2022.101904), with crowding as in CryoTomoSim (2025).
    """
    later = rng.spawn(1)[0]  # draws what older recipes did not have, and leaves the rest as it was
    config = config if appearance is None else around(config, appearance)
    pixel_size = log_uniform(rng, config.pixel_size_A)
    theta = float(rng.uniform(*config.tilt_range_deg))
    optics = _draw_optics(rng, config, pixel_size)
    canvas = empty_canvas(slice_grid(config, pixel_size), theta)
    profile = bilayer_profile(rng.uniform(*config.leaflet_spacing_A), rng.uniform(0, 0.7), optics)
    if appearance is not None:
        profile = drawn_profile(appearance, rng)
    studs = 0.01 * rng.random() if rng.random() < 0.3 else 0.0
    half = max(config.label_thickness_A / 2, 0.9 * pixel_size)
    _draw_bodies(canvas, config, Style(profile, half, studs, rng))
    canvas = middle_planes(canvas, config.context)
    canvas.density += stalked_heads(later, config, canvas.instances, pixel_size)
    _draw_crowd(canvas, config, optics, rng)
    image = _structures(canvas, config, optics, rng)
    if rng.random() < 0.12:
        image = add_gold(rng, image, canvas.labels, pixel_size)
    if rng.random() < 0.06:
        image = add_carbon(rng, image)
    image = _with_noise(image, config, theta, appearance, rng)
    if appearance is None:  # else the measured profile and noise hold the filter already
        image = radial_filter(later, config, image)
    image = ice_gradient(later, config, image)
    return SyntheticSlice(image, canvas.labels, canvas.instances, pixel_size, theta)


def _draw_bodies(canvas: Canvas, config: SliceConfig, style: Style) -> None:
    """Membranes and the heads that sit on them."""
    bodies = draw_bodies(style.rng, config, config.size_px * canvas.grid.spacing_A)
    number = 1
    for body in bodies:
        owner = None if body.inside is None else bodies[body.inside]
        draw_body(canvas, body, number, owner, style)
        number += len(body.offsets_A)


def _draw_crowd(
    canvas: Canvas, config: SliceConfig, optics: Optics, rng: np.random.Generator
) -> None:
    """Soluble proteins and filaments: density, and the protein label where no membrane is."""
    shape = canvas.density.shape
    crowd = globules(rng, config, (shape[0], shape[1], shape[2]), optics.pixel_size_A)
    if rng.random() < 0.35:
        crowd += filaments(rng, config, canvas.grid, canvas.theta_deg)
    canvas.density += crowd
    free = canvas.labels == BACKGROUND
    canvas.labels[free & (canvas.density[shape[0] // 2] > 0.55)] = PROTEIN


def _structures(
    canvas: Canvas, config: SliceConfig, optics: Optics, rng: np.random.Generator
) -> Float32:
    """Membranes and proteins as imaged, in deviations of the noise to come.

    Proteins that hardly stand out of that noise become unknown (in place): nobody could tell.
    """
    structure = image_structure(canvas.density, optics, canvas.theta_deg)
    peak = float(max(structure.max(), -structure.min())) + 1e-6
    gain = rng.uniform(0.3, 1.6) / max(peak / max(1.0, float(canvas.density.max())), 1e-6)
    contrast_to_noise = np.float32(log_uniform(rng, config.contrast_to_noise))
    structure *= np.float32(gain) * contrast_to_noise
    faint = np.abs(structure[len(structure) // 2]) < config.faintest_protein
    canvas.labels[faint & (canvas.labels == PROTEIN)] = IGNORE
    structure += contrast_to_noise * canvas.contrast
    return structure


def _with_noise(
    image: Float32,
    config: SliceConfig,
    theta_deg: float,
    appearance: Appearance | None,
    rng: np.random.Generator,
) -> Float32:
    """Add slow background and noise; smooth some slices, unless the noise was measured."""
    shape = (image.shape[0], image.shape[1], image.shape[2])
    image = image + np.float32(rng.uniform(0, 1.2)) * slow_background(rng, shape)
    deviation = np.float32(config.noise_deviation)
    if appearance is not None:
        image += deviation * matched_noise(appearance, shape, rng)
        return image
    image += deviation * wedge_noise(rng, shape, theta_deg)
    if rng.random() < 0.4:
        width = rng.uniform(0.3, 1.2)
        for plane in image:
            cv2.GaussianBlur(plane, (0, 0), width, dst=plane)
    return image
