"""What the tests of windows need; where it is missing they are skipped and say so."""

import os
import sys

import pytest


@pytest.fixture(autouse=True)
def screen():
    """Skip without a screen, as Qt would end the whole program there."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        pytest.skip("no display: run under xvfb-run")
