"""Marginal likelihood that each surface passes a pixel, and its zero level set in black.

Bright where the surface surely lies, dim and wide where its place is uncertain, as on caps and
flanks that the missing wedge hides (Zhou et al. 2023, equation 5 and figures 9 to 11).
"""

from collections.abc import Callable

import cv2
import numpy as np
from slice_drawing import (
    ResultFolder,
    SliceCanvas,
    draw_contours,
    read_meshes,
    read_surfaces,
    run_viewer,
)

from gp_fit.fitted import FittedSurface
from gp_fit.likelihood import zero_likelihood
from membraneseg.colours import PROBABILITY
from membraneseg.coords import angstrom_to_index

REACH_PX = 4.0
FINENESS = 2  # places per voxel and axis


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stages; evaluate and draw the likelihood in one slice."""
    surfaces = {one.label: one.surface for one in read_surfaces(result)}
    meshes, grid = read_meshes(result), result.grid

    def near(mesh_index: np.ndarray, z_px: int) -> np.ndarray:
        """Places (N, 3) in a slice within reach of a mesh's box."""
        low, high = mesh_index.min(axis=0) - REACH_PX, mesh_index.max(axis=0) + REACH_PX
        if not low[0] <= z_px <= high[0]:
            return np.zeros((0, 3))
        sides = [
            np.arange(max(0.0, low[k]), min(grid.shape[k] - 1.0, high[k]), 1 / FINENESS)
            for k in (1, 2)
        ]
        return np.stack(np.meshgrid([float(z_px)], *sides, indexing="ij"), -1).reshape(-1, 3)

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        shape = (grid.shape[1] * FINENESS, grid.shape[2] * FINENESS)
        likelihood = np.zeros(shape, dtype=np.float32)
        for label, mesh in meshes:
            surface = surfaces[label]
            assert isinstance(surface, FittedSurface)
            places = near(
                angstrom_to_index(mesh.vertices_zyx_A, grid.voxel_size_A, grid.origin_zyx_A), z_px
            )
            distance = surface.distance(places) if len(places) else np.zeros(0)
            close = np.abs(distance) < REACH_PX
            sd = np.maximum(surface.sd(places[close]), 0.3) if close.any() else np.zeros(0)
            rows, columns = (places[close, 1:] * FINENESS).round().astype(int).T
            found = zero_likelihood(distance[close], sd)
            likelihood[rows, columns] = np.maximum(likelihood[rows, columns], found)
        share = np.clip(likelihood / 1.33, 0.0, 1.0)[::-1, :, None]  # 1.33: the peak at sd 0.3
        size = (canvas.pixels.shape[1], canvas.pixels.shape[0])
        share = cv2.resize(share, size, interpolation=cv2.INTER_LINEAR)[..., None] ** 0.6
        canvas.pixels[...] = canvas.pixels * (1 - share) + share * np.array(PROBABILITY[::-1])
        for label, mesh in meshes:
            draw_contours(canvas, label, mesh, grid, z_px, black=True)

    return draw


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
