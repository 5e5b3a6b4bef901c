"""Ellipses that select points: white fitted to one slice alone, green handed on from the best.

Dots are the points of each closed group in the slice: full those that stay, hollow those that the
ellipses throw out. In slices with few points the ellipse fitted alone goes astray, the one that
starts from the best slice and is bound by it does not (Zhou et al. 2023, figures 7 and 14).
"""

from collections.abc import Callable

import numpy as np
from slice_drawing import (
    Colour,
    ResultFolder,
    SliceCanvas,
    points_in_slice,
    read_groups,
    read_selected,
    run_viewer,
)

from gp_fit.ellipse import Ellipse, fit_ellipse
from gp_fit.errors import GeometryError
from membraneseg.colours import inferred_colour, membrane_colour
from membraneseg.surface.select import SelectConfig
from membraneseg.types import Float64, MembraneGroup

ALONE: Colour = (235, 235, 235)
HANDED: Colour = (90, 230, 90)
FEWEST = 6


def fitted(points: Float64, start: Ellipse | None = None, bound: float = 0.2) -> Ellipse | None:
    """Ellipse of a slice's points; None where they determine none."""
    if len(points) < FEWEST:
        return None
    try:
        return fit_ellipse(points[:: max(1, len(points) // 200)], start, bound)
    except GeometryError:
        return None


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stages; fit and draw the ellipses of one slice."""
    grid, bound = result.grid, SelectConfig().bound
    selected = {group.label: group for group in read_selected(result)}
    groups = [group for group in read_groups(result) if group.closed]
    best: dict[int, tuple[int, Ellipse | None]] = {}

    def best_slice(group: MembraneGroup) -> tuple[int, Ellipse | None]:
        """Slice with the most points, and its ellipse."""
        if group.label not in best:
            index = (group.points_zyx_A[:, 0] - grid.origin_zyx_A[0]) / grid.voxel_size_A
            levels, counts = np.unique(index.round().astype(int), return_counts=True)
            z_px = int(levels[np.argmax(counts)])
            best[group.label] = z_px, fitted(points_in_slice(group, grid, z_px))
        return best[group.label]

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        for group in groups:
            points, colour = points_in_slice(group, grid, z_px), membrane_colour(group.label)
            if not len(points):
                continue
            at, first = best_slice(group)
            handed = first and fitted(points, first, min(bound * max(abs(z_px - at), 1), 0.8))
            canvas.dots(points, inferred_colour(colour), radius=2.5)
            canvas.dots(points, (30, 30, 30), radius=1.5)
            canvas.dots(points_in_slice(selected[group.label], grid, z_px), colour, radius=2.5)
            for ellipse, shade in ((fitted(points), ALONE), (handed or first, HANDED)):
                if ellipse is not None:
                    canvas.lines(ellipse.points(180), shade, closed=True, width=1)

    return draw


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
