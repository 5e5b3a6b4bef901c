"""Final surfaces in each slice, pale and thin where inferred, and in white their points."""

from collections.abc import Callable

from slice_drawing import (
    ResultFolder,
    SliceCanvas,
    draw_contours,
    points_in_slice,
    read_meshes,
    read_selected,
    run_viewer,
)

WHITE = (255, 255, 255)


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stages; draw the contours and the selected points of one slice."""
    meshes, selected, grid = read_meshes(result), read_selected(result), result.grid

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        for group in selected:
            canvas.dots(points_in_slice(group, grid, z_px), WHITE, radius=1.8)
        for label, mesh in meshes:
            draw_contours(canvas, label, mesh, grid, z_px)

    return draw


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
