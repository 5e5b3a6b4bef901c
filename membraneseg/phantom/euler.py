"""Rotations as the three angles that RELION writes into its star files."""

from __future__ import annotations

import numpy as np

from membraneseg.types import Float64

POLE_SINE = 1e-7
"""Tilts with a smaller sine turn about one axis only: psi alone then says how far."""


def relion_angles_deg(rotations: Float64) -> Float64:
    """Angles rot, tilt, psi (RELION's rlnAngleRot, rlnAngleTilt, rlnAnglePsi) of rotations.

    Parameters
    ----------
    rotations : (N, 3, 3) float64
        zyx matrices R that carry a molecule from its own frame into the tomogram: x ↦ R x.

    Returns
    -------
    (N, 3) float64
        In degrees: rot and psi in (−180, 180], tilt in [0, 180]. Where tilt is 0 or 180, rot is 0.

    Notes
    -----
    Read as xyz, R = Rz(psi)ᵀ Ry(tilt)ᵀ Rz(rot)ᵀ with the right-handed Rz and Ry: RELION turns the
    axes of the molecule about z, the new y and the new z. In scipy,
    ``Rotation.from_euler("ZYZ", [rot, tilt, psi], degrees=True).inv()``. Its rows are the axes
    of the tomogram seen from the molecule, so the third is
    (sin tilt cos rot, sin tilt sin rot, cos tilt).

    References
    ----------
    Heymann et al. 2005, doi:10.1016/j.jsb.2005.06.001 (the convention).
    """
    matrix = np.asarray(rotations, dtype=np.float64).reshape(-1, 3, 3)[:, ::-1, ::-1]  # as xyz
    sine = np.hypot(matrix[:, 2, 0], matrix[:, 2, 1])
    tilt = np.arctan2(sine, matrix[:, 2, 2])
    pole = sine < POLE_SINE
    rot = np.where(pole, 0.0, np.arctan2(matrix[:, 2, 1], matrix[:, 2, 0]))
    turned = np.arctan2(matrix[:, 0, 1], matrix[:, 1, 1])
    psi = np.where(pole, turned, np.arctan2(matrix[:, 1, 2], -matrix[:, 0, 2]))
    return np.asarray(np.rad2deg(np.stack([rot, tilt, psi], axis=-1)))
