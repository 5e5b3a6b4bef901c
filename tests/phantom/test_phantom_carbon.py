"""The carbon film: where it stands, how strong and how grainy it is."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.box import Box
from membraneseg.phantom.carbon import (
    CARBON_POTENTIAL_V,
    GRAIN_SHARE,
    CarbonConfig,
    draw_film,
    film_mask,
    film_potential,
)

BOX = Box((24, 80, 100), 10.0, np.array([-50.0, 300.0, 20.0]))
CONFIG = CarbonConfig(width_nm=20.0, thickness_nm=8.0, hole_radius_um=0.5)


def test_no_width_means_no_film():
    assert draw_film(BOX, CarbonConfig(), np.random.default_rng(0)) is None


@pytest.mark.parametrize("seed", range(5))
def test_film_reaches_in_as_far_as_asked_and_its_rim_has_the_holes_radius(seed):
    film = draw_film(BOX, CONFIG, np.random.default_rng(seed))
    mask = film_mask(film, BOX)
    filled_layers = np.flatnonzero(mask.any(axis=(1, 2)))
    assert filled_layers.tolist() == list(range(9))  # 0 to 80 Å
    open_yx = np.argwhere(~mask[0]) * 10.0 + BOX.low_A[1:]
    assert np.linalg.norm(open_yx - film.hole_centre_yx_A, axis=1).max() <= 5000.0
    to_wall_A = np.abs(film.hole_centre_yx_A - BOX.centre_A[1:])
    depth_A = np.hypot(*to_wall_A)
    half_A = (BOX.high_A - BOX.low_A)[1:] / 2
    direction = to_wall_A / depth_A
    reach_A = (half_A / direction).min() - (5000.0 - depth_A)
    assert reach_A == pytest.approx(200.0, abs=1e-6)


def test_film_has_the_potential_of_carbon_and_its_grain():
    film = draw_film(BOX, CONFIG, np.random.default_rng(1))
    potential = film_potential(film, BOX, np.random.default_rng(2))
    core = film_mask(film, BOX)
    core[7:] = core[:2] = False
    assert potential[core].mean() == pytest.approx(CARBON_POTENTIAL_V, rel=0.05)
    assert potential[core].std() == pytest.approx(GRAIN_SHARE * CARBON_POTENTIAL_V, rel=0.15)
    assert np.abs(potential[15:]).max() < 1e-3


def test_a_film_without_thickness_is_refused():
    with pytest.raises(MembraneSegError, match="thick"):
        CarbonConfig(width_nm=5.0, thickness_nm=0.0)
