"""What can be wrong with a set of points or a fit; all are ValueErrors."""

from __future__ import annotations


class GeometryError(ValueError):
    """A set of points from which no surface can be made; the message says why and the remedy."""


class TooFewPointsError(GeometryError):
    """Fewer points than the shape has unknowns."""


class CollinearPointsError(GeometryError):
    """Points on one line, which many ellipses pass equally well."""


class CoplanarPointsError(GeometryError):
    """Points in one plane, as from a single slice, which say nothing about the third direction."""


class NoSurfaceError(GeometryError):
    """The fitted function has no acceptable zero level set inside the box that was searched."""
