"""The window of a slice viewer: it opens on a screen, and its slider goes through the slices."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_stages import SHAPE, make_stages

from membraneseg.colours import membrane_colour

SCRIPT = Path(__file__).parents[2] / "scripts" / "view_fragments.py"
OPENCV = os.environ.get("OPENCV_WITH_WINDOWS", "")
"""Folder of an OpenCV that opens windows; by default the installed one, which may be headless."""
LEVELS = (10, 3)

WATCHED = """
import runpy, sys
import cv2
from PIL import ImageGrab

script, result, levels, folder = sys.argv[1], sys.argv[2], eval(sys.argv[3]), sys.argv[4]
title = f"view_fragments: {result.split('/')[-1]}"
waiting, seen = cv2.waitKey, []

def watched(_):
    if seen:
        cv2.setTrackbarPos("z", title, levels[len(seen)])
    waiting(500)
    ImageGrab.grab(xdisplay="").save(f"{folder}/{cv2.getTrackbarPos('z', title)}.png")
    seen.append(1)
    return ord("q") if len(seen) == len(levels) else -1

cv2.waitKey = watched
sys.path.insert(0, script.rpartition("/")[0])
tomogram = f"{result}/tomogram.mrc"
sys.argv = [script, result, "--tomogram", tomogram, "--z", str(levels[0])]
runpy.run_path(script, run_name="__main__")
"""
"""The viewer as it is, but for a look at the screen whenever it waits for a key."""

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(
        not OPENCV and "GUI:                           NONE" in cv2.getBuildInformation(),
        reason="needs opencv-python in place of opencv-python-headless, or its folder in "
        "OPENCV_WITH_WINDOWS",
    ),
]


def test_the_window_opens_and_its_slider_changes_the_slice(tmp_path):
    result = make_stages(tmp_path / "out")
    words = [str(SCRIPT), str(result), str(LEVELS), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": OPENCV}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words], env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    coloured = []
    for z in LEVELS:
        screen = cv2.imread(str(tmp_path / f"{z}.png"))[..., ::-1].astype(int)
        assert (screen.max(axis=2) > 30).sum() > 50 * SHAPE[1] * SHAPE[2]  # the slice, 10 times
        coloured.append((np.abs(screen - np.array(membrane_colour(1))).max(axis=2) < 6).sum())
    assert coloured[0] > 200  # the circle that was traced in this slice and in no other
    assert coloured[1] == 0
