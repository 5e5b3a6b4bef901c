import itertools

import numpy as np
import pytest

from membraneseg.group.branches import trace_branches
from membraneseg.group.junctions import junction_pixels, skeleton_neighbours
from membraneseg.group.tracing import trace_curves


def skeleton_of(*strokes, size=60):
    """Lines of pixels between corner points."""
    plane = np.zeros((size, size), dtype=bool)
    for points in strokes:
        for (y0, x0), (y1, x1) in itertools.pairwise(points):
            steps = max(abs(y1 - y0), abs(x1 - x0)) + 1
            y, x = np.linspace(y0, y1, steps), np.linspace(x0, x1, steps)
            plane[np.rint(y).astype(int), np.rint(x).astype(int)] = True
    return plane


def sharp_crossing():
    """Two lines that run together for six pixels, as sharp crossings do when thinned."""
    return skeleton_of(
        [(15, 2), (30, 27), (30, 32), (45, 57)], [(45, 2), (30, 27), (30, 32), (15, 57)]
    )


def test_neighbours_of_a_line_are_one_at_its_ends_and_two_between():
    line = skeleton_of([(10, 10), (10, 14)])
    assert skeleton_neighbours(line)[10, 9:16].tolist() == [0, 1, 2, 2, 2, 1, 0]


def test_a_line_has_no_junctions_and_a_cross_has_its_middle():
    assert not junction_pixels(skeleton_of([(10, 10), (40, 40)])).any()
    cross = skeleton_of([(10, 30), (50, 30)], [(30, 10), (30, 50)])
    assert 5 <= junction_pixels(cross).sum() <= 9
    assert junction_pixels(cross)[30, 30]


def test_the_stretch_that_two_crossing_lines_share_is_a_junction():
    assert junction_pixels(sharp_crossing())[30, 27:33].all()


def test_lines_that_cross_sharply_stay_whole_for_the_walker_and_break_into_branches():
    walked = [curve for curve, _ in trace_curves(sharp_crossing(), 6)]
    assert len(walked) == 2
    for curve in walked:  # from the upper left to the lower right, or the other way round
        assert np.ptp(curve[:, 1]) == pytest.approx(55, abs=1)
        assert np.ptp(curve[:, 0]) == pytest.approx(30, abs=1)
    assert len(trace_branches(sharp_crossing(), 6)) >= 4
