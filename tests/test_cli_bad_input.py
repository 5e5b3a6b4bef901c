"""Bad input: one clear sentence with the remedy, exit code 2, nothing written."""

import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from membraneseg.cli import app, main

NOISE = np.random.default_rng(0).normal(size=(16, 40, 48)).astype(np.float32)


def called(monkeypatch, capsys, *arguments):
    """Exit code and standard error of the command line, run in this process."""
    monkeypatch.setattr(sys, "argv", ["membraneseg", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr().err


def refused(monkeypatch, capsys, tomogram, *arguments):
    """The one sentence with which a tomogram is refused; checks that nothing was written."""
    folder = tomogram.parent / "out"
    before = sorted(tomogram.parent.rglob("*"))
    code, error = called(monkeypatch, capsys, "run", tomogram, "-o", folder, *arguments)
    assert code == 2
    assert "Traceback" not in error
    assert error.startswith("membraneseg: ")
    assert len(error.strip().splitlines()) == 1
    assert sorted(tomogram.parent.rglob("*")) == before
    return error


@pytest.fixture
def refuse(monkeypatch, capsys):
    return lambda *arguments: refused(monkeypatch, capsys, *arguments)


def test_a_missing_file_is_named(refuse, tmp_path):
    assert "nowhere.mrc" in refuse(tmp_path / "nowhere.mrc")


def test_a_text_file_is_not_an_mrc(refuse, tmp_path):
    (tmp_path / "notes.mrc").write_text("these are notes, not densities\n" * 100)
    assert "MRC" in refuse(tmp_path / "notes.mrc")


def test_a_truncated_file_says_how_much_is_missing(refuse, tmp_path, write_mrc):
    path = write_mrc(tmp_path / "cut.mrc", NOISE)
    path.write_bytes(path.read_bytes()[:50_000])
    error = refuse(path)
    assert "truncated" in error
    assert "50000 bytes" in error


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_voxel_sizes_zero_and_one_ask_for_the_true_one(refuse, tmp_path, write_mrc, size):
    assert "--voxel-size" in refuse(write_mrc(tmp_path / "v.mrc", NOISE, size))


def test_anisotropic_voxels_are_refused(refuse, tmp_path, write_mrc):
    error = refuse(write_mrc(tmp_path / "a.mrc", NOISE, (10.0, 10.0, 14.0)))
    assert "14" in error


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(refuse, tmp_path, write_mrc, bad):
    path = write_mrc(tmp_path / "n.mrc", NOISE, 10.0)
    raw = bytearray(path.read_bytes())
    raw[1024 + 400 : 1024 + 404] = np.float32(bad).tobytes()
    path.write_bytes(bytes(raw))
    assert "NaN" in refuse(path)


def test_a_constant_volume_is_refused(refuse, tmp_path, write_mrc):
    error = refuse(write_mrc(tmp_path / "c.mrc", np.full_like(NOISE, 3.0)))
    assert "constant: every voxel is 3" in error


def test_a_single_slice_is_no_tomogram(refuse, tmp_path, write_mrc):
    assert "slice" in refuse(write_mrc(tmp_path / "s.mrc", NOISE[:1]))


def test_a_ten_thousand_pixel_wide_slice_is_refused(refuse, tmp_path, write_mrc):
    wide = np.zeros((8, 8, 10_000), np.int8)
    wide[:, :, ::2] = 1
    assert "10000" in refuse(write_mrc(tmp_path / "w.mrc", wide)).replace(",", "").replace(" ", "")


def test_an_output_that_exists_is_not_touched(refuse, tmp_path, write_mrc):
    path = write_mrc(tmp_path / "t.mrc", NOISE, 10.0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")
    error = refuse(path)
    assert "--resume" in error
    assert "--force" in error
    assert (tmp_path / "out" / "precious.txt").read_text() == "mine"


def test_an_output_that_is_a_file_is_refused(refuse, tmp_path, write_mrc):
    (tmp_path / "out").write_text("a file")
    assert "is a file" in refuse(write_mrc(tmp_path / "t.mrc", NOISE, 10.0))


def test_an_unwritable_output_is_refused_before_any_work(monkeypatch, capsys, tmp_path, write_mrc):
    path = write_mrc(tmp_path / "t.mrc", NOISE, 10.0)
    writing = os.W_OK | os.X_OK
    monkeypatch.setattr(os, "access", lambda _, mode, **__: mode != writing)  # even for root
    code, error = called(monkeypatch, capsys, "run", path, "-o", tmp_path / "no" / "out")
    assert code == 2
    assert "not writable" in error
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--tilt-range", "200"], "200"),
        (["--set", "segment.colour=blue"], "segment.colour"),
        (["--set", "segment"], "--set"),
        (["--set", "segment.tile_px=wide"], "segment.tile_px"),
        (["--from", "lunch"], "lunch"),
        (["--config", "absent.toml"], "absent.toml"),
        (["--device", "abacus"], "abacus"),
        (["--set", "segment.weights=absent.safetensors"], "absent.safetensors"),
    ],
)
def test_bad_options_are_named(refuse, tmp_path, write_mrc, options, word):
    assert word in refuse(write_mrc(tmp_path / "t.mrc", NOISE, 10.0), *options)


def test_from_a_stage_without_an_earlier_run_says_so(monkeypatch, capsys, tmp_path, write_mrc):
    path = write_mrc(tmp_path / "t.mrc", NOISE, 10.0)
    code, error = called(
        monkeypatch, capsys, "run", path, "-o", tmp_path / "out", "--from", "surfaces"
    )
    assert code == 2
    assert "segment" in error


def test_help_reads_like_a_manual_and_names_every_command():
    text = CliRunner().invoke(app, ["--help"]).output
    for word in ("run", "simulate", "evaluate", "demo", "report", "settings", "Exit codes"):
        assert word in text


def test_the_installed_command_exits_with_two_and_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "membraneseg.cli", "run", str(tmp_path / "nowhere.mrc")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
