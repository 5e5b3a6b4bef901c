"""STAR files, read by starfile."""

import numpy as np
import pytest
import starfile

from membraneseg.io.mrc import new_header
from membraneseg.io.star import write_star
from membraneseg.io.star_blocks import write_star_blocks


def test_blocks_are_read_back_with_their_columns_and_types(tmp_path):
    blocks = {
        "optics": {"rlnOpticsGroup": ([1], "%d"), "rlnPixelSize": ([13.5], "%.3f")},
        "particles": {
            "rlnTomoName": (["tomo 1", "tomo-2", "_three"], "%s"),
            "rlnCoordinateX": (np.array([1.25, -2.5, 1e5]), "%.3f"),
        },
    }
    write_star_blocks(tmp_path / "a.star", blocks, ["counted from 0"])
    found = starfile.read(tmp_path / "a.star", always_dict=True)
    assert list(found) == ["optics", "particles"]
    assert found["optics"].rlnPixelSize.tolist() == [13.5]
    assert found["particles"].rlnTomoName.tolist() == ["tomo 1", "tomo-2", "_three"]
    assert found["particles"].rlnCoordinateX.tolist() == [1.25, -2.5, 1e5]
    assert "# counted from 0" in (tmp_path / "a.star").read_text()


def test_columns_of_different_lengths_are_refused(tmp_path):
    columns = {"a": ([1, 2], "%d"), "b": ([1], "%d")}
    with pytest.raises(ValueError, match="shorter"):
        write_star_blocks(tmp_path / "a.star", {"x": columns})
    assert list(tmp_path.iterdir()) == []


def test_an_empty_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no empty values"):
        write_star_blocks(tmp_path / "a.star", {"x": {"a": ([""], "%s")}})


def test_places_are_in_voxels_from_the_centre_of_the_first(tmp_path):
    header = new_header((60, 80, 100), 12.5, np.array([100.0, -200.0, 300.0]))
    centres = np.array([[100.0, -200.0, 300.0], [350.0, 50.0, 800.0]])
    write_star(tmp_path / "v.star", "tomo", centres, header)
    found = starfile.read(tmp_path / "v.star")
    places = found[["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]].to_numpy()
    assert places.tolist() == [[0, 0, 0], [40, 20, 20]]
    assert found.rlnTomoName.tolist() == ["tomo", "tomo"]
