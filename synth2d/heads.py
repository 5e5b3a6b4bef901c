"""Membrane proteins with a head on a stalk, as ATP synthase has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synth2d.config import SliceConfig

Float32 = npt.NDArray[np.float32]

HEAD_RADIUS_A, HEAD_HEIGHT_A = 42.0, 125.0
"""Radius of gyration of the head, and its distance from the middle of the membrane."""
STALK_RADIUS_A = 14.0
MOST_HEADS = 400
PATCH_PX = 6
"""Half the edge of the patch in which a membrane's direction is found."""


def stalked_heads(
    rng: np.random.Generator,
    config: SliceConfig,
    instances: npt.NDArray[np.int16],
    pixel_size_A: float,
) -> Float32:
    """Density (C, H, W) of stalked heads on one side of the membranes; peak near 1.

    Parameters
    ----------
    rng : Generator
    config : SliceConfig
        `stalked_heads_per_um` is their number per µm of membrane in the slice.
    instances : (H, W) int16
        Where membranes are.
    pixel_size_A : float

    Returns
    -------
    (C, H, W) float32
        All zero in a share of 1 − `stalked_share` of the slices.

    Notes
    -----
    A head stands along the in-plane normal of its patch of membrane, on the side that is drawn
    for each membrane; each plane cuts it at its own height.
    """
    shape = (config.context, *instances.shape)
    density = np.zeros(shape, dtype=np.float32)
    if rng.random() >= config.stalked_share:
        return density
    thickness = max(config.label_thickness_A, 1.8 * pixel_size_A)
    length_um = (instances > 0).sum() * pixel_size_A**2 / thickness * 1e-4
    wanted = min(int(length_um * rng.uniform(*config.stalked_heads_per_um)), MOST_HEADS)
    places = np.argwhere(instances > 0)
    if wanted == 0 or not len(places):
        return density
    padded = np.pad(instances, PATCH_PX)
    sides = rng.choice([-1.0, 1.0], int(instances.max()) + 1)
    for y, x in places[rng.integers(len(places), size=wanted)]:
        patch = padded[y : y + 2 * PATCH_PX + 1, x : x + 2 * PATCH_PX + 1]
        normal = _normal(patch == instances[y, x]) * sides[instances[y, x]]
        _stamp(density, (float(y), float(x)), normal, (rng.normal(0, 40.0), pixel_size_A))
    return density


def _normal(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """In-plane unit normal (y, x) of a stripe: the direction of its least spread."""
    spots = np.argwhere(mask) - (mask.shape[0] - 1) / 2
    _, vectors = np.linalg.eigh(spots.T @ spots + 1e-6 * np.eye(2))
    return np.asarray(vectors[:, 0] * (1.0 if vectors[0, 0] >= 0 else -1.0))


def _stamp(
    density: Float32,
    foot_px: tuple[float, float],
    normal: npt.NDArray[np.float64],
    depth_and_pixel_A: tuple[float, float],
) -> None:
    """Add one head and its stalk (in place), `depth` Å above the middle slice."""
    depth, pixel = depth_and_pixel_A
    planes, height, width = density.shape
    reach = int(np.ceil((HEAD_HEIGHT_A + 3 * HEAD_RADIUS_A) / pixel))
    rows = np.arange(max(0, int(foot_px[0]) - reach), min(height, int(foot_px[0]) + reach + 1))
    columns = np.arange(max(0, int(foot_px[1]) - reach), min(width, int(foot_px[1]) + reach + 1))
    dy, dx = (rows - foot_px[0])[:, None] * pixel, (columns - foot_px[1])[None, :] * pixel
    up = dy * normal[0] + dx * normal[1]
    aside = dy * normal[1] - dx * normal[0]
    for plane in range(planes):
        dz = depth - (plane - planes // 2) * pixel
        far = (up - HEAD_HEIGHT_A) ** 2 + aside**2 + dz**2
        head = np.exp(-0.5 * far / (0.7 * HEAD_RADIUS_A) ** 2)
        stalk = 0.5 * np.exp(-0.5 * (aside**2 + dz**2) / STALK_RADIUS_A**2)
        stalk = stalk * ((up > 0) & (up < HEAD_HEIGHT_A))
        density[plane, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += head + stalk
