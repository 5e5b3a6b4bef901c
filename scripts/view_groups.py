"""Points of each membrane in each slice, in the membrane's colour and with its number."""

from collections.abc import Callable

from slice_drawing import ResultFolder, SliceCanvas, draw_group, read_groups, run_viewer


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stage; draw the points of one slice."""
    groups, grid = read_groups(result), result.grid

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        for group in groups:
            draw_group(canvas, group, grid, z_px)

    return draw


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
