"""Synthetic cryo-EM slices of membranes with known answers."""
