import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.surface.select import SelectConfig, select_points
from membraneseg.types import MembraneGroup

GEOMETRY = (10.0, np.array([5.0, -20.0, 100.0]), 60.0)


def group_of(points_px, closed=True):
    points = np.asarray(points_px, float) * GEOMETRY[0] + GEOMETRY[1]
    return MembraneGroup(3, np.zeros((1, 2), np.int64), points, closed)


def sphere_slices(radius=20.0, noise=0.3, seed=0, count=60):
    rng = np.random.default_rng(seed)
    out = []
    for z in range(-15, 16):
        ring = np.sqrt(radius**2 - z**2)
        angle = rng.uniform(0, 2 * np.pi, count)
        yx = (ring + noise * rng.normal(size=count))[:, None] * np.c_[np.sin(angle), np.cos(angle)]
        out.append(np.c_[np.full(count, 30.0 + z), 40 + yx])
    return np.concatenate(out)


def test_points_of_a_sphere_all_stay():
    group = group_of(sphere_slices())
    kept = select_points(group, GEOMETRY, SelectConfig())
    assert len(kept.points_zyx_A) > 0.995 * len(group.points_zyx_A)


def test_points_five_voxels_inside_go_and_the_others_stay():
    good = sphere_slices()
    bad = sphere_slices(radius=15.0, count=6)[:186:1]
    bad = bad[np.abs(bad[:, 0] - 30) < 8]
    kept = select_points(group_of(np.r_[good, bad]), GEOMETRY, SelectConfig())
    radius = np.linalg.norm((kept.points_zyx_A - GEOMETRY[1]) / 10.0 - [30, 40, 40], axis=1)
    assert (radius < 17).sum() == 0
    assert len(kept.points_zyx_A) > 0.99 * len(good)


def test_a_slice_with_few_points_is_judged_by_its_neighbour():
    good = sphere_slices()
    good = good[(good[:, 0] != 33) | (np.arange(len(good)) % 12 == 0)]
    stray = np.array([[33.0, 40, 40], [33.0, 70, 70]])
    kept = select_points(group_of(np.r_[good, stray]), GEOMETRY, SelectConfig())
    index = (kept.points_zyx_A - GEOMETRY[1]) / 10.0
    here = index[np.abs(index[:, 0] - 33) < 0.1]
    assert len(here) == 5
    assert np.linalg.norm(here[:, 1:] - 40, axis=1) == pytest.approx(np.sqrt(391), abs=1.5)


def test_an_open_group_keeps_its_own_points():
    group = group_of(np.r_[sphere_slices(), [[30, 40, 40]]], closed=False)
    assert select_points(group, GEOMETRY, SelectConfig()) is group


def test_a_group_that_no_ellipse_describes_keeps_its_own_points():
    angle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    star = (20 * (1 + 0.6 * np.cos(5 * angle)))[:, None] * np.c_[np.sin(angle), np.cos(angle)]
    points = np.concatenate([np.c_[np.full(300, z), 60 + star] for z in range(5)])
    group = group_of(points)
    assert len(select_points(group, GEOMETRY, SelectConfig()).points_zyx_A) == len(points)


def test_a_negative_distance_is_refused():
    with pytest.raises(MembraneSegError, match="near_px"):
        SelectConfig(near_px=-1.0)
