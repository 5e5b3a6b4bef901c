"""Spherical vesicles: radial profiles, radii, outliers."""
