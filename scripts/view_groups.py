"""Points of each membrane in each slice, in the membrane's colour and with its number.

With --space PICTURE.png: all groups in three dimensions, seen obliquely from above.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from slice_drawing import ResultFolder, SliceCanvas, draw_group, read_groups, run_viewer

from membraneseg.colours import membrane_colour, unit_rgb
from membraneseg.types import MembraneGroup

MOST_POINTS = 4000  # of a group that are drawn


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stage; draw the points of one slice."""
    groups, grid = read_groups(result), result.grid

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        for group in groups:
            draw_group(canvas, group, grid, z_px)

    return draw


def draw_space(groups: list[MembraneGroup], path: Path) -> None:
    """Write a picture of the groups in space, numbered, lengths in nm."""
    if not groups:
        raise SystemExit("This run found no membranes: there is nothing to draw.")
    figure = plt.figure(figsize=(9, 7))
    axes = figure.add_subplot(projection="3d")
    for group in groups:
        step = max(1, len(group.points_zyx_A) // MOST_POINTS)
        z, y, x = group.points_zyx_A[::step].T / 10.0
        colour = unit_rgb(membrane_colour(group.label))
        axes.scatter(x, y, z, s=1.5, color=colour, linewidths=0)
        axes.text(float(x.mean()), float(y.mean()), float(z.max()), str(group.label), fontsize=7)
    extent = np.ptp(np.concatenate([group.points_zyx_A for group in groups]), axis=0)
    axes.set_box_aspect(np.maximum(extent[::-1], 1.0))
    axes.set(xlabel="x, nm", ylabel="y, nm", zlabel="z, nm")
    axes.view_init(elev=38, azim=-60)
    figure.tight_layout()
    figure.savefig(path, dpi=140)
    plt.close(figure)


if __name__ == "__main__":
    if "--space" in sys.argv:
        if len(sys.argv) != 4 or sys.argv[2] != "--space":
            raise SystemExit("use: python scripts/view_groups.py OUT --space PICTURE.png")
        draw_space(read_groups(ResultFolder(Path(sys.argv[1]))), Path(sys.argv[3]))
    else:
        run_viewer(__doc__ or "", prepare)
