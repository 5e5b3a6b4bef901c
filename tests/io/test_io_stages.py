"""Stage files: what comes back is what was saved, and nothing stale or damaged comes back."""

import numpy as np
import pytest

from membraneseg.io.stages import load_stage, pack, save_stage, unpack


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


@pytest.mark.parametrize("lengths", [(3, 0, 5), (0,), (), (1, 1, 1)])
def test_unpacking_undoes_packing(lengths):
    rng = np.random.default_rng(5)
    arrays = [rng.random((n, 2)) for n in lengths]
    joined, offsets = pack(arrays)
    assert offsets.tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    unpacked = unpack(joined, offsets)
    assert len(unpacked) == len(arrays)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, unpacked, strict=True))
