"""Numbers of one membrane: area, volume, curvature, what was seen, and how certain it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.coords import angstrom_to_index
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import Surface
from membraneseg.types import Float64, Int64, Mesh

DIFFERENCE_VOXELS = 0.5
"""Half the step of the finite differences of the gradient."""


@dataclass(frozen=True)
class Measures:
    """One row of the table of membranes, but for its identity.

    Parameters
    ----------
    area_nm2 : float
    volume_nm3 : float or None
        None for open membranes.
    equivalent_radius_nm : float or None
        Radius of the sphere of the same volume.
    mean_curvature_per_nm, gaussian_curvature_per_nm2 : float
        Area-weighted means; a sphere has positive mean curvature.
    observed_fraction : float
        Share of the area that the data show.
    median_sigma_A : float
    centroid_zyx_A : (3,) float64
        Of the enclosed volume, or of the area if open.
    vertex_mean_curvature_per_nm, vertex_gaussian_curvature_per_nm2 : (V,) float64
        At each vertex; NaN where the implicit function has no gradient.
    """

    area_nm2: float
    volume_nm3: float | None
    equivalent_radius_nm: float | None
    mean_curvature_per_nm: float
    gaussian_curvature_per_nm2: float
    observed_fraction: float
    median_sigma_A: float
    centroid_zyx_A: Float64
    vertex_mean_curvature_per_nm: Float64
    vertex_gaussian_curvature_per_nm2: Float64


def measure(mesh: Mesh, surface: Surface, frame: VolumeFrame) -> Measures:
    """Measure one membrane.

    Parameters
    ----------
    mesh : Mesh
        With at least one face.
    surface : Surface
        The implicit surface of the mesh, in voxels: gives the curvatures.
    frame : VolumeFrame

    Returns
    -------
    Measures
    """
    areas = face_areas(mesh.vertices_zyx_A, mesh.faces)
    volume_A3, centroid = _volume_and_centroid(mesh, areas, surface.closed)
    mean, gaussian = vertex_curvatures(mesh, surface, frame)
    shares = vertex_areas(mesh.faces, areas, len(mesh.vertices_zyx_A))
    seen = mesh.observed[mesh.faces].mean(axis=1)
    volume_nm3 = None if volume_A3 is None else volume_A3 / 1e3
    radius_nm = None if volume_nm3 is None else float(np.cbrt(3.0 * volume_nm3 / (4.0 * np.pi)))
    return Measures(
        area_nm2=float(areas.sum()) / 100.0,
        volume_nm3=volume_nm3,
        equivalent_radius_nm=radius_nm,
        mean_curvature_per_nm=_average(mean, shares),
        gaussian_curvature_per_nm2=_average(gaussian, shares),
        observed_fraction=float((seen * areas).sum() / areas.sum()),
        median_sigma_A=float(np.median(mesh.sigma_A)),
        centroid_zyx_A=centroid,
        vertex_mean_curvature_per_nm=mean,
        vertex_gaussian_curvature_per_nm2=gaussian,
    )


def face_areas(vertices: Float64, faces: Int64) -> Float64:
    """Areas (F,) of the triangles, in the square of the vertices' unit."""
    corners = vertices[faces]
    spanned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.asarray(0.5 * np.linalg.norm(spanned, axis=1))


def _volume_and_centroid(mesh: Mesh, areas: Float64, closed: bool) -> tuple[float | None, Float64]:
    """Volume in Å³ by the divergence theorem, and the centroid in Å."""
    corners = mesh.vertices_zyx_A[mesh.faces]
    middle = (corners.mean(axis=1) * areas[:, None]).sum(axis=0) / areas.sum()
    if not closed:
        return None, middle
    corners = corners - middle
    spanned = np.cross(corners[:, 1], corners[:, 2])
    # Read as zyx a face that is counter-clockwise in xyz turns the other way: hence the minus.
    wedges = -(corners[:, 0] * spanned).sum(axis=1) / 6.0
    volume = float(wedges.sum())
    if volume <= 0:
        return None, middle
    centroid = (wedges[:, None] * corners.sum(axis=1) / 4.0).sum(axis=0) / volume + middle
    return volume, np.asarray(centroid, dtype=np.float64)


def vertex_areas(faces: Int64, areas: Float64, count: int) -> Float64:
    """Share of the area that each of `count` vertices stands for: a third of its triangles'."""
    return np.asarray(np.bincount(faces.ravel(), np.repeat(areas / 3.0, 3), count), np.float64)


def vertex_curvatures(mesh: Mesh, surface: Surface, frame: VolumeFrame) -> tuple[Float64, Float64]:
    """Mean (V,) in 1/nm and Gaussian curvature (V,) in 1/nm² at the vertices of a mesh."""
    points = angstrom_to_index(mesh.vertices_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
    mean, gaussian = curvatures(surface, points)
    return mean / frame.voxel_size_nm, gaussian / frame.voxel_size_nm**2


def _average(values: Float64, weights: Float64) -> float:
    """Weighted mean of what is known; NaN if nothing is."""
    known = np.isfinite(values)
    total = float(weights[known].sum())
    return float((weights[known] * values[known]).sum()) / total if total > 0 else float("nan")


def curvatures(surface: Surface, points_zyx: Float64) -> tuple[Float64, Float64]:
    """Mean and Gaussian curvature of the level set through each point.

    Parameters
    ----------
    surface : Surface
    points_zyx : (N, 3) float64
        In voxels.

    Returns
    -------
    mean : (N,) float64
        1/voxel; (κ₁ + κ₂)/2, positive where the surface bulges outward.
    gaussian : (N,) float64
        1/voxel²; κ₁ κ₂. NaN where the gradient vanishes.

    Notes
    -----
    The shape operator is P H P / |∇f| with the Hessian H, by central differences of the gradient,
    and the projection P onto the tangent plane; H = tr/2, K = (tr² − tr(S²))/2.

    References
    ----------
    Goldman 2005, doi:10.1016/j.cagd.2005.06.005.
    """
    gradient = surface.gradient(points_zyx)
    length = np.linalg.norm(gradient, axis=1)
    length = np.where(length > 1e-12, length, np.nan)
    normal = gradient / length[:, None]
    hessian = np.empty((len(points_zyx), 3, 3))
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = DIFFERENCE_VOXELS
        change = surface.gradient(points_zyx + step) - surface.gradient(points_zyx - step)
        hessian[:, axis] = change / (2.0 * DIFFERENCE_VOXELS)
    hessian = 0.5 * (hessian + hessian.transpose(0, 2, 1))
    tangent = np.eye(3) - normal[:, :, None] * normal[:, None, :]
    shape = tangent @ hessian @ tangent / length[:, None, None]
    trace = np.trace(shape, axis1=1, axis2=2)
    square = np.einsum("nij,nji->n", shape, shape)
    return np.asarray(trace / 2.0), np.asarray((trace**2 - square) / 2.0)
