"""Reading MRC: every byte order, axis order and sign; bad files refused in one sentence."""

import bz2
import gzip
import itertools

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import check_voxels, new_header, read_tomogram, write_volume
from membraneseg.types import Tomogram

IMOD = 1146047817


def refusal(function, *arguments):
    """The message of a refusal, checked to be one sentence."""
    with pytest.raises(MembraneSegError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert ". " not in message.replace("13.5. ", "")
    return message


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f4", "f2"])
def test_every_mode_and_byte_order_gives_the_same_numbers(make_mrc, order, kind):
    stored = np.arange(990).reshape(9, 10, 11).__mod__(120).astype(kind)
    tomogram, _ = read_tomogram(make_mrc(stored, order=order))
    assert np.array_equal(tomogram.voxels, stored)


@pytest.mark.parametrize("stamp", [b"\0\0\0\0", b"DA\0\0", b"\x11\x11\0\0", b"\xff\xff\xff\xff"])
def test_a_wrong_machine_stamp_does_not_matter(make_mrc, noise, stamp):
    for order in "<>":
        tomogram, _ = read_tomogram(make_mrc(noise, order=order, stamp=stamp))
        assert np.array_equal(tomogram.voxels, noise)


@pytest.mark.parametrize("mapcrs", list(itertools.permutations((1, 2, 3))))
def test_every_axis_order_gives_the_same_volume(make_mrc, noise, mapcrs):
    # stored axis 2 - i runs along spatial axis mapcrs[i]; zyx axis of x, y, z is 2, 1, 0
    stored = noise.transpose([3 - mapcrs[2], 3 - mapcrs[1], 3 - mapcrs[0]])
    cells = {"m": (11, 10, 9), "cella": (132.0, 120.0, 108.0)}
    tomogram, header = read_tomogram(make_mrc(stored, mapcrs=mapcrs, **cells))
    assert np.array_equal(tomogram.voxels, noise)
    assert header.size_xyz == (11, 10, 9)


def test_axis_numbers_that_were_never_set_mean_x_y_z(make_mrc, noise):
    tomogram, _ = read_tomogram(make_mrc(noise, mapcrs=(0, 0, 0)))
    assert np.array_equal(tomogram.voxels, noise)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, -56),
        ({"imod": (IMOD, 1)}, -56),
        ({"imod": (IMOD, 0)}, 200),
        ({"map": b"\0\0\0\0"}, 200),
        ({"stats": (0.0, 200.0, 3.0)}, 200),
        ({"stats": (0.0, 200.0, 3.0), "imod": (IMOD, 1)}, -56),
    ],
)
def test_sign_of_bytes_follows_imods_flag_then_age_then_the_statistics(make_mrc, fields, expected):
    stored = np.zeros((9, 10, 11), dtype=np.uint8)
    stored[4, 5, 6] = 200
    tomogram, _ = read_tomogram(make_mrc(stored, **fields))
    assert int(tomogram.voxels[4, 5, 6]) == expected


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_compressed_files_are_known_by_their_content(make_mrc, noise, compress):
    path = make_mrc(noise)
    path.write_bytes(compress(path.read_bytes()))
    tomogram, _ = read_tomogram(path)
    assert np.array_equal(tomogram.voxels, noise)


def test_an_uncompressed_volume_is_mapped_not_loaded(make_mrc):
    path = make_mrc(np.zeros((8, 8, 8), dtype=np.float32), m=(8, 8, 8))
    tomogram, _ = read_tomogram(path)
    with path.open("rb+") as handle:  # a change in the file shows, so nothing was copied
        handle.seek(1024)
        handle.write(np.float32(5.0).tobytes())
    assert float(tomogram.voxels[0, 0, 0]) == 5.0


def test_voxel_size_is_cell_over_sampling_not_over_size(make_mrc, noise):
    path = make_mrc(noise, m=(100, 50, 25), cella=(1350.0, 675.0, 337.5))
    assert read_tomogram(path)[0].voxel_size_A == 13.5


def test_extended_header_is_skipped(make_mrc, noise):
    path = make_mrc(noise, nsymbt=160, extended=b"x" * 160)
    assert np.array_equal(read_tomogram(path)[0].voxels, noise)


def test_an_extended_header_that_is_not_there_is_forgiven(make_mrc, noise, caplog):
    path = make_mrc(noise, nsymbt=160)
    assert np.array_equal(read_tomogram(path)[0].voxels, noise)
    assert "not there" in caplog.text


def test_surplus_bytes_are_reported_but_read(make_mrc, noise, caplog):
    path = make_mrc(noise)
    path.write_bytes(path.read_bytes() + b"12345")
    assert np.array_equal(read_tomogram(path)[0].voxels, noise)
    assert "5 bytes longer" in caplog.text


def test_the_users_voxel_size_wins_and_reaches_the_outputs(make_mrc, noise, tmp_path):
    tomogram, header = read_tomogram(make_mrc(noise, cella=(11.0, 10.0, 9.0)), 25.26)
    assert tomogram.voxel_size_A == 25.26
    assert header.voxel_size_given
    write_volume(tmp_path / "out.mrc", noise, header, "test")
    assert read_tomogram(tmp_path / "out.mrc")[0].voxel_size_A == pytest.approx(25.26, rel=1e-6)


def test_the_users_voxel_size_scales_nstart(make_mrc, noise):
    tomogram, _ = read_tomogram(make_mrc(noise, nstart=(10, -20, 30)), 20.0)
    assert tomogram.origin_zyx_A.tolist() == [600.0, -400.0, 200.0]


def test_absurd_origin_and_nstart_count_as_never_set(make_mrc, noise):
    wild = make_mrc(noise, origin=(np.nan, 0.0, 0.0), nstart=(2_000_000, 0, 0))
    assert read_tomogram(wild)[0].origin_zyx_A.tolist() == [0.0, 0.0, 0.0]
    huge = make_mrc(noise, origin=(1e30, 0.0, 0.0), nstart=(1, 0, 0))
    assert read_tomogram(huge)[0].origin_zyx_A.tolist() == [0.0, 0.0, 12.0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cella": (0.0, 0.0, 0.0)}, ["0 Å", "nobody set it", "--voxel-size"]),
        ({"cella": (132.0, 120.0, 0.0)}, ["0 Å", "--voxel-size"]),
        ({"cella": (132.0, np.inf, 108.0)}, ["0 Å", "--voxel-size"]),
        ({"m": (0, 0, 0)}, ["0 Å", "--voxel-size"]),
        ({"cella": (11.0, 10.0, 9.0)}, ["1 Å", "nobody set it", "--voxel-size"]),
        ({"cella": (0.1474, 0.134, 0.1206)}, ["0.0134 Å", "1 to 100 Å", "--voxel-size"]),
        ({"cella": (1650.0, 1500.0, 1350.0)}, ["150 Å", "1 to 100 Å", "--voxel-size"]),
        ({"cella": (132.0, 120.0, 180.0)}, ["12 × 12 × 20", "no cubes", "resample"]),
        ({"angles": (90.0, 94.3, 90.0)}, ["94.3°", "rectangular", "resample"]),
        ({"ispg": 401}, ["stack of volumes", "split"]),
    ],
)
def test_a_header_that_cannot_be_trusted_is_refused(make_mrc, noise, fields, words):
    message = refusal(read_tomogram, make_mrc(noise, **fields))
    assert [word for word in words if word not in message] == []


def test_a_voxel_size_excuses_an_unset_header_but_no_unequal_axes(make_mrc, noise):
    assert read_tomogram(make_mrc(noise, cella=(132.0, 120.0, 0.0)), 12.0)[0].voxel_size_A == 12.0
    assert "no cubes" in refusal(read_tomogram, make_mrc(noise, cella=(132.0, 120.0, 180.0)), 12.0)


def test_half_a_voxel_of_drift_is_the_limit_for_unequal_axes(make_mrc):
    long = np.zeros((8, 8, 900), dtype=np.int8)
    cell = {"m": (900, 8, 8)}
    fine = make_mrc(long, cella=(900 * 10.004, 80.0, 80.0), **cell)
    assert read_tomogram(fine)[0].voxel_size_A == pytest.approx(10.00133, abs=1e-5)
    far = make_mrc(long, cella=(900 * 10.02, 80.0, 80.0), **cell)
    assert "1.2 voxels off" in refusal(read_tomogram, far)


@pytest.mark.parametrize("size", [0.0, 0.9, 101.0, -3.0, float("nan")])
def test_an_impossible_voxel_size_from_the_user_is_refused(make_mrc, noise, size):
    assert "--voxel-size" in refusal(read_tomogram, make_mrc(noise), size)


def test_unset_cell_angles_are_taken_as_right_angles(make_mrc, noise):
    assert read_tomogram(make_mrc(noise, angles=(0.0, 0.0, 0.0)))[0].voxel_size_A == 12.0


@pytest.mark.parametrize("shape", [(1, 64, 64), (7, 64, 64), (64, 64, 1)])
def test_one_slice_is_not_a_tomogram(make_mrc, shape):
    message = refusal(read_tomogram, make_mrc(np.zeros(shape, dtype=np.int8)))
    assert "is not a tomogram" in message


def test_a_ten_thousand_pixel_wide_volume_is_refused(make_mrc):
    message = refusal(read_tomogram, make_mrc(np.zeros((8, 8, 10_000), dtype=np.int8)))
    assert "10000 × 8 × 8" in message
    assert "8192" in message
    assert "bin" in message


def test_missing_file_folder_text_and_truncation_are_refused(make_mrc, noise, tmp_path):
    assert "does not exist" in refusal(read_tomogram, tmp_path / "none.mrc")
    assert "is a folder" in refusal(read_tomogram, tmp_path)
    text = tmp_path / "notes.mrc"
    text.write_text("This is not a tomogram at all; " * 100)
    assert "is not an MRC file" in refusal(read_tomogram, text)
    text.write_text("")
    assert "is not an MRC file" in refusal(read_tomogram, text)
    path = make_mrc(noise)
    path.write_bytes(path.read_bytes()[:-1])
    assert "is truncated: it has 4983 bytes and its header needs 4984" in refusal(
        read_tomogram, path
    )


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_compressed_file_cut_short_is_refused(make_mrc, noise, compress):
    path = make_mrc(noise)
    path.write_bytes(compress(path.read_bytes())[:-20])
    assert "cannot be read" in refusal(read_tomogram, path)


def test_complex_voxels_are_refused(make_mrc):
    message = refusal(read_tomogram, make_mrc(np.zeros((9, 10, 11), dtype=np.complex64)))
    assert "complex numbers (MRC mode 4)" in message


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mapcrs", [(1, 2, 3), (3, 1, 2)])
def test_a_value_that_is_not_finite_is_found_and_its_slice_named(make_mrc, noise, bad, mapcrs):
    noise[6, 2, 3] = bad
    stored = noise.transpose([3 - mapcrs[2], 3 - mapcrs[1], 3 - mapcrs[0]])
    cells = {"m": (11, 10, 9), "cella": (132.0, 120.0, 108.0)}
    tomogram, _ = read_tomogram(make_mrc(stored, mapcrs=mapcrs, **cells))
    slowest = {(1, 2, 3): "z = 6", (3, 1, 2): "y = 2"}[mapcrs]
    assert slowest in refusal(check_voxels, tomogram)


def test_a_constant_volume_is_refused_and_one_odd_voxel_saves_it():
    voxels = np.full((9, 10, 11), 3.0, dtype=np.float32)
    origin = new_header((9, 10, 11), 12.0, np.zeros(3)).origin_zyx_A
    assert "every voxel is 3" in refusal(check_voxels, Tomogram(voxels, 12.0, origin))
    voxels[8, 9, 10] = 3.5
    check_voxels(Tomogram(voxels, 12.0, origin))
