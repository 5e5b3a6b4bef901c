"""RELION's angles, against matrices put together by hand and by scipy."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from membraneseg.phantom.euler import relion_angles_deg


def zyx(matrix_xyz):
    return np.asarray(matrix_xyz)[..., ::-1, ::-1]


def rebuilt(angles_deg):
    """The xyz matrix as RELION's source writes it, element by element."""
    (sa, sb, sg), (ca, cb, cg) = (f(np.deg2rad(angles_deg)) for f in (np.sin, np.cos))
    return np.array(
        [
            [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
            [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
            [sb * ca, sb * sa, cb],
        ]
    )


def test_the_angles_rebuild_the_matrix():
    rotations = Rotation.random(200, rng=np.random.default_rng(0)).as_matrix()
    for matrix, angles in zip(rotations, relion_angles_deg(zyx(rotations)), strict=True):
        assert rebuilt(angles) == pytest.approx(matrix, abs=1e-9)
        scipy = Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix()
        assert scipy == pytest.approx(matrix, abs=1e-9)


@pytest.mark.parametrize("tilt_deg", [0.0, 180.0])
@pytest.mark.parametrize("turn_deg", [-170.0, -30.0, 0.0, 45.0, 90.0, 180.0])
def test_at_the_poles_rot_is_zero_and_the_matrix_is_still_rebuilt(tilt_deg, turn_deg):
    matrix = rebuilt(np.array([turn_deg, tilt_deg, 20.0]))
    rot, tilt, psi = relion_angles_deg(zyx(matrix)[None])[0]
    assert rot == 0.0
    assert rebuilt(np.array([rot, tilt, psi])) == pytest.approx(matrix, abs=1e-6)


def test_a_molecule_turned_about_the_beam_has_minus_its_turn_as_psi():
    quarter = Rotation.from_euler("z", 30.0, degrees=True).as_matrix()  # x towards y
    assert relion_angles_deg(zyx(quarter)[None])[0] == pytest.approx([0.0, 0.0, -30.0])


def test_no_particles_have_no_angles():
    assert relion_angles_deg(np.zeros((0, 3, 3))).shape == (0, 3)
