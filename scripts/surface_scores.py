"""How far a fitted mesh lies from a body's true surface."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from analytic_shapes import Body, Float64, Int64, Sight
from scipy.spatial import cKDTree

from gp_fit.sphere import euler_number, is_watertight, mesh_volume

SHELL_HALF_PX = 1.5
_SAMPLE_PX = 0.5


@dataclass(frozen=True)
class Fit:
    """A method's answer: a mesh, its deviation if the method knows one, and what it cost."""

    vertices: Float64
    faces: Int64
    sd: Float64 | None
    seconds: float
    note: str = ""


def score(body: Body, sight: Sight, fit: Fit) -> dict[str, float]:
    """Score one fit.

    Parameters
    ----------
    body : Body
    sight : Sight
    fit : Fit

    Returns
    -------
    dict
        Distances of the true surface from the mesh, in voxels and weighted by area; shell Dice;
        volume error in percent; share of the true cap surface within two deviations; 1 where the
        mesh is watertight and has Euler number 2; CPU seconds.
    """
    gap, nearest = distance_to_mesh(body.vertices, fit.vertices, fit.faces)
    cap, areas = body.is_cap(sight.tilt_range_deg), body.areas
    order = np.argsort(gap[cap])
    rising = np.cumsum(areas[cap][order]) / areas[cap].sum()
    sound = is_watertight(fit.faces) and euler_number(fit.faces) == 2
    scores = {
        "mean": float(np.average(gap, weights=areas)),
        "seen": float(np.average(gap[~cap], weights=areas[~cap])),
        "cap": float(np.average(gap[cap], weights=areas[cap])),
        "cap p95": float(gap[cap][order][np.searchsorted(rising, 0.95)]),
        "Dice": shell_dice(body, fit),
        "volume %": 100.0 * (mesh_volume(fit.vertices, fit.faces) / body.volume - 1.0),
        "sound": float(sound),
        "CPU s": fit.seconds,
    }
    if fit.sd is not None:
        within = gap < 2.0 * fit.sd[nearest]
        scores["2σ cap"] = float(np.average(within[cap], weights=areas[cap]))
        scores["2σ seen"] = float(np.average(within[~cap], weights=areas[~cap]))
    return scores


def distance_to_mesh(
    points: Float64, vertices: Float64, faces: Int64, reach_px: float = np.inf
) -> tuple[Float64, npt.NDArray[np.int64]]:
    """Distance (N,) of points from a triangle mesh, and the nearest vertex (N,).

    Beyond `reach_px` the distance is infinite and the vertex 0.
    """
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
    edge = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()
    parts = max(1, int(np.ceil(edge / _SAMPLE_PX)))
    steps = [(i, j) for i in range(parts + 1) for j in range(parts + 1 - i)]
    weights = np.array([(parts - i - j, i, j) for i, j in steps]) / parts
    samples = np.einsum("sk,fkd->sfd", weights, corners).reshape(-1, 3)
    away, index = cKDTree(samples).query(points, distance_upper_bound=reach_px)
    found = np.isfinite(away)
    index = np.where(found, index, 0)
    step, face = index // len(faces), index % len(faces)
    across = np.abs(np.sum((points - samples[index]) * normals[face], axis=1))
    along = np.maximum(away, 0.0) ** 2 - (0.6 * _SAMPLE_PX) ** 2
    gap = np.where(found, np.maximum(across, np.sqrt(np.maximum(along, 0.0))), np.inf)
    corner = faces[face, np.argmax(weights[step], axis=1)]
    return gap, np.where(found, corner, 0)


def shell_dice(body: Body, fit: Fit) -> float:
    """Dice of the shells of 3 voxels about the true and the fitted surface."""
    low = np.floor(body.vertices.min(axis=0) - 6.0)
    shape = np.ceil(body.vertices.max(axis=0) + 6.0 - low).astype(int)
    voxels = np.indices(tuple(shape)).reshape(3, -1).T + low
    reach = 2.0 * SHELL_HALF_PX
    true = distance_to_mesh(voxels, body.vertices, body.faces, reach)[0] <= SHELL_HALF_PX
    found = distance_to_mesh(voxels, fit.vertices, fit.faces, reach)[0] <= SHELL_HALF_PX
    return float(2.0 * np.sum(true & found) / (true.sum() + found.sum()))
