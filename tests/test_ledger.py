"""Stages are computed once, in order, and never taken from another run's leavings."""

import numpy as np
import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.stages import SliceStream
from membraneseg.ledger import Codec, Ledger, hash_of, peak_memory_MB
from membraneseg.progress import SilentReporter

CODEC = Codec(lambda value: {"value": np.array(value)}, lambda arrays: int(arrays["value"]))


def walk(folder, settings=(1, 2, 3), *, resume=False, first=None, key="input"):
    """Run three stages, each the previous value plus its setting; return value and what ran."""
    ran = []
    ledger = Ledger(folder, key, SilentReporter(), resume, first)
    value = 0
    for name, add in zip("abc", settings, strict=True):

        def compute(progress, name=name, add=add, before=value):
            ran.append(name)
            return before + add

        value = ledger.run(name, {"add": add}, compute, CODEC)
    return value, "".join(ran)


def test_a_second_run_repeats_nothing_when_resumed_and_everything_when_not(tmp_path):
    assert walk(tmp_path) == (6, "abc")
    assert walk(tmp_path, resume=True) == (6, "")
    assert walk(tmp_path) == (6, "abc")


def test_a_missing_stage_is_computed_and_so_is_all_after_it(tmp_path):
    walk(tmp_path)
    (tmp_path / "b.npz").unlink()
    assert walk(tmp_path, resume=True) == (6, "bc")


def test_a_changed_setting_makes_its_stage_and_all_after_it_run_again(tmp_path):
    walk(tmp_path)
    assert walk(tmp_path, (1, 20, 3), resume=True) == (24, "bc")


def test_another_input_shares_nothing(tmp_path):
    walk(tmp_path)
    assert walk(tmp_path, resume=True, key="other") == (6, "abc")


def test_a_damaged_stage_file_is_not_trusted(tmp_path, caplog):
    walk(tmp_path)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:40])
    assert walk(tmp_path, resume=True) == (6, "abc")
    assert "damaged" in caplog.text


def test_from_a_stage_computes_that_stage_and_all_after_it(tmp_path):
    walk(tmp_path)
    assert walk(tmp_path, resume=True, first="b") == (6, "bc")


def test_from_a_stage_refuses_when_an_earlier_one_does_not_fit(tmp_path):
    walk(tmp_path)
    with pytest.raises(MembraneSegError, match="--from c needs the stage 'a'"):
        walk(tmp_path, resume=True, first="c", key="other")


def test_a_stage_that_comes_slice_by_slice_is_computed_once_and_stays_on_disk(tmp_path):
    volume = np.arange(24.0).reshape(4, 2, 3)
    codec = Codec(
        lambda planes: SliceStream(4, ({"volume": plane} for plane in planes)),
        lambda arrays: arrays["volume"],
    )
    seen = []

    def compute(progress):
        for z in range(4):
            seen.append(z)
            yield volume[z]

    for _ in range(2):
        ledger = Ledger(tmp_path, "input", SilentReporter(), resume=True)
        value = ledger.run("s", {}, compute, codec)
        assert isinstance(value, np.memmap)
        np.testing.assert_array_equal(value, volume)
    assert seen == [0, 1, 2, 3]
    assert [record.resumed for record in ledger.records] == [True]
    (tmp_path / "s.volume.npy").write_bytes(b"half")
    again = Ledger(tmp_path, "input", SilentReporter(), resume=True)
    np.testing.assert_array_equal(again.run("s", {}, compute, codec), volume)
    assert len(seen) == 8


def test_keys_depend_on_order_name_and_settings():
    keys = {hash_of("", "a", {"x": 1}), hash_of("", "a", {"x": 2}), hash_of("", "b", {"x": 1})}
    assert len(keys | {hash_of("k", "a", {"x": 1})}) == 4


def test_peak_memory_is_counted_in_megabytes():
    before = peak_memory_MB()
    block = np.ones(40_000_000)
    assert before > 20
    assert peak_memory_MB() >= before
    assert peak_memory_MB() < 100_000
    assert block.sum() == 40_000_000
