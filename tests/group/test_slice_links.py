import numpy as np
import pytest
from ring_pictures import arc, concentric_rings

from membraneseg.group.slice_cues import picture_cues
from membraneseg.group.slice_links import co_circular, link_slice_fragments, walker
from membraneseg.types import SliceFragments
from rl_agent.policy import load_policy

CENTRE = np.array([60.0, 60.0])
EMPTY = np.zeros((120, 120), dtype=np.float32)


@pytest.fixture(scope="module", params=["matching", "walker"])
def linker(request):
    return co_circular if request.param == "matching" else walker(load_policy())


def slice_of(curves, closed=None):
    flags = np.zeros(len(curves), dtype=bool) if closed is None else np.array(closed)
    return SliceFragments(7, tuple(np.asarray(c) for c in curves), flags)


def test_concentric_rings_are_two_groups_and_closed_curves_alone_in_theirs(linker):
    pieces = [piece + CENTRE for piece in concentric_rings()[0]]
    whole = arc(12, 0, 355, CENTRE)
    fragments = slice_of([pieces[0], whole, *pieces[1:]], [False, True, *[False] * 4])
    groups = link_slice_fragments(fragments, EMPTY, 60.0, linker)
    assert groups == ((0, 2, 3), (1,), (4, 5))


def test_a_slice_without_open_curves_has_only_groups_of_one(linker):
    assert link_slice_fragments(slice_of([]), EMPTY, 60.0, linker) == ()
    rings = slice_of([arc(r, 0, 355, CENTRE) for r in (10, 20)], [True, True])
    assert link_slice_fragments(rings, EMPTY, 60.0, linker) == ((0,), (1,))


def test_equal_slices_give_equal_groups(linker):
    rng = np.random.default_rng(3)
    curves = [
        arc(rng.uniform(10, 30), a, a + rng.uniform(40, 120), rng.uniform(40, 80, 2))
        for a in rng.uniform(0, 360, 12)
    ]
    one, same = (link_slice_fragments(slice_of(curves), EMPTY, 60.0, linker) for _ in range(2))
    assert one == same
    assert sorted(i for group in one for i in group) == list(range(12))


def test_walls_that_face_x_show_and_walls_that_face_y_do_not():
    cues = picture_cues(EMPTY, 60.0)
    along_y, along_x, oblique = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.full(2, 0.5**0.5)
    assert cues.visibility(along_y) == pytest.approx(np.sin(np.deg2rad(60.0)))
    assert cues.visibility(along_x) == pytest.approx(0.0)
    tangent = np.tan(np.deg2rad(60.0)) / np.sqrt(2)
    assert cues.visibility(oblique) == pytest.approx(tangent / np.hypot(1.0, tangent))


def test_visible_share_is_that_of_the_spheres_that_a_slice_cuts():
    rng = np.random.default_rng(0)
    sine = rng.uniform(0, 1, 200_000)  # h / R of the cut, evenly spread
    phi, theta = np.deg2rad(35.0), np.deg2rad(50.0)
    seen = sine <= np.sqrt(1 - sine**2) * np.cos(phi) * np.tan(theta)
    direction = np.array([np.cos(phi), -np.sin(phi)])  # the normal is (sin φ, cos φ) in y, x
    assert picture_cues(EMPTY, 50.0).visibility(direction) == pytest.approx(seen.mean(), abs=0.004)


def test_density_is_interpolated_and_the_border_is_where_nothing_is_traced():
    probability = np.zeros((20, 30), dtype=np.float32)
    probability[5, 6], probability[5, 7] = 0.2, 0.6
    cues = picture_cues(probability, 60.0)
    assert cues.density(np.array([[5.0, 6.5]])) == pytest.approx([0.4])
    points = np.array([[10.0, 15.0], [4.0, 15.0], [10.0, 28.0]])
    assert cues.to_border(points) == pytest.approx([7.0, 2.0, -1.0])
