"""The pictures of a report, from arrays to matplotlib figures."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from membraneseg.report.content import ReportContent
from membraneseg.report.drawing import INK, SlicePainter, corner_title, scale_bar
from membraneseg.report.scene import Camera, draw_scene, scene_size_nm
from membraneseg.report.slices import Grid, Plane, grey_range, richest_planes
from membraneseg.types import Float64


def grid_of(content: ReportContent) -> Grid:
    """Shape and place of the tomogram."""
    return Grid(content.voxels.shape, content.voxel_size_A, content.origin_zyx_A)


def painter_of(content: ReportContent, line_width_pt: float = 1.4) -> SlicePainter:
    """Grid, grey range and meshes of a result, for drawing its slices."""
    return SlicePainter(grid_of(content), grey_range(content.voxels), content.meshes, line_width_pt)


def all_vertices_A(content: ReportContent) -> Float64:
    """Vertices of all meshes, (N, 3) zyx; (0, 3) without any."""
    parts = [mesh.vertices_zyx_A for _, mesh in content.meshes]
    return np.concatenate(parts) if parts else np.zeros((0, 3))


def chosen_planes(content: ReportContent) -> tuple[list[Plane], Plane, Plane]:
    """Three XY planes, one XZ and one YZ that cut through the membranes."""
    return richest_planes(grid_of(content), all_vertices_A(content))


def view_3d(content: ReportContent, width_in: float = 8.0, triangles: int = 40_000) -> Figure:
    """Draw all membranes in 3-D in the tomogram's box."""
    grid, camera = grid_of(content), Camera()
    width, height = scene_size_nm(content.meshes, grid, camera)
    figure = Figure(figsize=(width_in, width_in * height / width))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    draw_scene(axes, content.meshes, grid, camera, triangles)
    return figure


def readme_picture(content: ReportContent, width_in: float = 12.0) -> Figure:
    """Draw the one wide picture: an XY and an XZ slice, plain and with contours; the 3-D view."""
    painter = painter_of(content, 1.4)
    xy, xz, _ = chosen_planes(content)
    planes = (xy[len(xy) // 2], xz)
    gap, head, panel = 0.07, 0.28, width_in * 0.275
    tall = [panel * plane.height_share(painter.grid) for plane in planes]
    height = head + sum(tall) + gap
    figure = Figure(figsize=(width_in, height))
    bottoms = (tall[1] + gap, 0.0)
    for column, title in enumerate(("Tomogram", "Membranes found")):
        for plane, bottom, panel_height in zip(planes, bottoms, tall, strict=True):
            x = column * (panel + gap)
            axes = figure.add_axes(
                (x / width_in, bottom / height, panel / width_in, panel_height / height)
            )
            painter.slice(axes, plane, content.voxels, dimmed=column > 0)
            if column:
                painter.contours(axes, plane)
            else:
                corner_title(axes, plane.title.split(" ")[0])
            if plane.axis == 0:
                axes.set_title(title, fontsize=10, color=INK, loc="left", pad=5)
                if not column:
                    scale_bar(axes, plane, painter.grid)
    left = 2 * panel + 3 * gap
    view = figure.add_axes((left / width_in, 0.0, 1 - left / width_in, 1 - head / height))
    draw_scene(view, content.meshes, painter.grid, Camera())
    figure.text(
        left / width_in, 1 - (head - 0.07) / height, "Surfaces, pale where inferred",
        fontsize=10, color=INK, va="baseline",
    )  # fmt: skip
    return figure
