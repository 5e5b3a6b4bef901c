"""What was found, in words and in tables of HTML; everything from outside is escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from membraneseg.colours import css, membrane_colour
from membraneseg.report.content import RunFacts

Rows = Sequence[Mapping[str, str]]

# Name, unit, decimals shown (None: as it is; "%": as a percentage).
_COLUMNS: dict[str, tuple[str, str, int | str | None]] = {
    "id": ("No.", "", None),
    "closed": ("Closed", "", None),
    "area_nm2": ("Area", "nm²", 0),
    "volume_nm3": ("Volume", "nm³", 0),
    "equivalent_radius_nm": ("Equivalent radius", "nm", 1),
    "mean_curvature_per_nm": ("Mean curvature", "1/nm", 4),
    "gaussian_curvature_per_nm2": ("Gaussian curvature", "1/nm²", 5),
    "observed_fraction": ("Seen", "of area", "%"),
    "median_sigma_A": ("Median uncertainty", "Å", 1),
    "thickness_nm": ("Thickness", "nm", 2),
    "nearest_distance_nm": ("Nearest membrane", "nm away", 1),
    "nearest_id": ("Which", "", None),
    "x_A": ("x", "Å", 0),
    "y_A": ("y", "Å", 0),
    "z_A": ("z", "Å", 0),
    "warnings": ("Remarks", "", None),
}
_BRIEF = {
    "closed", "area_nm2", "volume_nm3", "equivalent_radius_nm", "mean_curvature_per_nm",
    "thickness_nm", "observed_fraction", "median_sigma_A", "nearest_distance_nm", "warnings",
}  # fmt: skip
"""What the 3-D view says of the membrane that is chosen."""
_KINDS = {"id": "name", "warnings": "text"}


def number_in(row: Mapping[str, str], key: str) -> float:
    """Return the number in a field of a table; NaN if it is empty or missing."""
    text = row.get(key, "")
    return float(text) if text else math.nan


def shown_number(text: str, decimals: int | str | None) -> str:
    """Round a number for reading, thousands set apart; other text as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    if decimals is None or not math.isfinite(value):
        return text
    if isinstance(decimals, str):
        return f"{100 * value:.0f}\u202f%"
    return f"{value:,.{decimals}f}".replace(",", "\u202f").replace("-", "\u2212")


def summary(rows: Rows) -> str:
    """Say in two or three sentences what was found."""
    if not rows:
        return (
            "<p>No membranes were found in this tomogram. If you can see some, compare the "
            "probability below with the tomogram: where it is empty, check the voxel size and "
            "that membranes are dark; where it shows them, lower the threshold.</p>"
        )
    closed = closed_count(rows)
    count = "1 membrane was" if len(rows) == 1 else f"{len(rows)} membranes were"
    text = f"{count} found; {_how_many(closed, len(rows))} closed and so {_has(closed)} a volume."
    share = observed_share(rows)
    if math.isfinite(share):
        text += (
            f" The tomogram itself shows {100 * share:.0f}\u202f% of their area. The rest was "
            "inferred from the shape of what is seen: mostly what the limited tilt range hides."
        )
    return f"<p>{escape(text)}</p>"


def _how_many(part: int, whole: int) -> str:
    if whole == 1:
        return "it is" if part else "it is not"
    if part in (0, whole):
        return "all are" if part else "none is"
    return f"{part} of them {'is' if part == 1 else 'are'}"


def _has(closed: int) -> str:
    return "has" if closed <= 1 else "have"


def closed_count(rows: Rows) -> int:
    """How many of the membranes are closed."""
    return sum(row.get("closed", "").lower() == "true" for row in rows)


def observed_share(rows: Rows) -> float:
    """Share of the total area that was seen; NaN where no row knows it."""
    pairs = [(number_in(row, "area_nm2"), number_in(row, "observed_fraction")) for row in rows]
    known = [(area, share) for area, share in pairs if math.isfinite(area * share)]
    total = sum(area for area, _ in known)
    return sum(area * share for area, share in known) / total if total > 0 else math.nan


def cards(rows: Rows) -> str:
    """Five numbers in large type; nothing without any membrane."""
    if not rows:
        return ""
    area_nm2 = sum(v for v in (number_in(row, "area_nm2") for row in rows) if math.isfinite(v))
    radii = sorted(v for v in (number_in(r, "equivalent_radius_nm") for r in rows) if v == v)
    share = observed_share(rows)
    shown = [
        (str(len(rows)), "membranes" if len(rows) != 1 else "membrane"),
        (str(closed_count(rows)), "closed"),
        (shown_number(str(area_nm2), 0) + " nm²", "total area"),
        (f"{radii[len(radii) // 2]:.1f} nm" if radii else "–", "median equivalent radius"),
        (f"{100 * share:.0f}\u202f%" if math.isfinite(share) else "–", "of the area seen"),
    ]
    boxes = [f'<div class="card"><b>{escape(a)}</b>{escape(b)}</div>' for a, b in shown]
    return f'<div class="cards">{"".join(boxes)}</div>'


def membrane_table(rows: Rows) -> str:
    """Sortable table of the membranes; columns without any value are left out.

    The cells show what is worth reading; the full text is in ``data-value`` and in the tool tip.
    """
    if not rows:
        return "<p>The table is empty.</p>"
    keys = [key for key in rows[0] if any(row.get(key, "") for row in rows)]
    head = "".join(_heading(key) for key in keys)
    body = "".join(
        f'<tr data-label="{escape(row.get("id", ""))}">'
        + "".join(_cell(key, row.get(key, "")) for key in keys)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heading(key: str) -> str:
    name, unit, _ = _COLUMNS.get(key, (key, "", None))
    kind = f' class="{_KINDS[key]}"' if key in _KINDS else ""
    small = f"<small>{escape(unit)}</small>" if unit else ""
    brief = f' data-brief="{escape(name)}" data-unit="{escape(unit)}"' if key in _BRIEF else ""
    return f'<th{kind}{brief} title="{escape(key)}">{escape(name)}{small}</th>'


def _cell(key: str, text: str) -> str:
    full = escape(text)
    kind = f' class="{_KINDS[key]}"' if key in _KINDS else ""
    swatch = ""
    if key == "id" and text.isdigit():
        colour = css(membrane_colour(int(text)))
        swatch = f'<span class="swatch" style="background:{colour}"></span>'
    decimals = _COLUMNS.get(key, (key, "", None))[2]
    shown = {"true": "yes", "false": "no"}.get(text.lower(), shown_number(text, decimals))
    return f'<td{kind} data-value="{full}" title="{full}">{swatch}{escape(shown)}</td>'


def warning_list(warnings: Sequence[str], rows: Rows = ()) -> str:
    """Warnings of the run, then remarks on membranes; one reassuring sentence without any.

    Parameters
    ----------
    warnings : sequence of str
    rows : sequence of mapping of str to str
        Lines of membranes.csv; equal remarks become one line that names the membranes.
    """
    items = [escape(warning) for warning in warnings]
    remarks: dict[str, list[str]] = {}
    for row in rows:
        for remark in filter(None, row.get("warnings", "").split("; ")):
            remarks.setdefault(remark, []).append(row["id"])
    for remark, labels in remarks.items():
        buttons = ", ".join(
            f'<button class="link" data-label="{escape(label)}">{escape(label)}</button>'
            for label in labels
        )
        who = "Membrane" if len(labels) == 1 else f"{len(labels)} membranes"
        items.append(f"{who} {buttons}: {escape(remark)}")
    if not items:
        return "<p>None: nothing unusual was noticed.</p>"
    return f'<ul class="warnings">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def run_section(run: RunFacts) -> str:
    """Command, what each stage took, versions and seeds."""
    seeds = run.seeds or {"": "none: no step draws random numbers"}
    facts = [*run.versions.items(), *((f"seed {k}".strip(), str(v)) for k, v in seeds.items())]
    terms = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts)
    return f"<pre>{escape(run.command)}</pre>{stage_table(run)}<dl>{terms}</dl>"


def stage_table(run: RunFacts) -> str:
    """Seconds and peak memory of each stage."""
    if not run.stages:
        return ""
    longest = max(max(stage.seconds for stage in run.stages), 1e-9)
    lines = "".join(
        f'<tr><td class="name">{escape(stage.name)}</td><td>{stage.seconds:.1f}</td>'
        f'<td class="bars"><span class="bar" style="width:{150 * stage.seconds / longest:.0f}px">'
        f"</span></td><td>{stage.peak_memory_MB:.0f}</td>"
        f'<td class="name">{"kept from an earlier run" if stage.resumed else ""}</td></tr>'
        for stage in run.stages
    )
    total = sum(stage.seconds for stage in run.stages)
    peak = max(stage.peak_memory_MB for stage in run.stages)
    return (
        '<table class="plain"><thead><tr><th class="name">Stage</th><th>Seconds</th><th></th>'
        f"<th>Peak memory, MB</th><th></th></tr></thead><tbody>{lines}"
        f'<tr><td class="name"><b>Total</b></td>'
        f"<td><b>{total:.1f}</b></td><td></td><td><b>{peak:.0f}</b></td><td></td></tr>"
        "</tbody></table>"
    )
