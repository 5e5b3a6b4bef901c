"""What is dissolved: potential per compartment, unevenness of the asked size and strength."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.bilayers import draw_membranes
from membraneseg.phantom.box import Box
from membraneseg.phantom.fluid import FluidConfig, fluid_potential, slow_noise
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.shapes import StarBody

BOX = Box((60, 80, 90), 12.0, np.array([10.0, -30.0, 5.0]))


def sphere(radius_A):
    none = np.zeros(0)
    return StarBody(BOX.centre_A, radius_A, none.astype(np.int64), np.zeros((0, 3)), none)


@pytest.fixture(scope="module")
def nested():
    return (
        Membrane(1, "outer", sphere(330.0), 38.0),
        Membrane(2, "unnamed", sphere(240.0), 38.0, parent=1),
        Membrane(3, "inner", sphere(120.0), 38.0, parent=2),
    )


def test_each_compartment_has_its_own_potential_or_that_around_it(nested):
    config = FluidConfig(("outer", "inner"), (0.4, -0.2), unevenness_V=0.0)
    compartments = draw_membranes(nested, BOX).compartments
    potential = fluid_potential(config, nested, compartments, BOX, np.random.default_rng(0))
    z, y, x = np.rint(BOX.to_index(BOX.centre_A[None])[0]).astype(int)
    along = {0.0: -0.2, 180.0: 0.4, 285.0: 0.4, 430.0: 0.0}  # Å from the middle: V
    for distance_A, expected in along.items():
        assert potential[z, y, x + round(distance_A / 12.0)] == pytest.approx(expected, abs=0.01)


def test_unevenness_has_the_asked_strength_and_falls_with_the_third_power_of_frequency():
    box = Box((128, 128, 128), 20.0, np.zeros(3))
    noise = slow_noise(box, 800.0, np.random.default_rng(1))
    assert noise.mean() == pytest.approx(0.0, abs=1e-3)
    assert noise.std() == pytest.approx(1.0, rel=1e-5)
    power = np.abs(np.fft.fftn(noise)) ** 2
    axis = np.fft.fftfreq(128, 20.0)
    k = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    formula = (k**2 + (0.5 / 800) ** 2) ** -1.5 * np.exp(-(k**2) * 80.0**2)
    low, high = (np.abs(k - f) < 4e-4 for f in (3e-3, 8e-3))
    expected = formula[high].mean() / formula[low].mean()
    assert power[high].mean() / power[low].mean() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"compartments": ("a",)}, "one of each"),
        ({"unevenness_V": -0.1}, "0 or more"),
        ({"compartments": ("a",), "potentials_V": (5.0,)}, "-2 to 2"),
        ({"unevenness_size_nm": 0.0}, "10 to 1000"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, sentence):
    with pytest.raises(MembraneSegError, match=sentence):
        FluidConfig(**wrong)
