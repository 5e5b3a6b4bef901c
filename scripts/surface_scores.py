"""How far a fitted mesh lies from a body's true surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from analytic_shapes import Body, Float64, Int64, Sight
from scipy.spatial import cKDTree

from gp_fit.sphere import euler_number, is_watertight, mesh_volume

SHELL_HALF_PX = 1.5
_SAMPLE_PX = 1.0
_VOXEL_STEP_PX = 2.0


@dataclass(frozen=True)
class Fit:
    """A method's answer: a mesh, its deviation if the method knows one, and what it cost."""

    vertices: Float64
    faces: Int64
    sd: Float64 | None
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh to which distances are asked.

    Parameters
    ----------
    vertices : (V, 3) float64
    faces : (F, 3) int64
    """

    vertices: Float64
    faces: Int64

    @cached_property
    def _samples(self) -> tuple[cKDTree, Float64, Float64, npt.NDArray[np.int64]]:
        """Tree of points on the faces, the points, their normals and nearest corners."""
        corners = self.vertices[self.faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
        edge = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()
        parts = max(1, int(np.ceil(edge / _SAMPLE_PX)))
        steps = [(i, j) for i in range(parts + 1) for j in range(parts + 1 - i)]
        weights = np.array([(parts - i - j, i, j) for i, j in steps]) / parts
        points = np.einsum("sk,fkd->sfd", weights, corners).reshape(-1, 3)
        nearest = self.faces[:, np.argmax(weights, axis=1)].T.reshape(-1)
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
        return tree, points, np.tile(normals, (len(steps), 1)), nearest

    def distance(
        self, points: Float64, reach_px: float = np.inf
    ) -> tuple[Float64, npt.NDArray[np.int64]]:
        """Distance (N,) of points (N, 3) and the nearest vertex (N,); infinite beyond reach."""
        tree, samples, normals, nearest = self._samples
        away, index = tree.query(points, distance_upper_bound=reach_px)
        found = np.isfinite(away)
        index = np.where(found, index, 0)
        across = np.abs(np.sum((points - samples[index]) * normals[index], axis=1))
        beside = np.where(found, away, 0.0) ** 2 - (0.6 * _SAMPLE_PX) ** 2
        gap = np.maximum(across, np.sqrt(np.maximum(beside, 0.0)))
        return np.where(found, gap, np.inf), nearest[index]


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
        volume error in percent; share of the true surface within two deviations; 1 where the mesh
        is watertight and has Euler number 2; CPU seconds.
    """
    mesh = Mesh(fit.vertices, fit.faces)
    gap, nearest = mesh.distance(body.vertices)
    cap, areas = body.is_cap(sight.tilt_range_deg), body.areas
    order = np.argsort(gap[cap])
    rising = np.cumsum(areas[cap][order]) / areas[cap].sum()
    sound = is_watertight(fit.faces) and euler_number(fit.faces) == 2
    scores = {
        "mean": float(np.average(gap, weights=areas)),
        "seen": float(np.average(gap[~cap], weights=areas[~cap])),
        "cap": float(np.average(gap[cap], weights=areas[cap])),
        "cap p95": float(gap[cap][order][np.searchsorted(rising, 0.95)]),
        "Dice": shell_dice(Mesh(body.vertices, body.faces), mesh),
        "volume %": 100.0 * (mesh_volume(fit.vertices, fit.faces) / body.volume - 1.0),
        "sound": float(sound),
        "CPU s": fit.seconds,
    }
    if fit.sd is not None:
        within = gap < 2.0 * fit.sd[nearest]
        scores["2σ cap"] = float(np.average(within[cap], weights=areas[cap]))
        scores["2σ seen"] = float(np.average(within[~cap], weights=areas[~cap]))
    return scores


def shell_dice(true: Mesh, found: Mesh) -> float:
    """Dice of the shells of 3 voxels about two surfaces, from one voxel in eight."""
    low = np.floor(true.vertices.min(axis=0) - 6.0)
    shape = np.ceil((true.vertices.max(axis=0) + 6.0 - low) / _VOXEL_STEP_PX).astype(int)
    voxels = np.indices(tuple(shape)).reshape(3, -1).T * _VOXEL_STEP_PX + low
    reach = 2.0 * SHELL_HALF_PX
    in_true = true.distance(voxels, reach)[0] <= SHELL_HALF_PX
    in_found = found.distance(voxels, reach)[0] <= SHELL_HALF_PX
    return float(2.0 * np.sum(in_true & in_found) / (in_true.sum() + in_found.sum()))
