"""TOML that reads back to the last bit, on few lines."""

import tomllib

import numpy as np

from membraneseg.io.toml import LINE_LENGTH, toml_text

VALUES = {
    "shape_zyx": [96, 256, 256],
    "nothing": [],
    "names": ["ribosome, large", "it's", 'a "quoted" one', "two\nlines", "[1,\n2]"],
    "deep": {"angles_deg": np.linspace(-60, 60, 81).tolist(), "flag": True, "more": {"x": 1e-9}},
    "many names": {"outer membrane": [f"kind number {k}" for k in range(30)]},
    "flags": [True, False],
    "nested": [[1, 2], [3, 4]],
}


def test_everything_reads_back():
    assert tomllib.loads(toml_text(VALUES)) == VALUES


def test_random_numbers_read_back_to_the_last_bit():
    numbers = (np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250)).tolist()
    assert tomllib.loads(toml_text({"a": {"b": numbers}})) == {"a": {"b": numbers}}


def test_short_arrays_take_one_line_and_long_ones_fill_theirs():
    lines = toml_text(VALUES).splitlines()
    assert "shape_zyx = [96, 256, 256]" in lines
    assert max(map(len, lines)) <= LINE_LENGTH
    assert len(lines) < 81
