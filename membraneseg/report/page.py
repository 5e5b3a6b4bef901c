"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import json
import logging
import time
from html import escape
from pathlib import Path

from membraneseg.io.atomic import whole_file
from membraneseg.report.browser import (
    browser_levels,
    data_address,
    level_planes,
    picture_size_px,
)
from membraneseg.report.content import ReportConfig, ReportContent
from membraneseg.report.drawing import figure_jpeg, figure_png
from membraneseg.report.pictures import (
    chosen_planes,
    grid_of,
    histograms,
    slice_gallery,
    view_3d,
)
from membraneseg.report.style import SCRIPT, STYLE
from membraneseg.report.words import (
    cards,
    membrane_table,
    run_section,
    summary,
    warning_list,
)

logger = logging.getLogger(__name__)


def write_report(path: Path, content: ReportContent, config: ReportConfig | None = None) -> None:
    """Write the report of a run as one self-contained HTML file, whole or not at all.

    Parameters
    ----------
    path : Path
    content : ReportContent
        Without membranes the page says so and leaves out their pictures.
    config : ReportConfig, optional

    Raises
    ------
    MembraneSegError
        If the file cannot be written.

    Notes
    -----
    Opens offline: pictures, style and script are inside. Reads the tomogram slice by slice.
    """
    start = time.perf_counter()
    text = report_html(content, config or ReportConfig())
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    seconds = time.perf_counter() - start
    logger.info(
        "report: %d membranes, %.1f MB, %.1f s", len(content.meshes), len(text) / 1e6, seconds
    )


def report_html(content: ReportContent, config: ReportConfig) -> str:
    """Return the text of the page."""
    name = escape(content.name)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} · membraneseg</title><style>{STYLE}</style></head>
<body><main>
<h1>{name}</h1>
<div class="faint">{escape(_place(content))}</div>
<section id="found">{cards(content.rows)}{summary(content.rows)}</section>
{_section("warnings", "Warnings", warning_list(content.warnings))}
{_pictures(content, config)}
{_section("table", "Membranes", membrane_table(content.rows))}
{_section("chimerax", "Open it in ChimeraX", _CHIMERAX)}
{_section("run", "How it was made", run_section(content.run))}
</main><script>{SCRIPT}</script></body></html>
"""


def _place(content: ReportContent) -> str:
    z, y, x = content.voxels.shape
    origin = ", ".join(f"{value:g}" for value in content.origin_zyx_A[::-1])
    return (
        f"{x} × {y} × {z} voxels of {content.voxel_size_A:g} Å · "
        f"centre of the first voxel at x, y, z = {origin} Å"
    )


_CHIMERAX = """<p>In ChimeraX choose File → Open and take <b>open.cxc</b> in the folder of this
report, or type</p><pre>chimerax open.cxc</pre><p>It shows the tomogram and, on top of it, every
membrane in the colour it has on this page; pale where it was inferred. The mesh files alone
(membranes.glb, or one by one in the folder meshes) open in ChimeraX, Blender and others; their
coordinates are x, y, z in Å in the space of the tomogram.</p>"""


def _section(name: str, title: str, body: str) -> str:
    return f'<section id="{name}"><h2>{escape(title)}</h2>{body}</section>'


def _pictures(content: ReportContent, config: ReportConfig) -> str:
    parts = []
    if content.meshes:
        view = figure_png(view_3d(content, 8.5, config.triangles_in_view), 150)
        note = (
            "Each membrane in its own colour, pale where it was inferred; one that encloses "
            "another is drawn as glass. The beam runs along z. The box is the tomogram."
        )
        parts.append(_section("view", "In 3-D", _figure(view, "png", "All membranes", note)))
    parts.append(_section("browser", "Slice by slice", _browser(content, config)))
    xy, xz, yz = chosen_planes(content)
    gallery = figure_jpeg(slice_gallery(content, [*xy, xz, yz], 11.0), 130, config.jpeg_quality)
    note = (
        "Slices through the membranes along all three axes, counted in voxels from 0. Solid: "
        "seen in the tomogram. Dashed and pale: inferred. The numbers are those of the table."
    )
    parts.append(_section("slices", "Sections", _figure(gallery, "jpg", "Slices", note)))
    if content.rows:
        bars = figure_png(histograms(content.rows, 11.0), 150)
        note = "One block per membrane, in its colour." if len(content.rows) <= 60 else ""
        parts.append(_section("sizes", "Sizes", _figure(bars, "png", "Histograms", note)))
    return "\n".join(parts)


def _figure(picture: bytes, kind: str, name: str, note: str) -> str:
    return (
        f'<figure><img alt="{escape(name)}" src="{data_address(picture, kind)}">'
        f"<figcaption>{escape(note)}</figcaption></figure>"
    )


def _browser(content: ReportContent, config: ReportConfig) -> str:
    grid = grid_of(content)
    planes = level_planes(grid.shape[0], config.z_levels)
    places = [f"z = {p.index}  ({grid.centre_A(0, p.index) / 10:.1f} nm)" for p in planes]
    middle = chosen_planes(content)[0]
    wanted = middle[len(middle) // 2].index
    first = min(range(len(planes)), key=lambda k: abs(planes[k].index - wanted))
    levels = browser_levels(content, config)
    levels[first] = levels[first].replace('class="level"', 'class="level on"', 1)
    width, height = picture_size_px(grid, config.widest_image_px)
    return (
        f'<div class="browser" data-places="{escape(json.dumps(places))}">'
        f'<div class="stack" style="aspect-ratio:{width}/{height}">{"".join(levels)}</div>'
        f'<div class="layers">{_layer_boxes(content)}</div>'
        f'<div class="controls"><input type="range" min="0" max="{len(planes) - 1}" '
        f'value="{first}" aria-label="slice"><output>{escape(places[first])}</output></div></div>'
    )


def _layer_boxes(content: ReportContent) -> str:
    boxes = []
    if content.meshes:
        boxes.append(("contours", "Contours of the membranes", " checked"))
    if content.probability is not None:
        boxes.append(("probability", "Membrane probability", "" if boxes else " checked"))
    ticks = "".join(
        f'<label><input type="checkbox" name="{name}"{state}>{text}</label>'
        for name, text, state in boxes
    )
    if not content.meshes:
        return ticks
    return (
        ticks + '<p class="faint"><span class="key"></span>seen in the tomogram<br>'
        '<span class="key inferred"></span>inferred</p>'
        '<p class="faint">Point at a line of the table below, and its membrane stands out '
        "here; point at a contour to read its number.</p>"
    )
