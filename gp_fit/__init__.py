"""Closed surfaces from scattered points: ellipses, ellipsoids and thin-plate Gaussian processes.

Arrays are zyx; the unit is the voxel: noise about 0.7, spacing of the points about 1.
"""

from gp_fit.anchored import AnchoredConfig, AnchoredSurface
from gp_fit.config import FitConfig
from gp_fit.coverage import ClosureConfig, Coverage
from gp_fit.ellipse import Ellipse, distance_to_ellipse, fit_ellipse
from gp_fit.ellipsoid import Ellipsoid, fit_ellipsoid
from gp_fit.errors import (
    CollinearPointsError,
    CoplanarPointsError,
    GeometryError,
    NoSurfaceError,
    TooFewPointsError,
)
from gp_fit.evidence_energy import EvidenceConfig
from gp_fit.fit import fit_surface
from gp_fit.fitted import FittedSurface
from gp_fit.hermite import HermiteSurface
from gp_fit.hermite_evidence import Sighting, hermite_with_evidence
from gp_fit.hermite_fit import HermiteConfig
from gp_fit.likelihood import surface_likelihood, zero_likelihood
from gp_fit.reliability import Reliability
from gp_fit.rings import RingConfig, RingProcess, double_ring, single_ring
from gp_fit.star_fit import StarConfig
from gp_fit.star_shaped import StarShapedSurface
from gp_fit.wedge_evidence import with_wedge_evidence

__all__ = [
    "AnchoredConfig",
    "AnchoredSurface",
    "EvidenceConfig",
    "HermiteConfig",
    "HermiteSurface",
    "Sighting",
    "hermite_with_evidence",
    "with_wedge_evidence",
    "ClosureConfig",
    "CollinearPointsError",
    "CoplanarPointsError",
    "Coverage",
    "Ellipse",
    "Ellipsoid",
    "FitConfig",
    "FittedSurface",
    "GeometryError",
    "NoSurfaceError",
    "Reliability",
    "RingConfig",
    "RingProcess",
    "StarConfig",
    "StarShapedSurface",
    "TooFewPointsError",
    "distance_to_ellipse",
    "double_ring",
    "fit_ellipse",
    "fit_ellipsoid",
    "fit_surface",
    "single_ring",
    "surface_likelihood",
    "zero_likelihood",
]
