"""Tables of any columns: what is written is what other readers read."""

import csv

import numpy as np
import pytest

from membraneseg.io.columns import write_columns


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.reader(source))


def test_numbers_have_the_format_of_their_column(tmp_path):
    columns = {"id": (np.array([1, 2]), "%d"), "x_A": (np.array([0.12345, -7.0]), "%.3f")}
    write_columns(tmp_path / "t.csv", columns)
    assert (tmp_path / "t.csv").read_text() == "id,x_A\n1,0.123\n2,-7.000\n"


def test_what_is_not_known_is_an_empty_field(tmp_path):
    columns = {"a": ([1.5, None], "%.1f"), "b": (np.array([np.nan, np.inf]), "%.2f")}
    write_columns(tmp_path / "t.csv", columns)
    assert rows_of(tmp_path / "t.csv") == [["a", "b"], ["1.5", ""], ["", ""]]


@pytest.mark.parametrize("name", ["plain", "a, b", 'say "hi"', "two\nlines", "50 %"])
def test_any_text_comes_back(tmp_path, name):
    write_columns(tmp_path / "t.csv", {"name": ([name], "%s"), "n": ([3], "%d")})
    assert rows_of(tmp_path / "t.csv") == [["name", "n"], [name, "3"]]


def test_a_table_of_nothing_has_its_header(tmp_path):
    write_columns(tmp_path / "t.csv", {"id": (np.zeros(0, int), "%d"), "x": ([], "%.3f")})
    assert (tmp_path / "t.csv").read_text() == "id,x\n"


def test_columns_of_different_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_columns(tmp_path / "t.csv", {"a": ([1, 2], "%d"), "b": ([1], "%d")})
    assert not list(tmp_path.iterdir())
