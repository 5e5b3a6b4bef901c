"""From a cryo-electron tomogram to closed, trustworthy 3-D membranes."""

__version__ = "0.1.0"
