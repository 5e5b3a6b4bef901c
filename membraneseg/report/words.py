"""What was found, in numbers and in a few sentences of HTML; everything from outside is escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Rows = Sequence[Mapping[str, str]]


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


def membranes_in_short(rows: Rows) -> str:
    """Five numbers in large type, and a few sentences; without any membrane what to do."""
    return (_cards_of(rows) if rows else "") + summary(rows)


def _cards_of(rows: Rows) -> str:
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
    return cards(shown)


def cards(shown: Sequence[tuple[str, str]]) -> str:
    """Numbers in large type, each with what it counts below."""
    boxes = [f'<div class="card"><b>{escape(a)}</b>{escape(b)}</div>' for a, b in shown]
    return f'<div class="cards">{"".join(boxes)}</div>'
