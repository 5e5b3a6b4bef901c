"""Pyto and region files, against what their formats say."""

import struct

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import new_header, read_tomogram, write_volume
from membraneseg.io.pyto import write_pyto
from membraneseg.io.regions import read_contours, read_region

SHAPE = (20, 40, 60)
ORIGIN = np.array([-30.0, 200.0, 1000.0])


@pytest.fixture
def header(tmp_path):
    made = new_header(SHAPE, 10.0, ORIGIN)
    write_volume(tmp_path / "tomo.mrc", np.zeros(SHAPE, dtype=np.int8), made, "empty")
    return read_tomogram(tmp_path / "tomo.mrc")[1]


def model(contours):
    """An IMOD model byte by byte, with chunks of other kinds between."""
    content = b"IMODV1.2" + bytes(128) + struct.pack(">3ii", 60, 40, 20, 1)
    content = content.ljust(8 + 232, b"\0")
    content += b"OBJT" + bytes(176)
    for xyz in contours:
        content += b"CONT" + struct.pack(">iIii", len(xyz), 0, 0, 0)
        content += np.asarray(xyz, dtype=">f4").tobytes()
        content += b"LABL" + struct.pack(">i", 5) + b"hello"
    content += b"MESH" + struct.pack(">2iIhh", 2, 3, 0, 0, 0) + bytes(2 * 12 + 3 * 4)
    return content + b"IEOF"


def square(z, low, high):
    return [(low, low, z), (high, low, z), (high, high, z), (low, high, z)]


def test_pyto_gets_region_1_and_vesicles_from_10_and_names_that_python_reads(tmp_path, header):
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[2:5], labels[8:10] = 1, 4
    region = np.zeros(SHAPE, dtype=bool)
    region[:12] = True
    write_pyto(tmp_path / "pyto", labels, region, tmp_path / "tomo.mrc", header)
    written = np.asarray(read_tomogram(tmp_path / "pyto" / "labels.mrc")[0].voxels)
    assert np.unique(written).tolist() == [0, 1, 10, 13]
    assert (written[2:5] == 10).all()
    assert (written[12:] == 0).all()
    names = {}
    exec((tmp_path / "pyto" / "tomo_info.py").read_text(), names)
    assert names["vesicle_ids"] == [10, 13]
    assert names["all_ids"] == [1, 10, 13]
    assert (tmp_path / "pyto" / names["image_file_name"]).resolve() == tmp_path / "tomo.mrc"


def test_contours_of_a_model_point_at_voxel_centres(tmp_path):
    path = tmp_path / "m.mod"
    path.write_bytes(model([square(3.0, 10.5, 20.5)]))
    (contour,) = read_contours(path)
    np.testing.assert_allclose(contour[0], [3.0, 10.0, 10.0])
    np.testing.assert_allclose(contour[2], [3.0, 20.0, 20.0])


def test_slices_between_drawn_contours_get_shapes_between_theirs(tmp_path, header):
    path = tmp_path / "m.mod"
    path.write_bytes(model([square(4.0, 10.0, 20.0), square(8.0, 6.0, 24.0)]))
    region = read_region(path, header)
    areas = region.sum(axis=(1, 2))
    assert (areas[:4] == 0).all()
    assert (areas[9:] == 0).all()
    assert areas[4] == pytest.approx(100, abs=21)
    assert areas[8] == pytest.approx(324, abs=37)
    assert (np.diff(areas[4:9]) > 0).all()


def test_a_mask_counts_where_it_is_above_zero(tmp_path, header):
    mask = np.zeros(SHAPE, dtype=np.int8)
    mask[3, 4:9] = 2
    write_volume(tmp_path / "mask.mrc", mask, header, "mask")
    np.testing.assert_array_equal(read_region(tmp_path / "mask.mrc", header), mask > 0)


def test_regions_that_are_empty_of_another_size_or_damaged_are_refused(tmp_path, header):
    write_volume(tmp_path / "none.mrc", np.zeros(SHAPE, dtype=np.int8), header, "none")
    with pytest.raises(MembraneSegError, match="is empty"):
        read_region(tmp_path / "none.mrc", header)
    other = new_header((9, 10, 11), 10.0, np.zeros(3))
    write_volume(tmp_path / "small.mrc", np.ones((9, 10, 11), dtype=np.int8), other, "small")
    with pytest.raises(MembraneSegError, match="expected the same"):
        read_region(tmp_path / "small.mrc", header)
    (tmp_path / "cut.mod").write_bytes(model([square(4.0, 10.0, 20.0)])[:450])
    with pytest.raises(MembraneSegError, match="damaged"):
        read_region(tmp_path / "cut.mod", header)
    with pytest.raises(MembraneSegError, match="cannot be read"):
        read_region(tmp_path / "missing.mod", header)
