"""Curves traced in each slice, numbered; a dot marks every open end."""

from collections.abc import Callable

from slice_drawing import ResultFolder, SliceCanvas, read_fragments, run_viewer

from membraneseg.colours import inferred_colour, membrane_colour


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stage; draw the curves of one slice."""
    by_slice = read_fragments(result)

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        if z_px not in by_slice:
            return
        fragments = by_slice[z_px]
        for number, curve in enumerate(fragments.curves_yx_px, start=1):
            colour, closed = membrane_colour(number), bool(fragments.closed[number - 1])
            canvas.lines(curve, colour, closed)
            if not closed:
                canvas.dots(curve[[0, -1]], inferred_colour(colour), radius=3.5)
            canvas.number(number, curve[len(curve) // 2], inferred_colour(colour))

    return draw


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
