"""One slice as three of the viewers show it, side by side.

python scripts/draw_stages.py OUT --z 30 --save stages.png
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import view_anchors
import view_ellipses
import view_likelihood
from slice_drawing import ResultFolder, slice_canvas

from membraneseg.report.slices import grey_range

PANELS = (
    (view_ellipses, "ellipses"),
    (view_anchors, "anchors"),
    (view_likelihood, "likelihood"),
)
GAP_PX, WIDTH_PX = 12, 560


def main() -> None:
    """Draw the three panels and write them as one picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="output folder of membraneseg run")
    parser.add_argument("--z", type=int, required=True, help="slice, counted from 0")
    parser.add_argument("--save", type=Path, required=True, help="write this picture")
    options = parser.parse_args()
    result = ResultFolder(options.result)
    limits, panels = grey_range(result.tomogram.voxels), []
    for viewer, name in PANELS:
        canvas = slice_canvas(result, options.z, limits)
        viewer.prepare(result)(canvas, options.z)
        share = WIDTH_PX / canvas.pixels.shape[1]
        small = cv2.resize(canvas.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        font = cv2.FONT_HERSHEY_SIMPLEX
        place = (10, small.shape[0] - 14)
        for shade, width in (((20, 20, 20), 4), ((235, 235, 235), 1)):
            cv2.putText(small, name, place, font, 0.6, shade, width, cv2.LINE_AA)
        panels += [small, np.full((len(small), GAP_PX, 3), 255, dtype=np.uint8)]
    if not cv2.imwrite(str(options.save), np.hstack(panels[:-1])):
        raise SystemExit(f"{options.save} cannot be written: choose a writable folder.")


if __name__ == "__main__":
    main()
