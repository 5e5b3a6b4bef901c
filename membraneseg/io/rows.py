"""One row of each table that users read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MembraneRow:
    """One membrane of membranes.csv; None where a number is unknown.

    Parameters
    ----------
    id : int
        The label in instances.mrc.
    closed : bool
        Whether it encloses a volume.
    area_nm2, volume_nm3, equivalent_radius_nm : float or None
        Surface area, enclosed volume, radius of the sphere of the same volume.
    mean_curvature_per_nm, gaussian_curvature_per_nm2 : float or None
        Averages over the surface.
    observed_fraction : float or None
        Share of the area that the data show, 0 to 1.
    median_sigma_A : float or None
        Median standard deviation of the surface position, Å.
    thickness_nm : float or None
        Distance between the middles of the two leaflets.
    nearest_distance_nm : float or None
        From the middle of this membrane to that of the nearest other one, where they come closest.
    nearest_id : int or None
        Which one that is.
    x_A, y_A, z_A : float or None
        Centroid, in Å in the tomogram's space.
    warnings : str
        What a reader should know; empty if nothing.
    """

    id: int
    closed: bool
    area_nm2: float | None = None
    volume_nm3: float | None = None
    equivalent_radius_nm: float | None = None
    mean_curvature_per_nm: float | None = None
    gaussian_curvature_per_nm2: float | None = None
    observed_fraction: float | None = None
    median_sigma_A: float | None = None
    thickness_nm: float | None = None
    nearest_distance_nm: float | None = None
    nearest_id: int | None = None
    x_A: float | None = None
    y_A: float | None = None
    z_A: float | None = None
    warnings: str = ""


@dataclass(frozen=True)
class VesicleRow:
    """One spherical vesicle of vesicles.csv; None where a number is unknown.

    Parameters
    ----------
    id : int
        The label in vesicle_labels.mrc.
    x_A, y_A, z_A : float
        Centre, in Å in the tomogram's space.
    radius_A : float
        To the middle of the membrane.
    outer_radius_A, thickness_A, membrane_intensity, p_value : float or None
        Outer radius, membrane thickness, density of the membrane, and Mahalanobis p value.
    refined : bool
        Whether the vesicle was an outlier that was measured again.
    """

    id: int
    x_A: float
    y_A: float
    z_A: float
    radius_A: float
    outer_radius_A: float | None = None
    thickness_A: float | None = None
    membrane_intensity: float | None = None
    p_value: float | None = None
    refined: bool = False
