from itertools import combinations

import numpy as np

from membraneseg.colours import css, inferred_colour, membrane_colour


def test_the_first_fifty_colours_differ_by_at_least_thirty_of_255():
    colours = np.array([membrane_colour(label) for label in range(1, 51)], dtype=float)
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) >= 30


def test_the_first_eight_colours_differ_by_at_least_fifty_of_255():
    colours = np.array([membrane_colour(label) for label in range(1, 9)], dtype=float)
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) >= 50


def test_colours_repeat_only_after_sixty_membranes():
    colours = [membrane_colour(label) for label in range(1, 121)]
    assert len(set(colours[:60])) == 60
    assert colours[60:] == colours[:60]


def test_the_inferred_colour_is_lighter_in_every_channel_and_never_white():
    for label in range(1, 61):
        full, pale = (
            np.array(membrane_colour(label)),
            np.array(inferred_colour(membrane_colour(label))),
        )
        assert (pale >= full).all()
        assert 255 - pale.min() > 30


def test_css_writes_two_hexadecimal_digits_per_channel():
    assert css((1, 171, 255)) == "#01abff"
