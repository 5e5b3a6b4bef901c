"""Anchors of the paper's recipe: white crosses outside, one inside, and rays through the points.

For each closed membrane the anchors inside (the centroid, −1) and outside (+1, at 1.2 times the
distance of a validated point from there) within half a slice of the one shown, and the outline
that the recipe makes of them (Zhou et al. 2023, figures 8, 10 and 15).
"""

from collections.abc import Callable

import numpy as np
from skimage.measure import find_contours
from slice_drawing import ResultFolder, SliceCanvas, points_in_slice, read_selected, run_viewer

from gp_fit.anchored import AnchoredSurface
from gp_fit.errors import GeometryError
from membraneseg.colours import inferred_colour, membrane_colour
from membraneseg.coords import angstrom_to_index
from membraneseg.types import Float64

SLAB_PX = 1.5
MARGIN_PX = 12


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stage; fit the recipe where it is asked for, and draw it in one slice."""
    grid = result.grid
    groups = [group for group in read_selected(result) if group.closed]
    fits: dict[int, AnchoredSurface | None] = {}

    def fit(label: int, points_A: Float64) -> AnchoredSurface | None:
        if label not in fits:
            index = angstrom_to_index(points_A, grid.voxel_size_A, grid.origin_zyx_A)
            try:
                fits[label] = AnchoredSurface(index)
            except GeometryError:
                fits[label] = None
        return fits[label]

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        for group in groups:
            here, colour = points_in_slice(group, grid, z_px), membrane_colour(group.label)
            surface = fit(group.label, group.points_zyx_A) if len(here) else None
            if surface is None:
                continue
            canvas.dots(here, colour, radius=2.0)
            places = surface.state.positions * surface.state.scale_px + surface.state.centre_zyx
            beside = np.abs(places[:, 0] - z_px) <= SLAB_PX
            centre = surface.state.centre_zyx[None, 1:]
            for anchor in places[beside & (surface.state.targets > 0)]:
                canvas.lines(np.concatenate([centre, anchor[None, 1:]]), (190, 190, 190), False, 1)
                canvas.dots(anchor[None, 1:], (255, 255, 255), radius=4.0)
            canvas.dots(centre, inferred_colour(colour), radius=5.0)
            for outline in outlines(surface, here, z_px):
                canvas.lines(outline, inferred_colour(colour), closed=False, width=1)

    return draw


def outlines(surface: AnchoredSurface, points_yx: Float64, z_px: int) -> list[Float64]:
    """Zero level set in a slice, near points of it."""
    low = np.floor(points_yx.min(axis=0)).astype(int) - MARGIN_PX
    high = np.ceil(points_yx.max(axis=0)).astype(int) + MARGIN_PX
    y, x = np.mgrid[low[0] : high[0] + 1, low[1] : high[1] + 1]
    places = np.stack([np.full(y.shape, float(z_px)), y, x], axis=-1).reshape(-1, 3)
    value = surface.value(places).reshape(y.shape)
    return [curve + low for curve in find_contours(value, 0.0)]


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
