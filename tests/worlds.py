"""Small volumes with known vesicles in them."""

import numpy as np

from synth2d.wedge import contrast_kept, wedge_depth_deg

VOXEL_A = 14.0
CORNER_VESICLES = (
    # centre zyx in voxels, radius in voxels: an L that no flip or transposition maps on itself
    ((22.0, 24.0, 26.0), 15.0),
    ((25.0, 24.0, 98.0), 11.0),
    ((28.0, 72.0, 28.0), 18.0),
)


def dark_vesicles(shape, vesicles, tilt_range=60.0, noise=1.0, seed=0):
    """Volume of bilayer-dark shells that fade in the missing wedge, in noise."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).astype(float)
    volume = np.random.default_rng(seed).normal(0, noise, shape)
    for centre, radius in vesicles:
        offset = grid - np.array(centre)
        distance = np.linalg.norm(offset, axis=-1)
        normals = offset / np.maximum(distance, 1e-9)[..., None]
        kept = contrast_kept(wedge_depth_deg(normals, tilt_range))
        depth = (distance - radius) * VOXEL_A
        leaflets = sum(np.exp(-0.5 * ((depth - side * 19) / 12.0) ** 2) for side in (-1, 1))
        fringes = sum(np.exp(-0.5 * ((depth - side * 60) / 18.0) ** 2) for side in (-1, 1))
        dark = leaflets - 0.25 * fringes
        volume -= 3.0 * kept * dark
    return volume.astype(np.float32)
