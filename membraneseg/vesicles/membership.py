"""Which spheres are vesicles like the others; outliers are measured again, or dropped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import chi2

from membraneseg.errors import MembraneSegError
from membraneseg.types import Bool, Float64
from membraneseg.vesicles.balls import Balls
from membraneseg.vesicles.ellipsoids import bulge_of
from membraneseg.vesicles.outliers import outlier_p_values
from membraneseg.vesicles.rays import View
from membraneseg.vesicles.refinement import Measured, RefinementConfig, measured, refined

TRIM_ROUNDS = 10
TRIM_P_VALUE = 0.025
SPREAD_OF_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class OutlierConfig:
    """When a sphere is measured again, and when it is given up."""

    p_value: float = field(
        default=0.05, metadata={"help": "vesicles with a smaller p value are measured again"}
    )
    rounds: int = field(
        default=5, metadata={"help": "times an outlier is measured, 2 voxels farther each time"}
    )
    dropped_p_value: float = field(
        default=0.001,
        metadata={"help": "those that keep a smaller one are dropped if their membrane is poor"},
    )
    least_symmetry: float = field(
        default=0.9, metadata={"help": "a membrane whose profile is less symmetric is poor"}
    )
    least_contrast: float = field(
        default=0.5, metadata={"help": "so is one with less contrast, as a share of the median"}
    )

    least_closure: float = field(
        default=0.3,
        metadata={"help": "what has less of its membrane on some side is open, and dropped"},
    )

    def __post_init__(self) -> None:
        shares = ("p_value", "dropped_p_value", "least_symmetry", "least_contrast", "least_closure")
        for name in shares:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected 0 to 1; correct outliers.{name}"
                )
        if self.rounds < 0:
            raise MembraneSegError(
                f"rounds is {self.rounds}, expected 0 or more; correct outliers.rounds"
            )


@dataclass(frozen=True, eq=False)
class Judged:
    """Spheres that were compared with each other.

    Parameters
    ----------
    measured : Measured
    p_values : (N,) float64
        NaN where there is no band, or too few vesicles to compare with.
    refined : (N,) bool
        Was an outlier, and is none, or less of one, since it was measured again.
    dropped : (N,) bool
        Is no vesicle.
    """

    measured: Measured
    p_values: Float64
    refined: Bool
    dropped: Bool


def judged(
    found: Measured,
    start: Balls,
    view: View,
    config: OutlierConfig,
    refinement: RefinementConfig,
) -> Judged:
    """Measure outliers again from where they started, with a wider search; mark what to drop.

    Parameters
    ----------
    found : Measured
        Refined.
    start : Balls
        The same spheres before refinement.
    view : View
    config : OutlierConfig
    refinement : RefinementConfig
        How the spheres were refined.

    Returns
    -------
    Judged

    Notes
    -----
    The population is described by the mean and covariance of its ordinary members: those that
    differ most are left out, and the rest described again, until this changes nothing. A sphere
    far from the others is dropped only if its membrane is poor as well, so that an unusually
    large or thick vesicle stays; one without any membrane, or open on a side that the tilts show
    (a piece of a tube), is always dropped. Before that, each of these is read along the mild
    ellipsoid that fits it best, and kept if that shows a closed membrane as clear, as thick and
    as dark as the others': an endosome out of round is smeared along a sphere.

    References
    ----------
    Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169, "Outlier detection and
    refinement": there p < 0.3 is an outlier, and is dropped unless it becomes none.
    """
    features = features_of(found, view.voxel_size_A)
    ordinary = features[ordinary_members(features)]
    p_values = outlier_p_values(features, ordinary)
    again = np.zeros(len(p_values), dtype=bool)
    now = found
    for index in np.flatnonzero(~(p_values >= config.p_value)).tolist():
        for wider in range(1, config.rounds + 1):
            wide_nm = refinement.search_nm + 0.2 * wider * view.voxel_size_A
            one = _again(index, (start, found.balls), view, replace(refinement, search_nm=wide_nm))
            p_value = outlier_p_values(features_of(one, view.voxel_size_A), ordinary)[0]
            if p_value > np.nan_to_num(p_values[index], nan=-1.0):
                p_values[index], again[index] = p_value, True
                now = _with(now, index, one)
            if p_values[index] >= config.p_value:
                break
    unlike = ~(p_values >= config.dropped_p_value)  # unknown where there are few to compare with
    dropped = _no_vesicles(now, config) | (_poor(now, config) & unlike)
    for index in np.flatnonzero(dropped).tolist():
        one = _out_of_round(index, now.balls, view, refinement)
        changed, own = _with(now, index, one), features_of(one, view.voxel_size_A)
        alike = outlier_p_values(own[:, :2], ordinary[:, :2])[0]  # whatever its radius
        closed = not (_no_vesicles(changed, config) | _poor(changed, config))[index]
        if closed and not alike < config.dropped_p_value:
            now, dropped[index] = changed, False
            p_values[index] = outlier_p_values(own, ordinary)[0]
    return Judged(now, p_values, again, dropped)


def features_of(found: Measured, voxel_size_A: float) -> Float64:
    """Thickness, intensity and radius (N, 3) of each sphere; NaN where no membrane shows."""
    rows = [
        (np.nan, np.nan, np.nan)
        if band is None
        else (band.thickness_A, band.intensity, radius_px * voxel_size_A)
        for band, radius_px in zip(found.bands, found.balls.radii_px, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def ordinary_members(features: Float64) -> Bool:
    """Which rows (N, D) are like most others; rows with NaN are not.

    Notes
    -----
    Starts from medians and median absolute deviations, each feature for itself, then goes on with
    mean and covariance of those whose p value exceeds 0.025.
    """
    known = np.asarray(np.isfinite(features).all(axis=1), dtype=np.bool_)
    if not known.any():
        return known
    middle = np.median(features[known], axis=0)
    deviation = np.abs(features - middle)
    spread = SPREAD_OF_MAD * np.median(deviation[known], axis=0)
    squared = np.nansum((deviation / np.where(spread > 0, spread, np.inf)) ** 2, axis=1)
    members: Bool = known & (squared < chi2.isf(TRIM_P_VALUE, features.shape[1]))
    for _ in range(TRIM_ROUNDS):
        p_values = outlier_p_values(features, features[members])
        if not np.isfinite(p_values[members]).any():
            return members
        following = np.asarray(known & (p_values > TRIM_P_VALUE), dtype=np.bool_)
        if (following == members).all():
            break
        members = following
    return np.asarray(members, dtype=np.bool_)


def _again(
    index: int, places: tuple[Balls, Balls], view: View, refinement: RefinementConfig
) -> Measured:
    """Refine one sphere from its start, its neighbours where they are now."""
    start, now = places
    own = np.arange(len(start)) == index
    return refined(start.chosen(own), view, refinement, still=now.chosen(~own))


def _out_of_round(index: int, balls: Balls, view: View, refinement: RefinementConfig) -> Measured:
    """Read the membrane of one sphere along the ellipsoid that fits it best."""
    own = np.arange(len(balls)) == index
    bulge_px = bulge_of(index, balls, view, refinement)
    return measured(balls.chosen(own), view, refinement, balls.chosen(~own), bulge_px[None])


def _with(found: Measured, index: int, one: Measured) -> Measured:
    """Put what was measured of one sphere alone in its place among all."""
    centres, radii = found.balls.centres_px.copy(), found.balls.radii_px.copy()
    profiles, closures = found.profiles.copy(), found.closures.copy()
    centres[index], radii[index] = one.balls.centres_px[0], one.balls.radii_px[0]
    profiles[index], closures[index] = one.profiles[0], one.closures[0]
    bands = (*found.bands[:index], one.bands[0], *found.bands[index + 1 :])
    balls = Balls(found.balls.ids, centres, radii)
    return Measured(balls, profiles, found.offsets_A, bands, closures)


def _no_vesicles(found: Measured, config: OutlierConfig) -> Bool:
    """Which spheres (N,) show no membrane, or one that is open."""
    missing = np.array([band is None for band in found.bands], dtype=np.bool_)
    return np.asarray(missing | ~(found.closures >= config.least_closure), dtype=np.bool_)


def _poor(found: Measured, config: OutlierConfig) -> Bool:
    """Which membranes (N,) show too little to stand for themselves."""
    contrasts = np.array([np.nan if band is None else band.contrast for band in found.bands])
    symmetries = np.array([np.nan if band is None else band.symmetry for band in found.bands])
    if not np.isfinite(contrasts).any():
        return np.ones(len(contrasts), dtype=bool)
    least = config.least_contrast * float(np.nanmedian(contrasts))
    good = (contrasts >= least) & (symmetries >= config.least_symmetry)
    return np.asarray(~good, dtype=np.bool_)
