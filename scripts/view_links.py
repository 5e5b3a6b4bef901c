"""Curves of one slice and the links that the walker makes: a number and colour per membrane."""

import json
from collections.abc import Callable

import numpy as np
from slice_drawing import ResultFolder, SliceCanvas, read_fragments, read_probability, run_viewer

from membraneseg.colours import inferred_colour, membrane_colour
from membraneseg.group.slice_links import link_slice_fragments, slice_connections, walker
from rl_agent.policy import load_policy

LINK_COLOUR = (255, 255, 255)


def prepare(result: ResultFolder) -> Callable[[SliceCanvas, int], None]:
    """Read the stages; link and draw the curves of one slice."""
    by_slice, probability = read_fragments(result), read_probability(result)
    facts = json.loads((result.path / "run.json").read_text(encoding="utf-8"))
    tilt_range_deg, linker = float(facts["tilt_range_deg"]), walker(load_policy())

    def draw(canvas: SliceCanvas, z_px: int) -> None:
        if z_px not in by_slice:
            return
        fragments = by_slice[z_px]
        given = (fragments, probability[z_px].astype(np.float32), tilt_range_deg, linker)
        for label, members in enumerate(link_slice_fragments(*given), start=1):
            colour = membrane_colour(label)
            for curve in members:
                canvas.lines(fragments.curves_yx_px[curve], colour, bool(fragments.closed[curve]))
            middle = fragments.curves_yx_px[members[0]]
            canvas.number(label, middle[len(middle) // 2], inferred_colour(colour))
        for link in slice_connections(*given):
            canvas.lines(link, LINK_COLOUR, closed=False, width=1)

    return draw


if __name__ == "__main__":
    run_viewer(__doc__ or "", prepare)
