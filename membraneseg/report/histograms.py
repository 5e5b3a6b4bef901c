"""Histograms of the membranes' measures: one block per membrane, so that each can be clicked."""

from __future__ import annotations

import io
import math
import re

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from membraneseg.colours import membrane_colour, unit_rgb
from membraneseg.report.drawing import FAINT_INK, INK
from membraneseg.report.subjects import MEMBRANES, Panel, Subject
from membraneseg.report.words import Rows, number_in
from membraneseg.types import Float64

_BLOCK = re.compile(r'<g id="block_(\d+)_\w+">')


def histograms(rows: Rows, subject: Subject = MEMBRANES, width_in: float = 12.0) -> Figure:
    """Draw how the measures are distributed.

    Parameters
    ----------
    rows : sequence of mapping of str to str
        Lines of the table; an empty field is left out and counted above the panel.
    subject : Subject
    width_in : float

    Returns
    -------
    Figure
        A panel per measure; each membrane or vesicle is a block of its own colour.
    """
    figure = Figure(figsize=(width_in, 2.3))
    share = 0.985 / len(subject.panels)
    for number, panel in enumerate(subject.panels):
        axes = figure.add_axes((number * share + 0.036, 0.24, share - 0.036, 0.64))
        known = [(int(row["id"]), number_in(row, panel.key)) for row in rows]
        values = [(label, value) for label, value in known if math.isfinite(value)]
        _blocks(axes, panel, values)
        axes.set_xlabel(panel.title, fontsize=9, color=INK, labelpad=5)
        if len(values) < len(known):
            note = f"unknown for {len(known) - len(values)}"
            axes.set_title(note, fontsize=7.5, color=FAINT_INK, loc="right", pad=3)
        if number == 0:
            axes.set_ylabel(subject.many.capitalize(), fontsize=9, color=INK)
    return figure


def _limits(panel: Panel, numbers: Float64) -> tuple[float, float]:
    if panel.limits is not None:
        return panel.limits
    if panel.margin is not None and len(numbers):  # all alike: from zero they would be one bar
        return float(numbers.min()) - panel.margin, float(numbers.max()) + panel.margin
    low = min(0.0, float(numbers.min(initial=0.0)))
    high = max(0.0, float(numbers.max(initial=0.0)))
    return (1.05 * low, 1.05 * high) if high > low else (low, low + 1.0)


def _blocks(axes: Axes, panel: Panel, values: list[tuple[int, float]]) -> None:
    """Stack one block per membrane into bins, with a name that the page finds it by."""
    numbers = np.array([value for _, value in values], dtype=np.float64)
    bins = np.linspace(*_limits(panel, numbers), 11 if len(numbers) < 40 else 21)
    width = bins[1] - bins[0]
    place = np.clip(np.digitize(numbers, bins) - 1, 0, len(bins) - 2)
    level = np.zeros(len(bins) - 1, dtype=int)
    edge = 0.8 if len(values) <= 60 else 0.25
    for (label, _), k in sorted(zip(values, place, strict=True), key=lambda pair: pair[0]):
        axes.bar(
            bins[k], 1, width, bottom=level[k], align="edge", linewidth=edge, edgecolor="white",
            color=unit_rgb(membrane_colour(label)), gid=f"block_{label}_{panel.key}",
        )  # fmt: skip
        level[k] += 1
    top = max(1, int(level.max(initial=0)))
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if top / s <= 5)
    axes.set(xlim=(bins[0], bins[-1]), ylim=(0, top * 1.06), yticks=range(0, top + 1, step))
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=8, colors=FAINT_INK, length=3, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def histogram_svg(rows: Rows, subject: Subject = MEMBRANES) -> str:
    """Draw `histograms` as SVG to stand in a page; each block knows its membrane's label."""
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "membraneseg"}):
        histograms(rows, subject).savefig(
            out, format="svg", transparent=True, metadata={"Date": None}
        )
    text = out.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r' height="[^"]*pt"', "", text, count=1)
    )
    return _BLOCK.sub(r'<g class="block" data-label="\1">', text)
