"""Contact sheets of phantoms: slices of the tomogram beside the truth, one phantom or many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.spatial import cKDTree

from membraneseg.colours import PROBABILITY, Colour, css, inferred_colour, membrane_colour
from membraneseg.report.content import Meshes, Volume
from membraneseg.report.drawing import FAINT_INK, INK, SlicePainter, corner_title, scale_bar
from membraneseg.report.slices import Grid, Plane, grey_range
from membraneseg.types import Bool, Int64

MOLECULE: Colour = PROBABILITY
MEMBRANE_OPACITY, MOLECULE_OPACITY = 215, 120
HIGHER_SHARE = 0.72
"""Of the depth: where the second XY slice lies, off the equator of what stands in the middle."""
MOST_ROWS = 24
GAP_IN = 0.06


@dataclass(frozen=True)
class SheetContent:
    """What a contact sheet shows of one phantom; all volumes on the same grid.

    Parameters
    ----------
    title, caption : str
        A few words, and how it was recorded.
    grid : Grid
    voxels : (Z, Y, X) array
        The tomogram; may be a memory map.
    instances : (Z, Y, X) array
        Label of the membrane, 0 elsewhere.
    molecules : (Z, Y, X) array
        Above 0 in proteins and other molecules.
    meshes : tuple of (label, Mesh)
        `observed` says where the membrane is visible.
    """

    title: str
    caption: str
    grid: Grid
    voxels: Volume
    instances: Volume
    molecules: Volume
    meshes: Meshes


def phantom_sheet(content: SheetContent, width_in: float = 16.0) -> Figure:
    """Draw one phantom: two XY slices, an XZ and a YZ cut, each plain and with the truth.

    Parameters
    ----------
    content : SheetContent
    width_in : float
        Of the figure in inches.

    Returns
    -------
    Figure
    """
    z, y, x = content.grid.shape
    columns = (
        (Plane(0, z // 2), Plane(1, y // 2)),
        (Plane(0, min(z - 1, round(HIGHER_SHARE * z))), Plane(2, x // 2)),
    )
    panel = (width_in - 5 * GAP_IN) / 4
    scale = panel / max(y, x)  # inches per voxel, the same in all panels
    tall = [scale * y, scale * z]
    head, foot = 0.62, 0.34
    height = head + sum(tall) + GAP_IN + foot
    figure = Figure(figsize=(width_in, height))
    for number, planes in enumerate(columns):
        for row, plane in enumerate(planes):
            top = height - head - row * (tall[0] + GAP_IN)
            width = scale * content.grid.shape[plane.across]
            for side in (0, 1):
                left = GAP_IN + (2 * number + side) * (panel + GAP_IN)
                axes = _axes(figure, (left, top), width, plane, content.grid)
                _draw_panel(axes, content, plane, with_truth=side == 1)
                if side == 0:
                    corner_title(axes, plane.title)
                if (row, number, side) == (0, 0, 0):
                    scale_bar(axes, plane, content.grid)
    _write(figure, (GAP_IN, height - 0.24), content.title, 12.5, INK)
    _write(figure, (GAP_IN, height - 0.48), content.caption, 9.5, FAINT_INK)
    _legend(figure)
    return figure


def set_sheet(contents: Sequence[SheetContent], count: int, width_in: float = 11.0) -> Figure:
    """Draw many phantoms: a row for each with its XY slice, its XZ cut and the truth of both.

    Parameters
    ----------
    contents : sequence of SheetContent
        At most `MOST_ROWS` are drawn.
    count : int
        How many phantoms the set has.
    width_in : float
        Of the figure in inches.

    Returns
    -------
    Figure
    """
    shown = contents[:MOST_ROWS]
    panel = (width_in - 4 * GAP_IN) / 3
    tall = [panel * Plane(0, 0).height_share(content.grid) for content in shown]
    head, foot, gap = 0.42, 0.34, 0.12
    height = head + sum(tall) + gap * len(shown) + foot
    figure = Figure(figsize=(width_in, height))
    top = height - head
    for content, row_height in zip(shown, tall, strict=True):
        z = content.grid.shape[0]
        for column, with_truth in ((0, False), (2, True)):
            left = GAP_IN + column * (panel + GAP_IN)
            axes = _axes(figure, (left, top), panel, Plane(0, z // 2), content.grid)
            _draw_panel(axes, content, Plane(0, z // 2), with_truth)
            if column == 0:
                scale_bar(axes, Plane(0, z // 2), content.grid)
        _middle_column(figure, content, (2 * GAP_IN + panel, top), (panel, row_height))
        top -= row_height + gap
    some = f", the first {len(shown)} shown" if len(shown) < count else ""
    _write(figure, (GAP_IN, height - 0.27), f"{count} phantoms{some}", 12.5, INK)
    _legend(figure)
    return figure


def _middle_column(
    figure: Figure,
    content: SheetContent,
    corner_in: tuple[float, float],
    size_in: tuple[float, float],
) -> None:
    """Name, caption and both XZ cuts, one below the other."""
    (left, top), (width, height) = corner_in, size_in
    plane = Plane(1, content.grid.shape[1] // 2)
    lines = content.caption.split(" · ")
    text_height = 0.25 + 0.17 * ((len(lines) + 1) // 2)
    share = plane.height_share(content.grid)
    panel = min(width, (height - text_height - GAP_IN) / 2 / share)
    _write(figure, (left, top - 0.15), content.title, 9.5, INK)
    for number in range(0, len(lines), 2):
        line = " · ".join(lines[number : number + 2])
        _write(figure, (left, top - 0.33 - 0.17 * number / 2), line, 8.0, FAINT_INK)
    for below, with_truth in ((1, False), (0, True)):
        upper = top - height + (below + 1) * panel * share + below * GAP_IN
        axes = _axes(figure, (left, upper), panel, plane, content.grid)
        _draw_panel(axes, content, plane, with_truth)


def _draw_panel(axes: Axes, content: SheetContent, plane: Plane, with_truth: bool) -> None:
    painter = SlicePainter(content.grid, grey_range(content.voxels), content.meshes)
    painter.slice(axes, plane, content.voxels, dimmed=with_truth)
    if with_truth:
        axes.imshow(
            truth_layer(content, plane),
            extent=plane.extent_nm(content.grid),
            origin="lower",
            interpolation="nearest",
            aspect="equal",
        )


def truth_layer(content: SheetContent, plane: Plane) -> np.ndarray:
    """Colours of the truth in a slice.

    Parameters
    ----------
    content : SheetContent
    plane : Plane

    Returns
    -------
    (up, across, 4) uint8
        Red, green, blue, opacity: a membrane in its own colour where the wedge leaves it
        visible, in the pale one where not; molecules in theirs; transparent elsewhere.
    """
    instances = plane.cut(content.instances).astype(np.int64)
    layer = np.zeros((*instances.shape, 4), dtype=np.uint8)
    layer[plane.cut(content.molecules) > 0] = (*MOLECULE, MOLECULE_OPACITY)
    meshes = dict(content.meshes)
    for label in np.unique(instances[instances > 0]).tolist():
        rows, columns = np.nonzero(instances == label)
        colour = membrane_colour(label)
        layer[rows, columns] = (*inferred_colour(colour), MEMBRANE_OPACITY)
        if label in meshes and len(meshes[label].vertices_zyx_A):
            index = _voxels_of(plane, rows, columns)
            vertices = content.grid.origin_zyx_A + index * content.grid.voxel_size_A
            _, nearest = cKDTree(meshes[label].vertices_zyx_A).query(vertices)
            seen: Bool = meshes[label].observed[nearest]
            layer[rows[seen], columns[seen]] = (*colour, MEMBRANE_OPACITY)
    return layer


def _voxels_of(plane: Plane, rows: Int64, columns: Int64) -> Int64:
    """Indices (N, 3) zyx of pixels of a slice."""
    index = np.empty((len(rows), 3), dtype=np.int64)
    index[:, plane.axis], index[:, plane.up], index[:, plane.across] = plane.index, rows, columns
    return index


def _axes(
    figure: Figure,
    corner_in: tuple[float, float],
    width_in: float,
    plane: Plane,
    grid: Grid,
) -> Axes:
    """Axes of a slice by their upper left corner, measured from below, and their width."""
    total_width, total_height = figure.get_size_inches()
    tall = width_in * plane.height_share(grid)
    left, top = corner_in
    return figure.add_axes(
        (
            left / total_width,
            (top - tall) / total_height,
            width_in / total_width,
            tall / total_height,
        )
    )


def _write(
    figure: Figure, place_in: tuple[float, float], text: str, size_pt: float, colour: str
) -> None:
    width, height = figure.get_size_inches()
    figure.text(place_in[0] / width, place_in[1] / height, text, fontsize=size_pt, color=colour)


def _legend(figure: Figure) -> None:
    """Say below the pictures what the colours mean."""
    seen = membrane_colour(1)
    figure.legend(
        handles=[
            Patch(color=css(seen), label="membrane (a colour each), visible"),
            Patch(color=css(inferred_colour(seen)), label="hidden by the missing wedge"),
            Patch(color=css(MOLECULE), alpha=0.6, label="proteins and other molecules"),
        ],
        loc="lower left",
        bbox_to_anchor=(0.0, 0.0),
        ncols=3,
        frameon=False,
        fontsize=8.5,
        labelcolor=FAINT_INK,
        handlelength=1.1,
        columnspacing=1.6,
        borderaxespad=0.3,
    )
