"""Vesicles as rows of their table, and back."""

from __future__ import annotations

import numpy as np

from membraneseg.coords import zyx_to_xyz
from membraneseg.io.rows import VesicleRow
from membraneseg.vesicles.spheres import Vesicle


def row_of(vesicle: Vesicle) -> VesicleRow:
    """Row of vesicles.csv."""
    x, y, z = zyx_to_xyz(vesicle.centre_zyx_A)
    return VesicleRow(
        id=vesicle.id,
        x_A=float(x),
        y_A=float(y),
        z_A=float(z),
        radius_A=vesicle.radius_A,
        outer_radius_A=vesicle.outer_radius_A,
        thickness_A=vesicle.thickness_A,
        membrane_intensity=vesicle.membrane_intensity,
        p_value=vesicle.p_value,
        refined=vesicle.refined,
    )


def vesicle_of(row: VesicleRow) -> Vesicle:
    """Vesicle of a row of vesicles.csv."""
    return Vesicle(
        id=row.id,
        centre_zyx_A=np.array([row.z_A, row.y_A, row.x_A]),
        radius_A=row.radius_A,
        outer_radius_A=row.outer_radius_A,
        thickness_A=row.thickness_A,
        membrane_intensity=row.membrane_intensity,
        p_value=row.p_value,
        refined=row.refined,
    )
