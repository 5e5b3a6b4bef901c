"""Which membranes are round vesicles, and their centres, radii and membranes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from membraneseg.coords import angstrom_to_index
from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64, Mesh
from membraneseg.vesicles.balls import paint_balls
from membraneseg.vesicles.outliers import outlier_p_values
from membraneseg.vesicles.radial import MembraneBand, RadialProfile, membrane_band, radial_profile

logger = logging.getLogger(__name__)

PROFILE_STEP_VOXELS = 0.25
MOST_RAYS = 20000


class Frame(Protocol):
    """Where the volume stands; lengths in Å."""

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Voxels along z, y and x."""

    @property
    def voxel_size_A(self) -> float:
        """Edge of a voxel."""

    @property
    def origin_zyx_A(self) -> Float64:
        """Centre of voxel (0, 0, 0)."""


@dataclass(frozen=True)
class VesicleConfig:
    """What counts as a round vesicle, and how it is measured."""

    roundness: float = field(
        default=0.15,
        metadata={"help": "largest root mean square deviation of the radius, as a share of it"},
    )
    largest_radius_nm: float = field(
        default=150.0, metadata={"help": "membranes of larger equivalent radius are no vesicles"}
    )
    search_nm: float = field(
        default=4.0, metadata={"help": "the membrane is sought this far from the surface, nm"}
    )
    outlier_p_value: float = field(
        default=0.3, metadata={"help": "vesicles with a smaller p value are measured again"}
    )
    outlier_rounds: int = field(
        default=3, metadata={"help": "times an outlier is measured, 2 voxels farther each time"}
    )

    def __post_init__(self) -> None:
        limits = {
            "roundness": (0.0, 1.0),
            "largest_radius_nm": (1.0, 1e5),
            "search_nm": (0.5, 50.0),
            "outlier_p_value": (0.0, 1.0),
            "outlier_rounds": (0, 20),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise MembraneSegError(
                    f"{name} is {value}, expected {low} to {high}; change vesicles.{name}"
                )


@dataclass(frozen=True)
class Vesicle:
    """One round vesicle; None where a number is unknown.

    Parameters
    ----------
    id : int
        The label of its membrane.
    centre_zyx_A : (3,) float64
    radius_A : float
        Mean radius of the middle of the membrane.
    outer_radius_A : float or None
        d_m + t_m/2.
    thickness_A : float or None
        t_m, from outer edge to outer edge: more than the distance of the leaflets.
    membrane_intensity : float or None
        Mean density of the membrane.
    p_value : float or None
        How usual thickness, intensity and radius are among all vesicles.
    refined : bool
        Was an outlier, and is none since it was measured again.
    """

    id: int
    centre_zyx_A: Float64
    radius_A: float
    outer_radius_A: float | None = None
    thickness_A: float | None = None
    membrane_intensity: float | None = None
    p_value: float | None = None
    refined: bool = False


@dataclass(frozen=True)
class _Candidate:
    """A round membrane before and after its profile was read."""

    label: int
    centre_zyx_A: Float64
    radius_A: float
    profile: RadialProfile
    band: MembraneBand | None = None

    def features(self) -> list[float]:
        if self.band is None:
            return [np.nan, np.nan, np.nan]
        radius_A = self.radius_A + self.band.middle_A
        return [self.band.thickness_A, self.band.intensity, radius_A]


def find_vesicles(
    voxels: npt.NDArray[np.generic],
    meshes: Sequence[tuple[int, Mesh]],
    frame: Frame,
    config: VesicleConfig,
) -> list[Vesicle]:
    """Measure the membranes that are round vesicles.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Densities, dark membranes; may be a memory map.
    meshes : sequence of (label, Mesh)
        Open ones, those too large and those out of round are passed over.
    frame : Frame
        The volume's voxel size and origin.
    config : VesicleConfig

    Returns
    -------
    list of Vesicle
        In the order of the meshes.
    """
    found = [_candidate(voxels, label, mesh, frame, config) for label, mesh in meshes]
    candidates = [one for one in found if one is not None]
    candidates = [_with_band(one, config.search_nm * 10.0) for one in candidates]
    everyone = _table(candidates)
    p_values = outlier_p_values(everyone, everyone)
    vesicles = []
    for candidate, p_value in zip(candidates, p_values, strict=True):
        better, p_better = candidate, float(p_value)
        for growth in range(1, config.outlier_rounds + 1):
            if not p_better < config.outlier_p_value:
                break
            reach_A = config.search_nm * 10.0 + 2.0 * growth * frame.voxel_size_A
            again = _with_band(candidate, reach_A)
            p_again = float(outlier_p_values(_table([again]), everyone)[0])
            if p_again > p_better:
                better, p_better = again, p_again
        vesicles.append(_vesicle(better, p_better, better is not candidate))
    logger.info("vesicles: %d of %d membranes are round", len(vesicles), len(meshes))
    return vesicles


def _table(candidates: Sequence[_Candidate]) -> Float64:
    return np.array([one.features() for one in candidates], dtype=np.float64).reshape(-1, 3)


def _with_band(candidate: _Candidate, search_A: float) -> _Candidate:
    return replace(candidate, band=membrane_band(candidate.profile, search_A))


def _vesicle(candidate: _Candidate, p_value: float, refined: bool) -> Vesicle:
    plain = Vesicle(candidate.label, candidate.centre_zyx_A, candidate.radius_A)
    band = candidate.band
    if band is None:
        return plain
    radius_A = candidate.radius_A + band.middle_A
    return replace(
        plain,
        radius_A=radius_A,
        outer_radius_A=radius_A + 0.5 * band.thickness_A,
        thickness_A=band.thickness_A,
        membrane_intensity=band.intensity,
        p_value=p_value if np.isfinite(p_value) else None,
        refined=refined,
    )


def _candidate(
    voxels: npt.NDArray[np.generic], label: int, mesh: Mesh, frame: Frame, config: VesicleConfig
) -> _Candidate | None:
    """Radial profile of a membrane that is closed, small and round enough; None otherwise."""
    if not is_closed(mesh):
        return None
    centre_A, volume_A3 = centre_and_volume(mesh)
    equivalent_A = np.cbrt(3.0 * abs(volume_A3) / (4.0 * np.pi))
    corners = mesh.vertices_zyx_A[mesh.faces] - centre_A
    rays_A = corners.mean(axis=1)
    spanned = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(rays_A, axis=1)
    # Solid angle of each face, to first order.
    angles = 0.5 * np.abs((spanned * rays_A).sum(axis=1)) / lengths**3
    radius_A = float((angles * lengths).sum() / angles.sum())
    deviation = np.sqrt((angles * (lengths - radius_A) ** 2).sum() / angles.sum()) / radius_A
    if deviation > config.roundness or equivalent_A > config.largest_radius_nm * 10.0:
        return None
    seen = np.flatnonzero(mesh.observed[mesh.faces].sum(axis=1) >= 2)
    seen = seen if len(seen) else np.arange(len(rays_A))
    seen = seen[:: 1 + len(seen) // MOST_RAYS]
    reach_A = config.search_nm * 10.0 + 2.0 * config.outlier_rounds * frame.voxel_size_A + 100.0
    half = int(np.ceil(reach_A / frame.voxel_size_A / PROFILE_STEP_VOXELS))
    offsets_px = PROFILE_STEP_VOXELS * np.arange(-half, half + 1, dtype=np.float64)
    centre_px = angstrom_to_index(centre_A, frame.voxel_size_A, frame.origin_zyx_A)
    density = radial_profile(
        voxels, centre_px, rays_A[seen] / frame.voxel_size_A, angles[seen], offsets_px
    )
    profile = RadialProfile(offsets_px * frame.voxel_size_A, density)
    return _Candidate(label, centre_A, radius_A, profile)


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge belongs to exactly two faces."""
    if len(mesh.faces) == 0:
        return False
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    _, uses = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    return bool((uses == 2).all())


def centre_and_volume(mesh: Mesh) -> tuple[Float64, float]:
    """Centroid (3,) in Å and volume in Å³ of the body that a closed mesh encloses."""
    middle = mesh.vertices_zyx_A.mean(axis=0)
    corners = mesh.vertices_zyx_A[mesh.faces] - middle
    # Read as zyx a face that is counter-clockwise in xyz turns the other way: hence the minus.
    wedges = -(corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum(axis=1) / 6.0
    volume = float(wedges.sum())
    if volume == 0:
        return middle, 0.0
    shift = (wedges[:, None] * corners.sum(axis=1) / 4.0).sum(axis=0) / volume
    return np.asarray(middle + shift, dtype=np.float64), volume


def paint_vesicles(vesicles: Sequence[Vesicle], frame: Frame) -> npt.NDArray[np.int32]:
    """Fill a sphere per vesicle, up to its outer radius where known.

    Parameters
    ----------
    vesicles : sequence of Vesicle
    frame : Frame

    Returns
    -------
    (Z, Y, X) int32
        Vesicle ids, 0 elsewhere; the smaller of two overlapping vesicles lies on top, so that
        nested ones show.
    """
    centres_A = np.array([one.centre_zyx_A for one in vesicles]).reshape(-1, 3)
    radii_A = np.array([one.outer_radius_A or one.radius_A for one in vesicles], dtype=np.float64)
    return paint_balls(
        frame.shape_zyx,
        np.array([one.id for one in vesicles], dtype=np.int64),
        angstrom_to_index(centres_A, frame.voxel_size_A, frame.origin_zyx_A),
        radii_A / frame.voxel_size_A,
    )
