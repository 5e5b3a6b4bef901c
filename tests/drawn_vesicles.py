"""Vesicles drawn into volumes by formula: bilayers of known centre and radius."""

import numpy as np

from synth2d.wedge import contrast_kept, wedge_depth_deg

VOXEL_A = 12.0
LEAFLET_A, LEAFLET_SD_A = 18.0, 9.0


def distances(shape, centre_px):
    """Distance of each voxel from a point, in Å, and its direction."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    offset = grid - np.asarray(centre_px)
    length = np.linalg.norm(offset, axis=-1)
    return length * VOXEL_A, offset / np.maximum(length, 1e-6)[..., None]


def bilayers(shape, vesicles, tilt_range_deg=None, matrix_px=None):
    """Sum of dark bilayers (centre_px, radius_A); faint where the missing wedge hides them."""
    volume = np.zeros(shape)
    for centre_px, radius_A in vesicles:
        apart_A, directions = distances(shape, centre_px)
        if matrix_px is not None:
            bulge = np.einsum("...i,ij,...j->...", directions, matrix_px, directions)
            apart_A = apart_A - bulge * VOXEL_A
        shown = 1.0
        if tilt_range_deg is not None:
            shown = contrast_kept(wedge_depth_deg(directions, tilt_range_deg))
        for at in (-LEAFLET_A, LEAFLET_A):
            volume -= shown * np.exp(-0.5 * ((apart_A - radius_A - at) / LEAFLET_SD_A) ** 2)
    return volume


def membrane_probability(shape, vesicles, tilt_range_deg):
    """What a perfect network would say: 1 on membranes where the tilts show them."""
    probability = np.zeros(shape, dtype=np.float32)
    for centre_px, radius_A in vesicles:
        apart_A, directions = distances(shape, centre_px)
        shown = wedge_depth_deg(directions, tilt_range_deg) < 3.0
        near = np.abs(apart_A - radius_A) < 22.0
        probability[near & shown] = 1.0
    return probability
