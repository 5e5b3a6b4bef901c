"""Closed surfaces from scattered points: ellipses, ellipsoids and thin-plate Gaussian processes."""
