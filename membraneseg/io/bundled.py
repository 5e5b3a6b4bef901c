"""Files that come with the package and go into the pages that it writes."""

from __future__ import annotations

from importlib.resources import files


def bundled(name: str) -> bytes:
    """Content of a file of the report's page, for example ``vendor/three.core.min.js``."""
    return (files("membraneseg.report") / "web" / name).read_bytes()


def bundled_text(name: str) -> str:
    """Like `bundled`, as text."""
    return bundled(name).decode("utf-8")
