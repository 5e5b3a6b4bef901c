"""Flat walls go on over hidden gaps without pulling each other in."""

import numpy as np
import pytest

from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_fit import HermiteConfig
from gp_fit.walls import fitted_plate, walls_of, with_continued_walls

HALF_PX = 12.0


def unseen(normals):
    return np.zeros(len(normals))


def seen(normals):
    return np.ones(len(normals))


def wavy(z, x, side):
    height = 5.0 * np.sin(2.0 * np.pi * x / 300.0 + 0.5) + 3.0 * np.sin(2.0 * np.pi * z / 250.0)
    return np.column_stack([z, height + side, x])


@pytest.fixture(scope="module")
def sac():
    """Two facing wavy walls, without points in a slanted band of x."""
    rng = np.random.default_rng(3)
    z, x = rng.uniform(-48, 48, 8000), rng.uniform(-110, 110, 8000)
    points = wavy(z, x, rng.choice([-HALF_PX, HALF_PX], 8000))[np.abs(x + 0.8 * z) > 45]
    noise = 0.3 * rng.normal(size=points.shape)
    return HermiteSurface(points + noise, HermiteConfig(superpoints=350))


@pytest.fixture(scope="module")
def middle():
    z, x = (grid.ravel() for grid in np.meshgrid(np.linspace(-40, 40, 9), np.linspace(-20, 20, 5)))
    return np.concatenate([wavy(z, x - 0.8 * z, side) for side in (-HALF_PX, HALF_PX)])


def distance(surface, places):
    return np.abs(surface.value(places)) / np.linalg.norm(surface.gradient(places), axis=1)


def test_facing_walls_do_not_pull_each_other_in_where_their_gap_is_hidden(sac, middle):
    assert distance(sac, middle).max() > 0.8
    assert distance(with_continued_walls(sac, unseen), middle).max() < 0.5


def test_the_deviation_in_the_gap_covers_the_error(sac, middle):
    continued = with_continued_walls(sac, unseen)
    assert (distance(continued, middle) < 2.0 * continued.sd(middle)).mean() > 0.9


def test_a_gap_that_would_be_seen_is_no_gap(sac):
    assert with_continued_walls(sac, seen) is sac


def test_nothing_is_said_outside_the_volume(sac):
    assert with_continued_walls(sac, unseen, lambda places: np.zeros(len(places), bool)) is sac


def test_two_islands_of_one_wall_are_one_and_two_facing_walls_are_two(sac):
    points, normals = sac.superpoints_zyx, sac.state.data.normals
    walls = walls_of(points, normals, sac.state.spacing_px)
    assert len(walls) == 2
    for wall in walls:
        assert len(np.unique(points[wall, 1] > wavy(*points[wall][:, [0, 2]].T, 0.0)[:, 1])) == 1
        assert points[wall, 2].min() < -40
        assert points[wall, 2].max() > 40


def test_a_plate_through_a_plane_goes_on_as_the_plane_and_grows_less_certain():
    rng = np.random.default_rng(5)
    places = rng.uniform(-1, 1, (150, 2))
    heights = 3.0 + 5.0 * places[:, 0] - 2.0 * places[:, 1] + 0.1 * rng.normal(size=150)
    plate = fitted_plate(places, heights, np.ones(150))
    far = np.array([[0.0, 0.0], [1.2, 0.0], [2.0, 0.0]])
    mean, deviation = plate.at(far)
    assert np.abs(mean - (3.0 + 5.0 * far[:, 0])).max() < 0.2
    assert (np.diff(deviation) > 0).all()
    assert np.sqrt(plate.noise2) == pytest.approx(0.1, rel=0.2)


def test_no_plate_passes_through_points_of_two_walls():
    rng = np.random.default_rng(6)
    places = rng.uniform(-1, 1, (150, 2))
    assert fitted_plate(places, rng.choice([-12.0, 12.0], 150), np.ones(150)) is None
