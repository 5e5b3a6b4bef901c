"""The tables and lists of the page, as HTML; everything from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from membraneseg.colours import css, membrane_colour
from membraneseg.report.content import RunFacts
from membraneseg.report.subjects import MEMBRANES, Subject
from membraneseg.report.words import Rows, shown_number

_KINDS = {"id": "name", "warnings": "text"}


def result_table(rows: Rows, subject: Subject = MEMBRANES) -> str:
    """Sortable table of what was found; columns without any value are left out.

    The cells show what is worth reading; the full text is in ``data-value`` and in the tool tip.
    """
    if not rows:
        return "<p>The table is empty.</p>"
    keys = [key for key in rows[0] if any(row.get(key, "") for row in rows)]
    head = "".join(_heading(key, subject) for key in keys)
    body = "".join(
        f'<tr data-label="{escape(row.get("id", ""))}">'
        + "".join(_cell(key, row.get(key, ""), subject) for key in keys)
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heading(key: str, subject: Subject) -> str:
    name, unit, _ = subject.columns.get(key, (key, "", None))
    kind = f' class="{_KINDS[key]}"' if key in _KINDS else ""
    small = f"<small>{escape(unit)}</small>" if unit else ""
    told = f' data-brief="{escape(name)}" data-unit="{escape(unit)}"'
    brief = told if key in subject.brief else ""
    return f'<th{kind}{brief} title="{escape(key)}">{escape(name)}{small}</th>'


def _cell(key: str, text: str, subject: Subject) -> str:
    full = escape(text)
    kind = f' class="{_KINDS[key]}"' if key in _KINDS else ""
    swatch = ""
    if key == "id" and text.isdigit():
        colour = css(membrane_colour(int(text)))
        swatch = f'<span class="swatch" style="background:{colour}"></span>'
    decimals = subject.columns.get(key, (key, "", None))[2]
    shown = {"true": "yes", "false": "no"}.get(text.lower(), shown_number(text, decimals))
    return f'<td{kind} data-value="{full}" title="{full}">{swatch}{escape(shown)}</td>'


def warning_list(warnings: Sequence[str], rows: Rows = (), subject: Subject = MEMBRANES) -> str:
    """Warnings of the run, then remarks on single membranes; one reassuring sentence without any.

    Parameters
    ----------
    warnings : sequence of str
    rows : sequence of mapping of str to str
        Lines of the table; equal remarks become one line that names the membranes.
    subject : Subject
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
        who = subject.one.capitalize() if len(labels) == 1 else f"{len(labels)} {subject.many}"
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
        '<div class="scroll"><table class="plain"><thead><tr><th class="name">Stage</th>'
        "<th>Seconds</th><th></th><th>Peak memory so far, MB</th><th></th></tr></thead>"
        f"<tbody>{lines}"
        f'<tr><td class="name"><b>Total</b></td>'
        f"<td><b>{total:.1f}</b></td><td></td><td><b>{peak:.0f}</b></td><td></td></tr>"
        "</tbody></table></div>"
    )
