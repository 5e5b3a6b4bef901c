"""One membrane: a shape with two leaflets, its distances and its mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.measure import marching_cubes

from membraneseg.phantom.box import Box
from membraneseg.phantom.shapes import Shape, outward_normals
from membraneseg.types import Float64, Int64

HEAD_GROUP_HALF_WIDTH_A = 6.0
"""Distance from the middle of a leaflet's head groups to its outer face."""
MESH_SPACING_A = 25.0
NEWTON_STEPS = 3
CHUNK_POINTS = 200_000


@dataclass(frozen=True)
class Membrane:
    """A lipid bilayer in the scene.

    Parameters
    ----------
    label : int
        1, 2, 3 …
    kind : str
        "liposome", "synaptic vesicle", "outer mitochondrial membrane" …
    shape : Shape
        The surface halfway between the leaflets.
    thickness_A : float
        Distance between the middles of the two leaflets.
    parent : int
        Label of the closed membrane that encloses this one, 0 if none.
    """

    label: int
    kind: str
    shape: Shape
    thickness_A: float
    parent: int = 0

    @property
    def outer_half_width_A(self) -> float:
        """Distance from the middle of the membrane to the outer face of a leaflet, in Å."""
        return self.thickness_A / 2 + HEAD_GROUP_HALF_WIDTH_A


def signed_distances(shape: Shape, points_zyx_A: Float64) -> Float64:
    """Signed distance (N,) in Å of any number of (N, 3) points, in chunks of bounded memory."""
    parts = [
        shape.signed_distance(points_zyx_A[i : i + CHUNK_POINTS])
        for i in range(0, len(points_zyx_A), CHUNK_POINTS)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def middle_mesh(shape: Shape, box: Box, spacing_A: float = MESH_SPACING_A) -> tuple[Float64, Int64]:
    """Triangles of the part of a surface that lies in the box.

    Parameters
    ----------
    shape : Shape
    box : Box
    spacing_A : float
        Edge of the marching cubes' cells.

    Returns
    -------
    vertices_zyx_A : (V, 3) float64
        On the surface to far below 1 Å, save at the walls of the box.
    faces : (F, 3) int64
        Counter-clockwise seen from outside when vertices are read as xyz; watertight where the
        surface is closed and the box does not cut it.
    """
    margin = 2.0 * spacing_A
    low = np.maximum(shape.bounds_zyx_A[0] - margin, box.low_A)
    high = np.minimum(shape.bounds_zyx_A[1] + margin, box.high_A)
    if (high - low <= 0).any():
        return np.empty((0, 3)), np.empty((0, 3), dtype=np.int64)
    counts = np.maximum(np.ceil((high - low) / spacing_A).astype(int), 1) + 1
    axes = [np.linspace(a, b, n) for a, b, n in zip(low, high, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    field = signed_distances(shape, points).reshape(counts)
    if field.min() >= 0.0 or field.max() <= 0.0:
        return np.empty((0, 3)), np.empty((0, 3), dtype=np.int64)
    steps = (high - low) / (counts - 1)
    vertices, faces, _, _ = marching_cubes(field, 0.0, spacing=tuple(steps))
    vertices = vertices.astype(np.float64) + low
    normals = outward_normals(shape, vertices)  # once: the vertices move by an Å or two
    for _ in range(NEWTON_STEPS):
        shift = np.clip(shape.signed_distance(vertices), -spacing_A / 2, spacing_A / 2)
        vertices = vertices - shift[:, None] * normals
    vertices = np.clip(vertices, low, high)  # what lies on a wall of the box stays in it
    return vertices, np.ascontiguousarray(faces[:, ::-1], dtype=np.int64)
