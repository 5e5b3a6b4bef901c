"""One colour per membrane, the same in every file and picture; paler where it was inferred."""

from __future__ import annotations

import colorsys

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_GOLDEN_RATIO = 0.618033988749895
_PALE_SHARE = 0.65


def membrane_colour(label: int) -> Colour:
    """Colour of membrane `label` (1, 2, 3 …): hues a golden angle apart, so neighbours differ."""
    hue = (0.55 + (label - 1) * _GOLDEN_RATIO) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def inferred_colour(colour: Colour) -> Colour:
    """Return the pale version of a colour, for the parts of a membrane that nobody saw."""
    red, green, blue = (round(part + _PALE_SHARE * (255 - part)) for part in colour)
    return red, green, blue
