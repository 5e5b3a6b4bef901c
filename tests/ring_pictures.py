"""Fragments of rings and lines with known links."""

import numpy as np

from rl_agent.cues import Cues
from rl_agent.scene import build_scene

PLAIN = Cues(
    visibility=lambda directions: np.ones(directions.shape[:-1]),
    density=lambda points: np.zeros(points.shape[:-1]),
    to_border=lambda points: np.full(points.shape[:-1], 100.0),
)
"""A picture without borders in which everything shows and nothing is left in gaps."""


def arc(radius, from_deg, to_deg, centre=(0.0, 0.0)):
    """Points one unit apart on a circle, from one angle to another."""
    span = np.deg2rad(to_deg - from_deg)
    angle = np.deg2rad(from_deg) + np.linspace(0, span, max(int(abs(span) * radius), 6))
    return np.asarray(centre) + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def concentric_rings():
    """Two rings five units apart, the outer one in three pieces, the inner one in two.

    Ends 0–5 belong to the outer ring, 6–9 to the inner one.
    """
    curves = [
        arc(30, 0, 100),
        arc(30, 130, 220),
        arc(30, 245, 330),
        arc(25, 20, 170),
        arc(25, 210, 350),
    ]
    truth = np.array([5, 2, 1, 4, 3, 0, 9, 8, 7, 6])
    return curves, truth


def scene_of(curves, cues=PLAIN, unit=1.0):
    return build_scene(curves, cues, unit)


def turned(curves, angle_rad, shift=(3.0, -7.0)):
    """Curves rotated about the origin, then moved."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    rotation = np.array([[cos, -sin], [sin, cos]])
    return [curve @ rotation.T + np.asarray(shift) for curve in curves]
