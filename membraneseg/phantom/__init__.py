"""Phantom tomograms with perfect truth."""
