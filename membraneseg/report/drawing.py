"""Drawing of one panel: a slice in grey, the probability over it, the contours, a scale bar."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from membraneseg.colours import (
    PROBABILITY,
    inferred_colour,
    membrane_colour,
    unit_rgb,
)
from membraneseg.report.content import Meshes, Volume
from membraneseg.report.contours import plane_contours
from membraneseg.report.slices import Grid, Plane, probability_opacity, to_grey

INK = "#1d2733"
FAINT_INK = "#66717f"
_ROUND_LENGTHS_NM = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


@dataclass(frozen=True)
class SlicePainter:
    """Everything that the panels of one picture share.

    Parameters
    ----------
    grid : Grid
    limits : tuple of float
        Densities to draw black and white.
    meshes : tuple of (label, Mesh)
    line_width_pt : float
    """

    grid: Grid
    limits: tuple[float, float]
    meshes: Meshes
    line_width_pt: float = 1.4

    def slice(self, axes: Axes, plane: Plane, voxels: Volume, dimmed: bool = False) -> None:
        """Draw the tomogram's slice in grey, dimmed under an overlay; the axes count in nm."""
        grey = to_grey(plane.cut(voxels), self.limits)
        grey = dim(grey) if dimmed else grey
        self._image(axes, plane, np.repeat(grey[..., None], 3, axis=2))
        axes.set_axis_off()

    def probability(self, axes: Axes, plane: Plane, probability: Volume) -> None:
        """Lay the membrane probability over it."""
        opacity = probability_opacity(plane.cut(probability))
        layer = np.empty((*opacity.shape, 4), dtype=np.uint8)
        layer[..., :3] = PROBABILITY
        layer[..., 3] = opacity
        self._image(axes, plane, layer)

    def contours(self, axes: Axes, plane: Plane, number_pt: float = 0.0) -> None:
        """Draw where the plane cuts each mesh: seen solid, inferred pale and dashed.

        Parameters
        ----------
        axes : Axes
        plane : Plane
        number_pt : float
            Size of the membranes' numbers beside their contours; 0 for none.
        """
        for label, mesh in self.meshes:
            position_A = self.grid.centre_A(plane.axis, plane.index)
            seen: list[npt.NDArray[np.float64]] = []
            inferred: list[npt.NDArray[np.float64]] = []
            for contour in plane_contours(mesh, plane.axis, position_A):
                for points, observed in contour.stretches():
                    (seen if observed else inferred).append(plane.picture_nm(points))
            colour = membrane_colour(label)
            self._lines(axes, inferred, unit_rgb(inferred_colour(colour)), (0, (2.2, 1.1)))
            self._lines(axes, seen, unit_rgb(colour), "solid")
            if number_pt and (seen or inferred):
                self._number(axes, label, np.concatenate(seen + inferred), number_pt)

    def _number(
        self, axes: Axes, label: int, points: npt.NDArray[np.float64], size_pt: float
    ) -> None:
        """Write a membrane's number above its highest point, or below its lowest one."""
        bottom, top = axes.get_ylim()
        above = float(points[:, 1].max()) < top - 0.06 * (top - bottom)
        at = int(np.argmax(points[:, 1]) if above else np.argmin(points[:, 1]))
        axes.annotate(
            str(label),
            points[at],
            xytext=(0, 2.0 if above else -2.0),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=size_pt,
            color=unit_rgb(inferred_colour(membrane_colour(label))),
            path_effects=[withStroke(linewidth=1.6, foreground="#10151b")],
            annotation_clip=True,
            clip_on=True,
            zorder=4,
        )

    def _image(self, axes: Axes, plane: Plane, rgb: npt.NDArray[np.uint8]) -> None:
        axes.imshow(
            rgb,
            extent=plane.extent_nm(self.grid),
            origin="lower",
            interpolation="antialiased",
            aspect="equal",
        )

    def _lines(
        self,
        axes: Axes,
        lines: list[npt.NDArray[np.float64]],
        colour: tuple[float, float, float],
        style: object,
    ) -> None:
        axes.add_collection(
            LineCollection(
                lines,
                colors=[colour],
                linewidths=self.line_width_pt,
                linestyles=[style],
                capstyle="butt",
                joinstyle="round",
            ),
            autolim=False,
        )


def dim(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Darken and flatten a grey picture, so that colours stand out on it."""
    return np.round(14 + 0.58 * grey).astype(np.uint8)


def scale_bar(axes: Axes, plane: Plane, grid: Grid, font_pt: float = 8.0) -> None:
    """Draw a bar of a round length, about a fifth of the slice, with its length, lower left."""
    left, right, bottom, top = plane.extent_nm(grid)
    width, height = right - left, top - bottom
    length = max((n for n in _ROUND_LENGTHS_NM if n <= width / 3.5), default=1)
    margin = 0.035 * max(width, height)
    thickness = 0.012 * max(width, height)
    corner = (left + margin, bottom + margin)
    bar = Rectangle(
        corner, length, thickness, facecolor="white", edgecolor=INK, linewidth=0.4, zorder=5
    )
    axes.add_patch(bar)
    axes.text(
        corner[0] + length / 2,
        corner[1] + 1.7 * thickness,
        f"{length} nm" if length < 1000 else f"{length / 1000:g} µm",
        color="white",
        fontsize=font_pt,
        ha="center",
        va="bottom",
        zorder=6,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": (0, 0, 0, 0.35), "edgecolor": "none"},
    )


def corner_title(axes: Axes, text: str) -> None:
    """Write a panel's name into its upper left corner."""
    axes.annotate(
        text, (0, 1), xytext=(5, -5), xycoords="axes fraction", textcoords="offset points",
        ha="left", va="top", fontsize=9, color="white",
        bbox={"boxstyle": "round,pad=0.2", "facecolor": (0, 0, 0, 0.45), "lw": 0},
    )  # fmt: skip


def figure_png(figure: Figure, dots_per_inch: int = 150) -> bytes:
    """Render a figure on white as PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dots_per_inch, facecolor="white")
    return out.getvalue()
