"""Points whose place depends on how the surface stands there, and how far to believe them."""

from __future__ import annotations

from collections.abc import Callable

from gp_fit.arrays import Float64

Reliability = Callable[[Float64], Float64]
"""Chance (N,) that a point on a surface with unit normals (N, 3) zyx lies where the surface is."""

STRICTNESS = (100.0, 30.0, 10.0, 3.0)
"""Powers of the reliability in the first rounds: doubtful points enter once the rest is known."""

LEAST_RELIABLE = 0.2
"""If fewer points than this share are reliable, all are used."""
