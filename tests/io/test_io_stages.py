"""Stage files: what comes back is what was saved, and nothing stale or damaged comes back."""

import numpy as np
import pytest

from membraneseg.io.stages import (
    SliceStream,
    load_stage,
    pack,
    read_stage,
    save_slices,
    save_stage,
    unpack,
)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(3)
    return {
        "probability": rng.random((4, 5, 6), dtype=np.float32),
        "labels": rng.integers(0, 9, (4, 5, 6)),
        "closed": np.array([True, False]),
        "names": np.array(["membrane_0001", "ø"]),
        "empty": np.zeros((0, 3)),
    }


def test_arrays_come_back_bit_by_bit(tmp_path, arrays):
    save_stage(tmp_path / "stages" / "segment.npz", arrays, "key 1")
    loaded = load_stage(tmp_path / "stages" / "segment.npz", "key 1")
    assert loaded is not None
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert np.array_equal(loaded[name], array)


def test_an_absent_file_or_another_key_gives_nothing(tmp_path, arrays):
    path = tmp_path / "segment.npz"
    assert load_stage(path, "key 1") is None
    save_stage(path, arrays, "key 1")
    assert load_stage(path, "key 2") is None
    assert load_stage(path, "key 1") is not None


def test_a_file_cut_anywhere_counts_as_absent_and_is_reported(tmp_path, arrays, caplog):
    path = tmp_path / "segment.npz"
    save_stage(path, arrays, "key")
    content = path.read_bytes()
    for length in range(0, len(content), 61):
        path.write_bytes(content[:length])
        caplog.clear()
        assert load_stage(path, "key") is None
        assert "damaged" in caplog.text


def test_a_flipped_byte_never_gives_wrong_numbers(tmp_path, arrays):
    path = tmp_path / "segment.npz"
    save_stage(path, arrays, "key")
    content = path.read_bytes()
    for at in range(0, len(content), 23):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        loaded = load_stage(path, "key") or {}
        for name in set(loaded) & set(arrays):
            assert np.array_equal(loaded[name], arrays[name])


def test_objects_and_the_name_of_the_key_are_refused(tmp_path):
    with pytest.raises(ValueError, match="objects cannot be saved: ragged"):
        save_stage(tmp_path / "s.npz", {"ragged": np.array([[1], [1, 2]], dtype=object)}, "key")
    with pytest.raises(ValueError, match="stage_key"):
        save_stage(tmp_path / "s.npz", {"stage_key": np.zeros(1)}, "key")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def volumes():
    rng = np.random.default_rng(4)
    return {
        "membrane": rng.random((5, 4, 6)).astype(np.float16),
        "protein": rng.integers(0, 2, (5, 4, 6)).astype(np.int8),
    }


def stream_of(volumes, fail_at=None):
    def slices():
        for z in range(5):
            if z == fail_at:
                raise RuntimeError("killed")
            yield {name: volume[z] for name, volume in volumes.items()}

    return SliceStream(5, slices())


def test_volumes_saved_slice_by_slice_come_back_as_memory_maps(tmp_path, volumes):
    save_slices(tmp_path / "segment.npz", stream_of(volumes), "key")
    loaded = load_stage(tmp_path / "segment.npz", "key")
    assert list(loaded) == list(volumes)
    for name, volume in volumes.items():
        assert isinstance(loaded[name], np.memmap)
        assert loaded[name].dtype == volume.dtype
        np.testing.assert_array_equal(loaded[name], volume)
        np.testing.assert_array_equal(np.load(tmp_path / f"segment.{name}.npy"), volume)
    assert load_stage(tmp_path / "segment.npz", "other key") is None
    np.testing.assert_array_equal(
        read_stage(tmp_path / "segment.npz")["protein"], loaded["protein"]
    )


def test_a_stream_that_breaks_off_leaves_nothing_or_what_was_there(tmp_path, volumes):
    path = tmp_path / "segment.npz"
    with pytest.raises(RuntimeError, match="killed"):
        save_slices(path, stream_of(volumes, fail_at=3), "key")
    assert list(tmp_path.iterdir()) == []
    save_slices(path, stream_of(volumes), "key")
    with pytest.raises(RuntimeError, match="killed"):
        save_slices(path, stream_of(volumes, fail_at=3), "key")
    np.testing.assert_array_equal(load_stage(path, "key")["membrane"], volumes["membrane"])
    short = SliceStream(6, stream_of(volumes).slices)
    with pytest.raises(ValueError, match="expected 6 slices, 5 came"):
        save_slices(path, short, "key")


@pytest.mark.parametrize("name", ["membrane", "protein"])
def test_a_volume_of_another_run_or_a_damaged_one_is_not_trusted(tmp_path, volumes, name, caplog):
    path, volume = tmp_path / "segment.npz", tmp_path / f"segment.{name}.npy"
    save_slices(path, stream_of(volumes), "key")
    content = volume.read_bytes()
    for damaged in (content[:-1], content[:40], b"", content[:-1] + bytes([content[-1] ^ 1])):
        volume.write_bytes(damaged)
        caplog.clear()
        assert load_stage(path, "key") is None
        assert "damaged" in caplog.text
    volume.unlink()
    assert load_stage(path, "key") is None
    volume.write_bytes(content)
    assert load_stage(path, "key") is not None


@pytest.mark.parametrize("lengths", [(3, 0, 5), (0,), (), (1, 1, 1)])
def test_unpacking_undoes_packing(lengths):
    rng = np.random.default_rng(5)
    arrays = [rng.random((n, 2)) for n in lengths]
    joined, offsets = pack(arrays)
    assert offsets.tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    unpacked = unpack(joined, offsets)
    assert len(unpacked) == len(arrays)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, unpacked, strict=True))
