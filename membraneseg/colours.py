"""One colour per membrane, the same in every picture, table and mesh."""

from __future__ import annotations

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

# Eight chosen by eye; each later one is the colour farthest in OKLab from all before it, of those
# that read well both on white and on a grey tomogram (lightness 0.5–0.78, chroma 0.08–0.19).
_TABLE = (
    "2f7ed8 ee7733 1fa06b d6396b 8f5bd0 c9a400 12a5c0 9c5a3c fc84ea 36d878 a2aefc 007278 "
    "c084a2 1e7800 963c7e 908400 5accc6 ba7efc fc9696 666096 78ae00 d25aba 4e4ecc ba1e24 "
    "8490cc f66690 84ae7e 726600 b47e5a d24e00 00c0fc a26684 787efc a8c624 d8ae7e d8a2d2 "
    "0066ae 309cfc 4284a2 4e7e54 fc9c1e 309600 8a36ae d2666c 00c08a a872c0 ae48a8 aec078 "
    "d29078 b41e60 78aed8 d87ecc 7272c0 a89648 a86c00 6066e4 904e60 d296fc ba4e54 009084"
)
_PALE_SHARE = 0.58

PROBABILITY: Colour = (255, 178, 36)
"""Of the network's membrane probability, wherever it is laid over the tomogram."""

SEEN: Colour = (58, 118, 168)
INFERRED: Colour = (240, 166, 92)
"""What the data show and what was inferred, where colours do not tell membranes apart."""

SEQUENTIAL = ("#30327d", "#2d6f8e", "#1f9f88", "#72c95c", "#f4e61e")
"""From little to much: uncertainty, distance."""
DIVERGING = ("#2b5c9e", "#8db7d9", "#f2f1ee", "#e9a183", "#b3352b")
"""From negative over zero to positive: curvature."""


def membrane_colour(label: int) -> Colour:
    """Colour of membrane `label` (1, 2, 3 …); the first 60 all differ, then they repeat."""
    start = 7 * ((label - 1) % ((len(_TABLE) + 1) // 7))
    red, green, blue = bytes.fromhex(_TABLE[start : start + 6])
    return red, green, blue


def inferred_colour(colour: Colour) -> Colour:
    """Return the pale version of a colour, for the parts of a membrane that nobody saw."""
    red, green, blue = (round(part + _PALE_SHARE * (255 - part)) for part in colour)
    return red, green, blue


def css(colour: Colour) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def unit_rgb(colour: Colour) -> tuple[float, float, float]:
    """Red, green, blue from 0 to 1, as matplotlib wants them."""
    return colour[0] / 255, colour[1] / 255, colour[2] / 255
