import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.group.fragments import FragmentConfig, trace_fragments
from membraneseg.group.tracing import split_at_kinks, trace_curves


def ring_plane(centres, radii, shape=(80, 80), width=1.4):
    yy, xx = np.mgrid[: shape[0], : shape[1]].astype(float)
    value = np.zeros(shape)
    for (y, x), radius in zip(centres, radii, strict=True):
        distance = np.hypot(yy - y, xx - x) - radius
        value = np.maximum(value, np.exp(-((distance / width) ** 2)))
    return value.astype(np.float32)


def volume_of(plane):
    return np.repeat(plane[None], 5, axis=0)


def test_a_ring_is_one_closed_curve_on_its_radius():
    fragments = trace_fragments(volume_of(ring_plane([(40.3, 39.6)], [22.4])), FragmentConfig())
    assert [f.z_px for f in fragments] == [0, 1, 2, 3, 4]
    (curve,) = fragments[2].curves_yx_px
    assert fragments[2].closed.tolist() == [True]
    radius = np.hypot(curve[:, 0] - 40.3, curve[:, 1] - 39.6)
    assert np.abs(radius - 22.4).max() < 0.35
    assert abs(radius.mean() - 22.4) < 0.1


def test_points_of_a_curve_are_in_order():
    fragments = trace_fragments(volume_of(ring_plane([(40, 40)], [25])), FragmentConfig())
    (curve,) = fragments[2].curves_yx_px
    assert np.linalg.norm(np.diff(curve, axis=0), axis=1).max() < 2.0


def test_two_rings_three_voxels_apart_are_two_curves():
    fragments = trace_fragments(
        volume_of(ring_plane([(40, 40)] * 2, [22, 25.5], width=1.1)), FragmentConfig()
    )
    mean_radii = sorted(np.hypot(*(c - 40).T).mean() for c in fragments[2].curves_yx_px)
    assert mean_radii == pytest.approx([22, 25.5], abs=0.4)


def test_crossing_lines_give_two_curves_that_share_the_crossing():
    skeleton = np.eye(31, dtype=bool) | np.eye(31, dtype=bool)[::-1]
    curves = trace_curves(skeleton, 5)
    assert sorted(len(c) for c, _ in curves) == [31, 31]


def test_a_right_angle_is_cut_and_a_circle_of_radius_five_is_not():
    arm = np.arange(15.0)
    corner = np.r_[np.c_[arm, np.zeros(15)], np.c_[np.full(14, 14.0), arm[1:]]]
    parts = split_at_kinks(corner, False, np.deg2rad(65))
    assert [len(p) for p, _ in parts] == [14, 15]
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    circle = 5 * np.c_[np.sin(angle), np.cos(angle)]
    assert len(split_at_kinks(circle, True, np.deg2rad(65))) == 1


def test_turning_the_volume_turns_the_curves():
    plane = ring_plane([(35, 45)], [18])
    one = trace_fragments(volume_of(plane), FragmentConfig())[2].curves_yx_px
    other = trace_fragments(volume_of(np.ascontiguousarray(np.rot90(plane))), FragmentConfig())[2]
    back = np.c_[other.curves_yx_px[0][:, 1], 79 - other.curves_yx_px[0][:, 0]]
    distance = np.linalg.norm(back[:, None] - one[0][None], axis=2).min(axis=1)
    assert distance.max() < 1.0


def test_an_empty_volume_has_no_curves():
    fragments = trace_fragments(np.zeros((3, 20, 20), np.float32), FragmentConfig())
    assert [len(f.curves_yx_px) for f in fragments] == [0, 0, 0]


def test_thresholds_in_the_wrong_order_are_refused():
    with pytest.raises(MembraneSegError, match="low <= high"):
        FragmentConfig(low_threshold=0.6, high_threshold=0.3)


def test_branches_end_where_touching_rings_meet_and_the_walker_goes_on():
    plane = ring_plane([(40, 25), (40, 54)], [15, 14])
    walked, broken = (
        trace_fragments(volume_of(plane), FragmentConfig(tracer=name))[2]
        for name in ("walker", "branches")
    )
    assert len(walked.curves_yx_px) == 2
    assert not broken.closed.any()
    with pytest.raises(MembraneSegError, match="walker, branches"):
        FragmentConfig(tracer="pen")
