"""Line integrals through a volume for tilts about the y axis, real space, all y rows at once."""

from __future__ import annotations

import math

import numpy as np
import torch

from membraneseg.types import Float32, Float64


def tilt_angles_deg(tilt_range_deg: float, tilt_step_deg: float) -> Float64:
    """Tilts from −range to +range in ascending order."""
    count = math.floor(tilt_range_deg / tilt_step_deg + 1e-9)
    return np.arange(-count, count + 1, dtype=np.float64) * tilt_step_deg


def dose_symmetric_order(angles_deg: Float64) -> Float64:
    """Rank in time of each tilt: 0, +1, −1, −2, +2, +3, −3 … steps.

    Parameters
    ----------
    angles_deg : (T,) float64

    Returns
    -------
    (T,) float64
        0 for the tilt recorded first.

    References
    ----------
    Hagen et al. 2017, doi:10.1016/j.jsb.2016.06.007.
    """
    step = np.rint(np.abs(angles_deg) / max(float(np.diff(np.sort(angles_deg)).min()), 1e-9))
    positive_first = step % 2 == 1
    second = (angles_deg > 0) != positive_first
    ranks = np.argsort(np.argsort(2 * step + second, kind="stable"), kind="stable")
    return ranks.astype(np.float64)


def detector_width(shape_zyx: tuple[int, int, int]) -> int:
    """Detector columns that hold every voxel of the volume at every tilt; even."""
    return 2 * math.ceil(math.hypot(shape_zyx[0], shape_zyx[2]) / 2 + 2)


def project(volume: Float32, angle_deg: float) -> Float32:
    """Integrate a volume along the beam at one tilt.

    Parameters
    ----------
    volume : (Z, Y, X) float32
    angle_deg : float
        Tilt about y, below 80 in size; at 0 the beam runs along z.

    Returns
    -------
    (Y, U) float32
        Sum over voxels along the beam (multiply by the voxel size for Å), centred in u.

    Notes
    -----
    Bilinear samples one voxel apart along each ray. A point (z, x) from the centre falls on
    u = x cos θ + z sin θ, the convention that `back_project` inverts.
    """
    depth, rows, width = volume.shape
    table = torch.from_numpy(np.ascontiguousarray(volume.transpose(0, 2, 1)))
    table = table.reshape(depth * width, rows)
    indices, weights = _ray_samples(depth, width, detector_width((depth, rows, width)), angle_deg)
    image = torch.nn.functional.embedding_bag(
        indices, table, mode="sum", per_sample_weights=weights
    )
    return np.ascontiguousarray(image.T.numpy())


def _ray_samples(
    depth: int, width: int, columns: int, angle_deg: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices and weights (U, 4 S) of the voxels that each ray passes."""
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    steps = 2 * math.ceil((depth + 2) / cosine / 2) + 1
    u = torch.arange(columns, dtype=torch.float64)[:, None] - columns // 2
    s = torch.arange(steps, dtype=torch.float64)[None, :] - steps // 2
    s = s - u * sine / cosine  # each ray starts from where it crosses the middle of the slab
    x = u * cosine - s * sine + (width - 1) / 2
    z = u * sine + s * cosine + (depth - 1) / 2
    z0, x0 = torch.floor(z), torch.floor(x)
    fz, fx = z - z0, x - x0
    indices, weights = [], []
    for dz, wz in ((0, 1 - fz), (1, fz)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            zi, xi = z0 + dz, x0 + dx
            inside = (zi >= 0) & (zi < depth) & (xi >= 0) & (xi < width)
            flat = zi.clamp(0, depth - 1) * width + xi.clamp(0, width - 1)
            indices.append(flat.long())
            weights.append((wz * wx * inside).float())
    return torch.cat(indices, dim=1), torch.cat(weights, dim=1)
