"""Writing MRC: the header kept, the right type, whole or not at all."""

import warnings

import mrcfile
import numpy as np
import pytest

from membraneseg import __version__
from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import create_volume, new_header, read_tomogram, write_volume


def test_what_is_written_is_valid_by_mrcfile_and_equal(tmp_path, noise):
    path = tmp_path / "out.mrc"
    write_volume(path, noise, new_header(noise.shape, 13.48, np.array([1.0, 2.0, 3.0])), "test ø")
    assert mrcfile.validate(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with mrcfile.open(path) as mrc:
            assert np.array_equal(mrc.data, noise)
            assert mrc.voxel_size.x == pytest.approx(13.48, rel=1e-6)
            assert [float(mrc.header.origin[a]) for a in "xyz"] == [3.0, 2.0, 1.0]
            assert int(mrc.header.nlabl) == 1
            label = mrc.header.label[0].decode()
            assert label.rstrip() == f"membraneseg {__version__} test ?"
            assert float(mrc.header.dmin) == 0.0
            assert float(mrc.header.dmax) == 989.0
            assert float(mrc.header.dmean) == pytest.approx(494.5)
            assert float(mrc.header.rms) == pytest.approx(noise.std(), rel=1e-6)


@pytest.mark.parametrize(
    ("given", "highest", "mode"),
    [
        (bool, 1, 0),
        (np.int8, 127, 0),
        (np.uint8, 127, 0),
        (np.uint8, 128, 1),
        (np.int16, 3, 1),
        (np.int64, 32767, 1),
        (np.int32, 32768, 6),
        (np.uint16, 65535, 6),
        (np.float16, 2, 2),
        (np.float64, 2, 2),
    ],
)
def test_each_kind_of_array_gets_a_type_that_holds_it(tmp_path, given, highest, mode):
    voxels = np.zeros((8, 9, 10), dtype=given)
    voxels[3, 4, 5] = highest
    path = tmp_path / "out.mrc"
    write_volume(path, voxels, new_header(voxels.shape, 10.0, np.zeros(3)), "labels")
    with mrcfile.open(path) as mrc:
        assert int(mrc.header.mode) == mode
        assert float(mrc.data[3, 4, 5]) == highest


def test_labels_beyond_sixteen_bits_are_refused(tmp_path):
    voxels = np.full((8, 8, 8), 70_000)
    with pytest.raises(MembraneSegError, match="up to 65535"):
        write_volume(tmp_path / "out.mrc", voxels, new_header((8, 8, 8), 10.0, np.zeros(3)), "")
    assert list(tmp_path.iterdir()) == []


def test_the_input_header_is_kept_number_by_number(make_mrc, noise, tmp_path):
    fields = {"m": (100, 90, 80), "cella": (1348.0, 1213.2, 1078.4), "nstart": (5, -6, 7)}
    path = make_mrc(noise, origin=(-512.5, 100.25, 33.0), **fields)
    header = read_tomogram(path)[1]
    write_volume(tmp_path / "out.mrc", noise, header, "test")
    before, after = path.read_bytes(), (tmp_path / "out.mrc").read_bytes()
    assert after[16:52] == before[16:52]  # nstart, mx, my, mz, cell lengths
    assert after[196:212] == before[196:212]  # origin, MAP


def test_a_volume_written_slab_by_slab_equals_one_written_at_once(tmp_path, noise):
    header = new_header(noise.shape, 12.0, np.zeros(3))
    write_volume(tmp_path / "once.mrc", noise, header, "same")
    with create_volume(tmp_path / "slabs.mrc", noise.shape, np.float32, header, "same") as out:
        assert not (tmp_path / "slabs.mrc").exists()
        out[:4] = noise[:4]
        out[4:] = noise[4:]
    assert (tmp_path / "slabs.mrc").read_bytes() == (tmp_path / "once.mrc").read_bytes()


def test_an_error_half_way_leaves_the_old_file_and_nothing_else(tmp_path, noise):
    path = tmp_path / "out.mrc"
    header = new_header(noise.shape, 12.0, np.zeros(3))
    write_volume(path, noise, header, "old")
    old = path.read_bytes()
    with (
        pytest.raises(ZeroDivisionError),
        create_volume(path, noise.shape, np.int8, header, "new") as out,
    ):
        out[0] = 1 // 0
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mrc"]


def test_a_shape_that_is_not_the_headers_is_refused(tmp_path, noise):
    header = new_header((9, 10, 12), 12.0, np.zeros(3))
    with pytest.raises(ValueError, match="differs from the header"):
        write_volume(tmp_path / "out.mrc", noise, header, "test")
