"""One synthetic slice with its answer: the whole recipe in the order of the physics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from synth2d.bodies import Body, distance_and_normal
from synth2d.config import SliceConfig
from synth2d.crowd import add_carbon, add_gold, filaments, globules, image_structure
from synth2d.layout import draw_bodies, log_uniform
from synth2d.noise import slow_background, wedge_noise
from synth2d.optics import PROFILE_REACH_A, Optics, bilayer_profile
from synth2d.wedge import SURE_DEG, UNSEEN_DEG, contrast_kept, wedge_depth_deg

Float32 = npt.NDArray[np.float32]

BACKGROUND, PROTEIN, MEMBRANE, IGNORE = 0, 1, 2, 255


@dataclass(frozen=True)
class SyntheticSlice:
    """A drawn slice.

    Parameters
    ----------
    image : (C, H, W) float32
        Adjacent slices, dark membranes, noise of about unit deviation.
    labels : (H, W) uint8
        Of the middle slice: 0 background, 1 protein, 2 membrane, 255 in the wedge's soft edge
        (there a membrane may or may not be called visible).
    instances : (H, W) int16
        Membrane identity (1, 2, …), drawn whether visible or not; 0 elsewhere.
    pixel_size_A, tilt_range_deg : float
    """

    image: Float32
    labels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int16]
    pixel_size_A: float
    tilt_range_deg: float


@dataclass
class _Canvas:
    """The slice while it is being drawn."""

    points_A: Float32  # (C, H, W, 3)
    contrast: Float32  # (C, H, W) membranes and lumina, darkest about -1
    density: Float32  # (C, H, W) of everything that still has to go through the microscope
    labels: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int16]
    theta_deg: float


def grid_points(config: SliceConfig, pixel_size_A: float) -> Float32:
    """Positions (C, H, W, 3) in Å, zyx, relative to the middle; at least three slices."""
    planes = max(config.context, 3)
    z = (np.arange(planes) - planes // 2) * pixel_size_A
    yx = (np.arange(config.size_px) - (config.size_px - 1) / 2) * pixel_size_A
    mesh = np.meshgrid(z, yx, yx, indexing="ij")
    return np.stack(mesh, axis=-1).astype(np.float32)


def _window(body: Body, points_A: Float32, pixel_size_A: float) -> tuple[slice, slice] | None:
    """Rows and columns that a body and its fringes can reach; None if it misses the slice."""
    reach = body.radius_A + PROFILE_REACH_A
    if abs(body.centre_A[0]) > reach:
        return None
    size = points_A.shape[1]
    if not np.isfinite(reach):
        return slice(0, size), slice(0, size)
    middle = body.centre_A[1:] / pixel_size_A + (size - 1) / 2
    low = np.clip(np.floor(middle - reach / pixel_size_A), 0, size).astype(int)
    high = np.clip(np.ceil(middle + reach / pixel_size_A) + 1, 0, size).astype(int)
    if (high - low < 4).any():
        return None
    return slice(low[0], high[0]), slice(low[1], high[1])


def _draw_body(
    canvas: _Canvas, body: Body, number: int, owner: Body | None, optics: Optics, style: _Style
) -> None:
    """Add one body's membranes to the canvas (in place)."""
    window = _window(body, canvas.points_A, optics.pixel_size_A)
    if window is None:
        return
    points = canvas.points_A[:, window[0], window[1]]
    distance, normals = distance_and_normal(body, points, optics.pixel_size_A)
    depth = wedge_depth_deg(normals.astype(np.float64), canvas.theta_deg)
    kept = contrast_kept(depth).astype(np.float32)
    if owner is not None:  # cristae end where the inner membrane begins
        limit, _ = distance_and_normal(owner, points, optics.pixel_size_A)
        confined = expit((owner.offsets_A[-1] - 30.0 - limit) / 15.0)
        kept = kept * confined.astype(np.float32)
    middle = distance.shape[0] // 2
    half = max(style.label_thickness_A / 2, 0.9 * optics.pixel_size_A)
    labels, instances = canvas.labels[window], canvas.instances[window]
    shown = kept[middle] if owner is not None else np.ones_like(kept[middle])
    for layer, offset in enumerate(body.offsets_A):
        shifted = distance - np.float32(offset)
        canvas.contrast[:, window[0], window[1]] += kept * np.interp(
            shifted, style.profile[0], style.profile[1], left=0.0, right=0.0
        ).astype(np.float32)
        on = (np.abs(shifted[middle]) <= half) & (shown > 0.1)
        soft = on & (depth[middle] > SURE_DEG)
        soft &= (depth[middle] < UNSEEN_DEG) & (labels != MEMBRANE)
        labels[soft] = IGNORE
        labels[on & (depth[middle] <= SURE_DEG)] = MEMBRANE
        instances[on] = number + layer
    if body.lumen:
        inside = expit(-distance / np.float32(20.0))
        canvas.contrast[:, window[0], window[1]] -= np.float32(body.lumen) * inside
    if style.studs:
        _stud(canvas, window, distance, style)


@dataclass(frozen=True)
class _Style:
    """What all membranes of a slice share."""

    profile: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    label_thickness_A: float
    studs: float
    rng: np.random.Generator


def _stud(canvas: _Canvas, window: tuple[slice, slice], distance: Float32, style: _Style) -> None:
    """Membrane proteins: heads some 60 Å outside the surface at random places."""
    middle = distance.shape[0] // 2
    ring = np.abs(distance[middle] - 65.0) < 15.0
    ring &= style.rng.random(ring.shape) < style.studs
    pixel = float(canvas.points_A[0, 0, 1, 2] - canvas.points_A[0, 0, 0, 2])
    width = 35.0 / pixel
    heads = ndimage.gaussian_filter(ring.astype(np.float32), width) * (2 * np.pi * width**2)
    canvas.density[:, window[0], window[1]] += 0.8 * heads


def _draw_optics(rng: np.random.Generator, config: SliceConfig, pixel_size_A: float) -> Optics:
    return Optics(
        pixel_size_A=pixel_size_A,
        defocus_A=1e4 * rng.uniform(*config.defocus_um),
        amplitude_contrast=rng.uniform(*config.amplitude_contrast),
        low_frequency_gain=rng.uniform(*config.low_frequency_gain) * (rng.random() < 0.7),
        resolution_A=log_uniform(rng, config.resolution_A),
        phase_flipped=bool(rng.random() < 0.5),
    )


def make_slice(config: SliceConfig, rng: np.random.Generator) -> SyntheticSlice:
    """Draw one synthetic slice (with its neighbours) and its answer.

    Parameters
    ----------
    config : SliceConfig
        Ranges to draw from.
    rng : Generator
        The only source of randomness: equal generators draw equal slices.

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
    pixel_size = log_uniform(rng, config.pixel_size_A)
    theta = float(rng.uniform(*config.tilt_range_deg))
    optics = _draw_optics(rng, config, pixel_size)
    points = grid_points(config, pixel_size)
    canvas = _empty_canvas(points, theta)
    profile = bilayer_profile(rng.uniform(*config.leaflet_spacing_A), rng.uniform(0, 0.7), optics)
    studs = 0.01 * rng.random() if rng.random() < 0.3 else 0.0
    style = _Style(profile, config.label_thickness_A, studs, rng)
    bodies = draw_bodies(rng, config, config.size_px * pixel_size)
    number = 1
    for body in bodies:
        owner = None if body.inside is None else bodies[body.inside]
        _draw_body(canvas, body, number, owner, optics, style)
        number += len(body.offsets_A)
    _draw_crowd(canvas, config, optics, rng)
    image = _expose(canvas, config, optics, rng)
    first = (len(image) - config.context) // 2
    image = np.ascontiguousarray(image[first : first + config.context])
    return SyntheticSlice(image, canvas.labels, canvas.instances, pixel_size, theta)


def _empty_canvas(points_A: Float32, theta_deg: float) -> _Canvas:
    shape = points_A.shape[:-1]
    return _Canvas(
        points_A,
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape[1:], dtype=np.uint8),
        np.zeros(shape[1:], dtype=np.int16),
        theta_deg,
    )


def _draw_crowd(
    canvas: _Canvas, config: SliceConfig, optics: Optics, rng: np.random.Generator
) -> None:
    """Soluble proteins and filaments: density, and the protein label where no membrane is."""
    shape = canvas.density.shape
    crowd = globules(rng, config, (shape[0], shape[1], shape[2]), optics.pixel_size_A)
    if rng.random() < 0.35:
        crowd = crowd + filaments(rng, config, canvas.points_A, canvas.theta_deg)
    canvas.density += crowd
    free = canvas.labels == BACKGROUND
    canvas.labels[free & (canvas.density[shape[0] // 2] > 0.55)] = PROTEIN


def _expose(
    canvas: _Canvas, config: SliceConfig, optics: Optics, rng: np.random.Generator
) -> Float32:
    """Contrast to image: the microscope, gold, carbon, background, noise, smoothing."""
    shape = canvas.density.shape
    structure = image_structure(canvas.density, optics, canvas.theta_deg)
    peak = float(np.abs(structure).max()) + 1e-6
    gain = rng.uniform(0.3, 1.6) / max(peak / max(1.0, float(canvas.density.max())), 1e-6)
    contrast = canvas.contrast + np.float32(gain) * structure
    image: Float32 = contrast * np.float32(log_uniform(rng, config.contrast_to_noise))
    if rng.random() < 0.12:
        image = add_gold(rng, image, optics.pixel_size_A)
    if rng.random() < 0.06:
        image = add_carbon(rng, image)
    image = image + rng.uniform(0, 1.2) * slow_background(rng, (shape[0], shape[1], shape[2]))
    image = image + wedge_noise(rng, (shape[0], shape[1], shape[2]), canvas.theta_deg)
    if rng.random() < 0.4:
        image = ndimage.gaussian_filter(image, (0, *(2 * [rng.uniform(0.3, 1.2)])))
    return np.asarray(image, dtype=np.float32)
