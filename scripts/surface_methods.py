"""The ways of closing a surface that are compared: ours, the paper's and common ones."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from analytic_shapes import Float64, Sight
from scipy.interpolate import RBFInterpolator
from surface_scores import Fit

from gp_fit import FitConfig, Reliability, StarConfig, fit_surface
from gp_fit.extract import ExtractConfig, zero_level
from gp_fit.points import (
    density_filter,
    local_normals,
    orient_normals,
    superpoint_spacing,
    superpoints,
    transfer_orientation,
)
from gp_fit.scene import unit_normals
from synth2d.wedge import wedge_depth_deg

Method = Callable[[Float64, Sight], Fit]

COARSE_POINTS = 450
RBF_POINTS = 600
RBF_OFFSET_PX = 4.0
POISSON_DEPTH = 6


def ours(config: FitConfig) -> Method:
    """Fit with gp_fit, which trusts every point."""
    return lambda points, sight: _fitted(points, config, sight, None)


def ours_wary(config: FitConfig) -> Method:
    """Fit with gp_fit, which knows that points at the wedge's edge run straight on."""

    def fit(points: Float64, sight: Sight) -> Fit:
        return _fitted(points, config, sight, sight.reliability)

    return fit


def _fitted(
    points: Float64, config: FitConfig, sight: Sight, reliability: Reliability | None
) -> Fit:
    started = time.process_time()
    found = fit_surface(points, config, sight.detection_probability, reliability=reliability)
    seconds = time.process_time() - started
    note = "; ".join((found.method, *found.warnings))
    return Fit(found.vertices_zyx, found.faces, found.vertex_sd, seconds, note)


def cut_at(depth_deg: float, rounds: int = 4) -> Method:
    """Leave out points whose fitted normals lie deeper in the wedge than this, and fit again."""
    config = FitConfig(method="star", evidence=False, star=StarConfig(search=False))

    def fit(points: Float64, sight: Sight) -> Fit:
        started = time.process_time()
        found = fit_surface(points, config)
        for _ in range(rounds):
            depth = wedge_depth_deg(unit_normals(found, points), sight.tilt_range_deg)
            found = fit_surface(points[depth < depth_deg], config)
        seconds = time.process_time() - started
        return Fit(found.vertices_zyx, found.faces, found.vertex_sd, seconds)

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


_STAR = FitConfig(method="star")
_HERMITE = FitConfig(method="hermite")
_TOGETHER = StarConfig(erring_together=4.0)
STAR_WITH = "star + evidence"
STARS: dict[str, Method] = {
    STAR_WITH: ours(_STAR),
    "star": ours(replace(_STAR, evidence=False)),
}
HERMITES: dict[str, Method] = {
    "Hermite + evidence": ours(_HERMITE),
    "Hermite": ours(replace(_HERMITE, evidence=False)),
}
OTHERS: dict[str, Method] = {
    "anchored (paper)": ours(FitConfig(method="anchored")),
    "screened Poisson": screened_poisson,
    "RBF (SciPy)": radial_basis,
}
WARY: dict[str, Method] = {
    "wary star + evidence": ours_wary(_STAR),
    "the same, erring together": ours_wary(replace(_STAR, star=_TOGETHER)),
    "cut at -17°, fixed prior": cut_at(-17.0),
    "star + evidence": ours(_STAR),
}
