"""The pictures of a report, from arrays to matplotlib figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from membraneseg.colours import membrane_colour, unit_rgb
from membraneseg.report.content import ReportContent
from membraneseg.report.drawing import FAINT_INK, INK, SlicePainter, corner_title, scale_bar
from membraneseg.report.scene import Camera, draw_scene, scene_size_nm
from membraneseg.report.slices import Grid, Plane, grey_range, richest_planes
from membraneseg.report.words import number_in
from membraneseg.types import Float64

_MOST_COLOURED_BARS = 60


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


def slice_gallery(content: ReportContent, planes: Sequence[Plane], width_in: float) -> Figure:
    """Draw slices side by side: tomogram, with probability, with contours; a row per plane.

    Parameters
    ----------
    content : ReportContent
    planes : sequence of Plane
        Of any axis; all panels have the same width.
    width_in : float
        Of the figure in inches.

    Returns
    -------
    Figure
        Two columns instead of three where there is no probability.
    """
    painter = painter_of(content)
    titles = ["Tomogram", "Membrane probability", "Membranes found"]
    if content.probability is None:
        del titles[1]
    gap, head, side = 0.08, 0.30, 0.22
    width = (width_in - side - gap * (len(titles) - 1)) / len(titles)
    tall = [width * plane.height_share(painter.grid) for plane in planes]
    height = head + sum(tall) + gap * (len(planes) - 1)
    figure = Figure(figsize=(width_in, height))
    top = height - head
    for row, plane in enumerate(planes):
        for column, title in enumerate(titles):
            x, y = side + column * (width + gap), top - tall[row]
            box = (x / width_in, y / height, width / width_in, tall[row] / height)
            axes = figure.add_axes(box)
            _gallery_panel(axes, painter, plane, content, title)
            if row == 0:
                axes.set_title(title, fontsize=9.5, color=INK, loc="left", pad=5)
        top -= tall[row] + gap
    return figure


def _gallery_panel(
    axes: Axes, painter: SlicePainter, plane: Plane, content: ReportContent, title: str
) -> None:
    painter.slice(axes, plane, content.voxels, dimmed=title != "Tomogram")
    if title == "Tomogram":
        scale_bar(axes, plane, painter.grid)
        _side_title(axes, plane.title)
    if title == "Membrane probability" and content.probability is not None:
        painter.probability(axes, plane, content.probability)
    if title == "Membranes found":
        painter.contours(axes, plane, number_pt=7.0)


def _side_title(axes: Axes, text: str) -> None:
    axes.text(
        -0.012, 0.5, text, rotation=90, transform=axes.transAxes, ha="right", va="center",
        fontsize=8.5, color=FAINT_INK,
    )  # fmt: skip


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


def histograms(rows: Sequence[Mapping[str, str]], width_in: float = 9.0) -> Figure:
    """Draw how radius, area and the observed share are distributed over the membranes.

    Parameters
    ----------
    rows : sequence of mapping of str to str
        Lines of membranes.csv; an empty field is left out and counted below the panel.
    width_in : float

    Returns
    -------
    Figure
        Up to 60 membranes, each is a block of its own colour.
    """
    figure = Figure(figsize=(width_in, 2.5))
    panels = (
        ("equivalent_radius_nm", "Equivalent radius (nm)", None),
        ("area_nm2", "Area (nm²)", None),
        ("observed_fraction", "Share of the area seen", (0.0, 1.0)),
    )
    for number, (key, title, limits) in enumerate(panels):
        axes = figure.add_axes((0.045 + number * 0.327, 0.22, 0.285, 0.66))
        known = [(int(row["id"]), number_in(row, key)) for row in rows]
        values = [(label, value) for label, value in known if math.isfinite(value)]
        _blocks(axes, values, limits)
        axes.set_xlabel(title, fontsize=9, color=INK, labelpad=4)
        if len(values) < len(known):
            note = f"unknown for {len(known) - len(values)}"
            axes.set_title(note, fontsize=7.5, color=FAINT_INK, loc="right", pad=3)
        if number == 0:
            axes.set_ylabel("Membranes", fontsize=9, color=INK)
    return figure


def _blocks(
    axes: Axes, values: list[tuple[int, float]], limits: tuple[float, float] | None
) -> None:
    """Stack one block per membrane into bins."""
    numbers = np.array([value for _, value in values])
    if limits is None:
        limits = (0.0, 1.05 * float(numbers.max()) if len(numbers) and numbers.max() > 0 else 1.0)
    bins = np.linspace(*limits, 11 if len(numbers) < 40 else 21)
    width = bins[1] - bins[0]
    place = np.clip(np.digitize(numbers, bins) - 1, 0, len(bins) - 2)
    level = np.zeros(len(bins) - 1, dtype=int)
    coloured = len(values) <= _MOST_COLOURED_BARS
    for (label, _), k in sorted(zip(values, place, strict=True), key=lambda pair: pair[0]):
        axes.bar(
            bins[k], 1, width, bottom=level[k], align="edge", linewidth=0.8 if coloured else 0,
            color=unit_rgb(membrane_colour(label)) if coloured else "#5b7aa6", edgecolor="white",
        )  # fmt: skip
        level[k] += 1
    top = max(1, int(level.max(initial=0)))
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if top / s <= 5)
    axes.set(xlim=limits, ylim=(0, top * 1.06), yticks=range(0, top + 1, step))
    axes.tick_params(labelsize=8, colors=FAINT_INK, length=3, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color="#b9c1ca", linewidth=0.8)


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
