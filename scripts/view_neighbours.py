"""How smooth membranes are from slice to slice: distance of each pixel from the next slice.

    python scripts/view_neighbours.py OUT --save smoothness.png

For every slice the largest distance of a membrane pixel from the nearest one in the slice above,
as a histogram over all slices: as the network saw them, as they were selected, and as the final
surfaces are (Zhou et al. 2023, figure 13).
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import cKDTree
from slice_drawing import ResultFolder, points_in_slice, read_groups, read_meshes, read_selected

from membraneseg.report.contours import plane_contours
from membraneseg.types import Float64


def largest_steps(slices: dict[int, Float64]) -> Float64:
    """Of each slice that has one above it, the largest distance to that one, in voxels."""
    return np.array(
        [
            cKDTree(slices[z + 1]).query(points)[0].max()
            for z, points in slices.items()
            if len(points) and len(slices.get(z + 1, []))
        ]
    )


def contour_points(result: ResultFolder) -> list[dict[int, Float64]]:
    """Of each final surface its points in every slice, (N, 2) in voxels."""
    grid, found = result.grid, []
    for _, mesh in read_meshes(result):
        slices = {}
        for z in range(grid.shape[0]):
            curves = [c.points_zyx_A for c in plane_contours(mesh, 0, grid.centre_A(0, z))]
            if curves:
                index = (np.concatenate(curves) - grid.origin_zyx_A) / grid.voxel_size_A
                slices[z] = index[:, 1:]
        found.append(slices)
    return found


def main() -> None:
    """Read a result, draw the histogram."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="output folder of membraneseg run")
    parser.add_argument("--save", type=Path, required=True, help="write this picture")
    parser.add_argument("--tomogram", type=Path, help="the tomogram, if it was moved")
    options = parser.parse_args()
    result = ResultFolder(options.result, options.tomogram)
    levels = range(result.grid.shape[0])
    sets = {"groups": [], "selected": [], "final surfaces": contour_points(result)}
    for name, groups in (("groups", read_groups(result)), ("selected", read_selected(result))):
        sets[name] = [{z: points_in_slice(g, result.grid, z) for z in levels} for g in groups]
    figure, axes = plt.subplots(figsize=(7.0, 3.4), layout="constrained")
    steps = [np.concatenate([np.zeros(0), *map(largest_steps, own)]) for own in sets.values()]
    names = [f"{name}, median {np.median(s):.1f}" for name, s in zip(sets, steps, strict=True)]
    axes.hist(steps, bins=np.arange(0, 12.5, 0.5), label=names)
    axes.set(xlabel="largest distance to the next slice, voxels", ylabel="slices of membranes")
    axes.legend()
    figure.savefig(options.save, dpi=150)


if __name__ == "__main__":
    main()
