"""Membrane probability over each slice of the tomogram."""

from collections.abc import Callable

from slice_drawing import (
    ResultFolder,
    SliceCanvas,
    lay_probability,
    read_probability,
    run_viewer,
)


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stage; draw one slice of it."""
    probability = read_probability(result)
    return lambda canvas, z_px: lay_probability(canvas, probability[z_px])


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
