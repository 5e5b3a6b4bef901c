"""Open surfaces that run into each other become one where one surface explains both."""

from dataclasses import dataclass

import numpy as np

from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.fit import FittedMembrane, SurfaceConfig, fit_membrane
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.joining import belong_together, join_crossing

FRAME = VolumeFrame((40, 60, 60), 10.0, np.zeros(3), 60.0)
GRID = np.arange(8.0, 52.0)


@dataclass(frozen=True)
class Plane:
    """An open surface x = 30 + slope (y − 30) for z from 8 to 31: crosses that of other slope."""

    slope: float
    method: str = "plane"
    closed: bool = False
    explained: float = 1.0
    coverage: float = 1.0
    warnings: tuple[str, ...] = ()

    @property
    def vertices_zyx(self):
        z, y = np.meshgrid(np.arange(8.0, 32.0), GRID, indexing="ij")
        return np.stack([z, y, 30 + self.slope * (y - 30)], axis=-1).reshape(-1, 3)

    @property
    def faces(self):
        index = np.arange(24 * len(GRID)).reshape(24, len(GRID))
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
        return np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))])

    @property
    def vertex_sd(self):
        return np.ones(len(self.vertices_zyx))

    def value(self, points):
        return (points[:, 2] - 30 - self.slope * (points[:, 1] - 30)) / np.hypot(1, self.slope)

    def gradient(self, points):
        normal = np.array([0.0, -self.slope, 1.0]) / np.hypot(1, self.slope)
        return np.broadcast_to(normal, (len(points), 3))


def sheet(low, high):
    """Points in Å of a gently bent upright sheet, between two rows."""
    z, y = np.meshgrid(np.arange(8.0, 32.0), np.arange(low, high), indexing="ij")
    x = 30 + 0.004 * (y - 30) ** 2 + 0.002 * (z - 20) ** 2
    return 10.0 * np.stack([z, y, x], axis=-1).reshape(-1, 3)


def halves():
    """Two parts of one sheet, whose surfaces were continued steeply through each other."""
    return [
        FittedMembrane(1, sheet(8, 26), Plane(0.9)),
        FittedMembrane(2, sheet(30, 52), Plane(-0.9)),
    ]


def test_two_parts_of_one_sheet_become_one_with_the_points_of_both():
    parts = halves()
    membranes, joined = join_crossing(parts, FRAME, SurfaceConfig())
    assert joined == {1: 2}  # the larger part stands for both
    (one,) = membranes
    assert len(one.points_zyx_A) == sum(len(p.points_zyx_A) for p in parts)
    gap = sheet(26, 30) / 10.0  # where neither part had points
    assert np.abs(one.surface.value(gap)).max() < 0.5


def test_a_surface_that_would_explain_anything_joins_nothing():
    parts = halves()
    on_lattice = SurfaceConfig(closure=ClosureRules(widest_superpoints_px=0.1))
    membranes, joined = join_crossing(parts, FRAME, on_lattice)
    assert joined == {}
    assert membranes == parts


def test_a_part_that_the_common_surface_does_not_explain_stays_alone():
    scattered = 10.0 * (np.random.default_rng(0).normal(0, 3.0, (60, 3)) + np.array([20, 15, 48]))
    crossed = [
        FittedMembrane(1, sheet(8, 52), Plane(0.9)),
        FittedMembrane(2, scattered, Plane(-0.9)),
    ]
    membranes, joined = join_crossing(crossed, FRAME, SurfaceConfig())
    assert joined == {}
    assert membranes == crossed


def test_parts_that_do_not_meet_are_left_alone():
    apart = [
        fit_membrane(1, sheet(8, 52), FRAME, SurfaceConfig()),
        fit_membrane(2, sheet(8, 52) + np.array([0, 0, 120.0]), FRAME, SurfaceConfig()),
    ]
    membranes, joined = join_crossing(apart, FRAME, SurfaceConfig())
    assert joined == {}
    assert all(a is b for a, b in zip(membranes, apart, strict=True))


def wall_at(label, x, slope, rows=(8, 52)):
    """Points of an upright flat wall, with a surface that was continued at a slope."""
    z, y = np.meshgrid(np.arange(8.0, 32.0), np.arange(*rows), indexing="ij")
    points = np.stack([z, y, np.full_like(z, x)], axis=-1).reshape(-1, 3)
    return FittedMembrane(label, 10.0 * points, Leaning(slope))


@dataclass(frozen=True)
class Leaning(Plane):
    """The same, but its normal is x everywhere."""

    def gradient(self, points):
        return np.broadcast_to([0.0, 0.0, 1.0], (len(points), 3))


def test_walls_that_face_each_otherbelong_together_unless_another_stands_between():
    left, right, between = wall_at(1, 20.0, 0.9), wall_at(2, 40.0, -0.9), wall_at(3, 30.0, 0.0)
    assert belong_together(left, right, [left, right], FRAME)
    assert not belong_together(left, right, [left, right, between], FRAME)


def test_parts_that_neither_face_each_other_nor_lie_side_by_side_do_notbelong_together():
    low, high = wall_at(1, 20.0, 0.9, (8, 24)), wall_at(2, 40.0, -0.9, (36, 52))
    assert not belong_together(low, high, [low, high], FRAME)


def test_parts_side_by_sidebelong_together():
    low, high = wall_at(1, 30.0, 0.9, (8, 28)), wall_at(2, 30.0, -0.9, (32, 52))
    assert belong_together(low, high, [low, high], FRAME)
