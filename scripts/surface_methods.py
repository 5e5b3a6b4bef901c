"""The ways of closing a surface that are compared: ours, the paper's and common ones."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from analytic_shapes import Float64, Sight
from scipy.interpolate import RBFInterpolator
from surface_scores import Fit

from gp_fit import FitConfig, fit_surface
from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.points import (
    density_filter,
    local_normals,
    orient_normals,
    superpoint_spacing,
    superpoints,
    transfer_orientation,
)

Method = Callable[[Float64, Sight], Fit]

COARSE_POINTS = 450
RBF_POINTS = 600
RBF_OFFSET_PX = 4.0
POISSON_DEPTH = 6


def ours(config: FitConfig) -> Method:
    """Fit with gp_fit."""

    def fit(points: Float64, sight: Sight) -> Fit:
        started = time.process_time()
        found = fit_surface(points, config, sight.detection_probability)
        seconds = time.process_time() - started
        note = "; ".join((found.method, *found.warnings))
        return Fit(found.vertices_zyx, found.faces, found.vertex_sd, seconds, note)

    return fit


def screened_poisson(points: Float64, sight: Sight) -> Fit:
    """Screened Poisson of open3d, on all filtered points with repaired orientation."""
    import open3d

    started = time.process_time()
    kept = points[density_filter(points)]
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(kept[:, ::-1]))
    cloud.normals = open3d.utility.Vector3dVector(_normals(kept)[:, ::-1])
    mesh, _ = open3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
        cloud, depth=POISSON_DEPTH, scale=1.5, n_threads=1
    )
    vertices = np.asarray(mesh.vertices)[:, ::-1].copy()
    faces = np.asarray(mesh.triangles).astype(np.int64)
    return Fit(vertices, faces, None, time.process_time() - started)


def radial_basis(points: Float64, sight: Sight) -> Fit:
    """SciPy's RBFInterpolator (thin-plate r³) through superpoints and their offsets."""
    started = time.process_time()
    kept = points[density_filter(points)]
    centres, _, _ = superpoints(kept, superpoint_spacing(kept, RBF_POINTS))
    normals = _normals(centres)
    places = np.concatenate(
        [centres + step * normals for step in (0.0, RBF_OFFSET_PX, -RBF_OFFSET_PX)]
    )
    values = np.repeat([0.0, RBF_OFFSET_PX, -RBF_OFFSET_PX], len(centres))
    smooth = RBFInterpolator(places, values, kernel="cubic", degree=2, smoothing=1.0)

    def gradient(q: Float64) -> Float64:
        steps = 1e-3 * np.eye(3)
        return np.stack([(smooth(q + s) - smooth(q - s)) / 2e-3 for s in steps], axis=1)

    vertices, faces = zero_level(smooth, gradient, kept, ExtractConfig())
    return Fit(vertices, faces, None, time.process_time() - started)


def _normals(points: Float64) -> Float64:
    """Outward normals: by principal components, their signs from a coarse cloud."""
    coarse, counts, _ = superpoints(points, superpoint_spacing(points, COARSE_POINTS, 3.0))
    rough = orient_normals(coarse, local_normals(coarse, 10.0, counts.astype(np.float64)))
    return transfer_orientation(coarse, rough, points, local_normals(points, 5.0))


_PLAIN = FitConfig(evidence=False)
METHODS: dict[str, Method] = {
    "star + evidence": ours(FitConfig(method="star")),
    "star": ours(replace(_PLAIN, method="star")),
    "Hermite + evidence": ours(FitConfig(method="hermite")),
    "Hermite": ours(replace(_PLAIN, method="hermite")),
    "anchored (paper)": ours(replace(_PLAIN, method="anchored")),
    "screened Poisson": screened_poisson,
    "RBF (SciPy)": radial_basis,
}
