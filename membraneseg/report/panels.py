"""The two benches of the page: the 3-D view and the slice browser, with what steers them."""

from __future__ import annotations

from html import escape

from membraneseg.colours import css, membrane_colour
from membraneseg.report.browser import data_address, picture_size_px, planes_through
from membraneseg.report.content import ReportConfig, ReportContent
from membraneseg.report.drawing import figure_png
from membraneseg.report.pictures import chosen_planes, grid_of, view_3d
from membraneseg.report.words import shown_number

_POSTER_INCHES, _POSTER_DPI = 8.5, 110
_HINT = "Drag to turn, right-drag to move, scroll to zoom; click a {} to single it out"


def space_section(content: ReportContent) -> str:
    """HTML of the 3-D view: a picture until the page has drawn it itself, and the panel."""
    poster = data_address(figure_png(view_3d(content, _POSTER_INCHES), _POSTER_DPI), "png")
    hint = f'<div class="faint">{_HINT.format(content.subject.one)}</div>'
    return (
        '<div class="bench"><div><div class="stage" id="space">'
        f'<img class="poster" alt="All {content.subject.many}" src="{poster}">'
        f'<div class="picked"></div></div>{hint}</div>'
        f'<div class="panel" id="steering">{_steering(content)}</div></div>'
    )


def _steering(content: ReportContent) -> str:
    subject = content.subject
    known = {name for values in content.vertex_values.values() for name in values} | {"sigma_A"}
    shades = [(name, shade.title) for name, shade in subject.shades.items() if name in known]
    choices = [("membrane", subject.one.capitalize()), ("seen", "Seen or inferred"), *shades]
    colourings = "".join(
        f'<label><input type="radio" name="colouring" value="{name}"'
        f"{' checked' if name == 'membrane' else ''}>{escape(title)}</label>"
        for name, title in choices
    )
    boxes = "".join(
        f'<label><input type="checkbox" name="{name}"{state}>{text}</label>'
        for name, text, state in (
            ("sheet", "The slice of the browser below", ""),
            ("cut", "Cut away what lies in front of it", ""),
            ("box", "Box of the tomogram", " checked"),
        )
    )
    return (
        f'<h3>Colour by</h3>{colourings}<div class="legend"></div>'
        f"<h3>Show</h3>{boxes}"
        f"<h3>{subject.many.capitalize()}</h3>"
        f'<div class="list" id="membranes">{_names(content)}</div>'
        '<div class="buttons"><button data-show="all">All</button>'
        '<button data-show="none">None</button>'
        '<button id="whole">Whole view</button></div>'
    )


def _names(content: ReportContent) -> str:
    rows = {int(row["id"]): row for row in content.rows}
    key = content.subject.size
    _, unit, decimals = content.subject.columns[key]
    lines = []
    for label, _ in content.meshes:
        text = shown_number(rows.get(label, {}).get(key, ""), decimals)
        size = f"<small>{escape(text)} {unit}</small>" if text else ""
        colour = css(membrane_colour(label))
        lines.append(
            f'<div data-label="{label}"><input type="checkbox" checked aria-label="show">'
            f'<span class="swatch" style="background:{colour}"></span>{label}{size}</div>'
        )
    return "".join(lines)


def browser_section(content: ReportContent, config: ReportConfig) -> str:
    """HTML of the slice browser; its pictures and drawings come from the page's data."""
    grid = grid_of(content)
    xy, xz, _ = chosen_planes(content)
    wanted = {0: xy[len(xy) // 2].index, 1: xz.index}
    buttons = []
    for view, axis, most in (("xy", 0, config.z_levels), ("xz", 1, config.y_levels)):
        planes = planes_through(axis, grid.shape[axis], most)
        first = min(range(len(planes)), key=lambda k: abs(planes[k].index - wanted[axis]))
        buttons.append(f'<button data-view="{view}" data-first="{first}">{view.upper()}</button>')
    width, height = picture_size_px(grid, planes_through(0, 1, 1)[0], config.widest_image_px)
    return (
        '<div class="bench" id="browser"><div><div class="ground">'
        f'<div class="stack" style="aspect-ratio:{width}/{height}">'
        '<img class="tomogram" alt="slice of the tomogram"><img class="probability" alt="" hidden>'
        f'<svg viewBox="0 0 {width} {height}"></svg></div></div>'
        '<div class="controls"><input type="range" min="0" max="0" value="0" aria-label="slice">'
        f'<output></output></div></div><div class="panel"><h3>View</h3>'
        f'<div class="buttons">{"".join(buttons)}</div><h3>On the slice</h3>'
        f"{_layers(content)}</div></div>"
    )


def _layers(content: ReportContent) -> str:
    layers = [
        ("probability", content.subject.probability, content.probability is not None),
        ("fragments", "Fragments traced in each slice", bool(content.fragments)),
        ("groups", "Groups: the points of each membrane", bool(content.groups)),
        ("contours", "Final contours", bool(content.meshes)),
    ]
    known = [(name, text) for name, text, there in layers if there]
    on = known[-1][0] if known else ""
    ticks = "".join(
        f'<label><input type="checkbox" name="{name}"{" checked" if name == on else ""}>'
        f"{text}</label>"
        for name, text in known
    )
    if not content.meshes:
        return ticks
    return (
        ticks + '<p class="faint"><span class="key"></span>seen in the tomogram<br>'
        '<span class="key inferred"></span>inferred</p>'
        '<p class="faint">Click a contour, a line of the table or a block of the histograms, and '
        f"that {content.subject.one} stands out everywhere. Shift and scroll goes from slice to "
        "slice.</p>"
    )
