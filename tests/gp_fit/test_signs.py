"""The sides of a cloud in pieces follow from the likelihood of the process through all of them."""

import numpy as np
import pytest

from gp_fit.hermite_fit import HermiteConfig, fit_hermite
from gp_fit.hermite_system import HermiteData, observed_covariance, observed_trend
from gp_fit.signs import pieces_of, settled_signs
from gp_fit.sphere import spiral_directions

SQUARES = np.array([0.3, 0.02, 0.15]) ** 2


def data_of(places, normals):
    ones = np.ones(len(places))
    return HermiteData(places, normals, ones, ones, 4.0)


def strips(count=60):
    """Two parallel sheets, each seen in two strips with a wide gap between."""
    rng = np.random.default_rng(3)
    along, across = rng.uniform(0.5, 1.0, count), rng.uniform(-0.5, 0.5, count)
    parts = [
        np.column_stack([np.full(count, height), across, side * along])
        for height in (-0.1, 0.1)
        for side in (-1.0, 1.0)
    ]
    outward = np.repeat([-1.0, -1.0, 1.0, 1.0], count)[:, None] * [1.0, 0.0, 0.0]
    return np.concatenate(parts), outward, np.repeat(np.arange(4), count)


@pytest.mark.parametrize("flips", [(1, 1, 1, 1), (1, -1, 1, -1), (-1, 1, 1, 1), (-1, -1, 1, 1)])
def test_strips_of_a_cisterna_get_opposite_sides_however_they_start(flips):
    places, outward, pieces = strips()
    normals = outward * np.array(flips, dtype=np.float64)[pieces, None]
    signs = settled_signs(data_of(places, normals), pieces, SQUARES)
    agreement = np.sum(normals * signs[:, None] * outward, axis=1)
    assert np.abs(agreement.sum()) == pytest.approx(len(places))


def test_the_facing_caps_of_a_sphere_both_look_outward():
    directions = spiral_directions(400)
    caps = directions[np.abs(directions[:, 0]) > 0.5]
    pieces = (caps[:, 0] > 0.0).astype(np.int64)
    flipped = caps * np.where(pieces == 1, -1.0, 1.0)[:, None]
    signs = settled_signs(data_of(caps, flipped), pieces, SQUARES)
    agreement = np.sum(flipped * signs[:, None] * caps, axis=1)
    assert np.abs(agreement.sum()) == pytest.approx(len(caps))


def test_the_chosen_signs_have_the_smallest_quadratic_form_of_all():
    rng = np.random.default_rng(8)
    places = rng.normal(size=(15, 3)) * 0.3
    normals = rng.normal(size=(15, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    pieces, data = np.repeat(np.arange(3), 5), data_of(places, normals)
    covariance = SQUARES[0] * observed_covariance(data) + np.diag(data.nugget(*SQUARES[1:]))
    inverse, trend = np.linalg.inv(covariance), observed_trend(data)
    inside = np.linalg.inv(trend.T @ inverse @ trend)
    projection = inverse - inverse @ trend @ inside @ trend.T @ inverse

    def cost(signs):
        target = np.concatenate([np.zeros(15), signs[pieces]])
        return target @ projection @ target

    found = settled_signs(data, pieces, SQUARES)[[0, 5, 10]]
    every = [np.array([1.0, b, c]) for b in (-1.0, 1.0) for c in (-1.0, 1.0)]
    assert cost(found) == pytest.approx(min(cost(signs) for signs in every), rel=1e-9)


def test_a_wide_gap_parts_a_flat_cloud_and_a_narrow_one_does_not():
    grid = np.stack(np.meshgrid([0.0], np.arange(8.0), np.arange(8.0)), axis=-1).reshape(-1, 3)
    normals = np.tile([1.0, 0.0, 0.0], (len(grid), 1))
    for gap, expected in ((1.2, 1), (6.0, 2)):
        apart = grid + np.where(grid[:, 2:] > 3.5, [[0.0, 0.0, gap]], 0.0)
        assert len(np.unique(pieces_of(apart, normals, 1.0))) == expected


@pytest.mark.parametrize("seed", [2, 3])
def test_every_normal_of_a_noisy_tube_without_its_top_and_bottom_looks_outward(seed):
    rng = np.random.default_rng(seed)
    turn, along = rng.uniform(0, 2 * np.pi, 4000), rng.uniform(-35, 35, 4000)
    outward = np.column_stack([np.sin(turn), np.zeros(4000), np.cos(turn)])
    points = (10.0 * outward + along[:, None] * [0.0, 1.0, 0.0])[np.abs(np.sin(turn)) < 0.75]
    data = fit_hermite(points + 0.7 * rng.normal(size=points.shape), HermiteConfig()).data
    assert np.sum(data.normals * data.positions * [1.0, 0.0, 1.0], axis=1).min() > 0.0
