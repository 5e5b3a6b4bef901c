"""What is measured of every membrane of a result: its row of the table, its values per vertex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from membraneseg.coords import zyx_to_xyz
from membraneseg.io.rows import MembraneRow
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.local_thickness import vertex_thickness_nm
from membraneseg.surface.measure import Measures, measure
from membraneseg.surface.refined import RefinedMembrane
from membraneseg.surface.spacing import Spacing, spacings
from membraneseg.types import Float64, Mesh


@dataclass(frozen=True)
class Morphometrics:
    """Everything measured of the membranes, in the order of their meshes.

    Parameters
    ----------
    rows : tuple of MembraneRow
    vertex_values : tuple of dict of str to (V,) float64
        mean_curvature_per_nm, gaussian_curvature_per_nm2, nearest_distance_nm, and thickness_nm if
        there is a density.
    """

    rows: tuple[MembraneRow, ...]
    vertex_values: tuple[dict[str, Float64], ...]


def measure_membranes(
    meshes: Sequence[tuple[int, Mesh]],
    refined: Sequence[RefinedMembrane],
    frame: VolumeFrame,
    density: npt.NDArray[np.generic] | None = None,
) -> Morphometrics:
    """Measure every membrane, alone and against the others.

    Parameters
    ----------
    meshes : sequence of (label, Mesh)
    refined : sequence of RefinedMembrane
        One for each label, in any order.
    frame : VolumeFrame
    density : (Z, Y, X) array or None
        The tomogram, for the thickness from place to place.

    Returns
    -------
    Morphometrics
    """
    by_label = {one.membrane.label: one for one in refined}
    rows, values = [], []
    for (label, mesh), spacing in zip(meshes, spacings(meshes), strict=True):
        surface = by_label[label].membrane.surface
        measures = measure(mesh, surface, frame)
        rows.append(_row(label, by_label[label], measures, spacing))
        own = {
            "mean_curvature_per_nm": measures.vertex_mean_curvature_per_nm,
            "gaussian_curvature_per_nm2": measures.vertex_gaussian_curvature_per_nm2,
            "nearest_distance_nm": spacing.distance_A / 10.0,
        }
        if density is not None:
            own["thickness_nm"] = vertex_thickness_nm(density, surface, mesh.observed, frame)
        values.append(own)
    return Morphometrics(tuple(rows), tuple(values))


def _row(label: int, refined: RefinedMembrane, measures: Measures, spacing: Spacing) -> MembraneRow:
    x, y, z = zyx_to_xyz(measures.centroid_zyx_A)
    warnings = list(refined.membrane.warnings)
    if refined.profile.doubtful:
        warnings.append("doubtful: the density shows no clear dark line")
    nearest = spacing.nearest()
    return MembraneRow(
        id=label,
        closed=refined.membrane.surface.closed,
        area_nm2=measures.area_nm2,
        volume_nm3=measures.volume_nm3,
        equivalent_radius_nm=measures.equivalent_radius_nm,
        mean_curvature_per_nm=measures.mean_curvature_per_nm,
        gaussian_curvature_per_nm2=measures.gaussian_curvature_per_nm2,
        observed_fraction=measures.observed_fraction,
        median_sigma_A=measures.median_sigma_A,
        thickness_nm=refined.profile.thickness_nm,
        nearest_distance_nm=None if nearest is None else nearest[0] / 10.0,
        nearest_id=None if nearest is None else nearest[1],
        x_A=float(x),
        y_A=float(y),
        z_A=float(z),
        warnings="; ".join(dict.fromkeys(warnings)),
    )
