"""Closed surfaces from scattered points: ellipses, ellipsoids and thin-plate Gaussian processes.

Arrays are zyx; the unit is the voxel: noise about 0.7, spacing of the points about 1.
"""

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
from gp_fit.fit import FitConfig, fit_surface
from gp_fit.fitted import FittedSurface
from gp_fit.star_fit import StarConfig
from gp_fit.star_shaped import StarShapedSurface

__all__ = [
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
    "StarConfig",
    "StarShapedSurface",
    "TooFewPointsError",
    "distance_to_ellipse",
    "fit_ellipse",
    "fit_ellipsoid",
    "fit_surface",
]
