"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import json
import logging
import time
from html import escape
from pathlib import Path
from typing import Any

from membraneseg.colours import INFERRED, SEEN, css
from membraneseg.io.atomic import whole_file
from membraneseg.io.bundled import bundled, bundled_text
from membraneseg.report.browser import browser_data, data_address
from membraneseg.report.content import ReportConfig, ReportContent
from membraneseg.report.histograms import histogram_svg
from membraneseg.report.panels import browser_section, space_section
from membraneseg.report.pictures import grid_of
from membraneseg.report.space import space_data
from membraneseg.report.tables import result_table, run_section, warning_list

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
    Opens offline: pictures, meshes, style and scripts are inside. Reads the tomogram slice by
    slice.
    """
    start = time.perf_counter()
    text = report_html(content, config or ReportConfig())
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    seconds = time.perf_counter() - start
    count, noun = len(content.meshes), content.subject.many
    logger.info("report: %d %s, %.1f MB, %.1f s", count, noun, len(text) / 1e6, seconds)


def report_html(content: ReportContent, config: ReportConfig) -> str:
    """Return the text of the page."""
    name = escape(content.name)
    sections = _sections(content, config)
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in sections)
    body = "\n".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>{text}</section>'
        for key, title, text in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{name} · membraneseg</title><style>{bundled_text("style.css")}</style></head>
<body><nav><div><b>{name}</b>{links}</div></nav><main>
<h1>{name}</h1>
<div class="faint">{escape(_place(content))}</div>
<section id="found">{content.subject.in_short(content.rows)}</section>
{body}
</main>
{_scripts(content, config)}</body></html>
"""


def _sections(content: ReportContent, config: ReportConfig) -> list[tuple[str, str, str]]:
    """Anchor, title and body of each section, in the order of the page."""
    subject, sections = content.subject, []
    if content.meshes:
        sections.append(("view", "In 3-D", space_section(content)))
    sections.append(("slices", "Slices", browser_section(content, config)))
    sections.append(("table", subject.many.capitalize(), result_table(content.rows, subject)))
    if content.rows:
        note = f"One block per {subject.one}, in its colour; click one: it stands out everywhere."
        sections.append(("sizes", "Sizes", _figure(histogram_svg(content.rows, subject), note)))
    for one in content.pictures:
        image = f'<img alt="{escape(one.title)}" src="{data_address(one.png, "png")}">'
        sections.append((one.key, one.title, _figure(image, one.caption)))
    sections.append(("warnings", "Warnings", warning_list(content.warnings, content.rows, subject)))
    sections.append(("elsewhere", *subject.elsewhere))
    sections.append(("run", "How it was made", run_section(content.run) + _libraries(content)))
    return sections


def _figure(drawing: str, caption: str) -> str:
    note = f"<figcaption>{escape(caption)}</figcaption>"
    return f'<figure><div class="scroll">{drawing}</div>{note}</figure>'


def _place(content: ReportContent) -> str:
    z, y, x = content.voxels.shape
    origin = ", ".join(f"{value:g}" for value in content.origin_zyx_A[::-1])
    return (
        f"{x} × {y} × {z} voxels of {content.voxel_size_A:.6g} Å · "
        f"centre of the first voxel at x, y, z = {origin} Å"
    )


def _libraries(content: ReportContent) -> str:
    if not content.meshes:
        return ""
    licence = escape(bundled_text("vendor/LICENSE.three"))
    return (
        "<details><summary>The 3-D view is drawn with three.js 0.183.0, MIT licence</summary>"
        f"<pre>{licence}</pre></details>"
    )


def _scripts(content: ReportContent, config: ReportConfig) -> str:
    """Write the data, the page's own script, and if there are meshes three.js and the 3-D view."""
    grid = grid_of(content)
    data: dict[str, Any] = {
        "slices": browser_data(content, grid, config),
        "seen": css(SEEN),
        "inferred": css(INFERRED),
        "noun": content.subject.one.capitalize(),
    }
    if content.meshes:
        data["space"] = space_data(content, grid, config)
    told = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    parts = [f'<script type="application/json" id="data">{told}</script>']
    if content.meshes:
        parts.append(f'<script type="importmap">{_import_map()}</script>')
    parts.append(f"<script>{bundled_text('page.js')}</script>")
    if content.meshes:
        parts.append(f'<script type="module">{bundled_text("space.js")}</script>')
    return "\n".join(parts)


def _import_map() -> str:
    """Where the page finds three.js: in itself.

    A data address cannot import its neighbour by a relative path, so the one import of the core
    gets the name under which the map holds it.
    """
    module = bundled("vendor/three.module.min.js").replace(
        b'"./three.core.min.js"', b'"three-core"'
    )
    sources = {
        "three-core": bundled("vendor/three.core.min.js"),
        "three": module,
        "orbit": bundled("vendor/OrbitControls.js"),
    }
    return json.dumps({"imports": {name: data_address(s, "js") for name, s in sources.items()}})
