"""TOML for people: short arrays on one line, long ones filled like text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

import tomli_w

LINE_LENGTH = 99
_ARRAY = re.compile(r"^(?P<head>.* = )\[\n(?P<items>(?:    .*,\n)+)\]$", re.MULTILINE)


def toml_text(values: Mapping[str, Any]) -> str:
    """Nested plain values as TOML.

    Parameters
    ----------
    values : mapping
        Of str, int, float, bool, sequences of them, and such mappings.

    Returns
    -------
    str
        Reads back to the same values; numbers to the last bit.
    """
    return _ARRAY.sub(_filled, tomli_w.dumps(values))


def _filled(array: re.Match[str]) -> str:
    """One array of one value per line, with as many per line as fit."""
    items = [line.strip() for line in array["items"].splitlines()]
    short = f"{array['head']}[{' '.join(items).removesuffix(',')}]"
    if len(short) <= LINE_LENGTH:
        return short
    if any(item[0] in "\"'[{" for item in items):
        return array[0]  # to fill these, one would have to know where they may be broken
    lines = textwrap.wrap(" ".join(items), LINE_LENGTH - 4)
    return "\n    ".join([f"{array['head']}[", *lines]) + "\n]"
