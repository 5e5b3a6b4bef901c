"""Files appear whole or not at all."""

import os
import signal
import subprocess
import sys
import time

import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import remove_partial_files, whole_file, write_text


def test_the_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with whole_file(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".partial")
        assert str(os.getpid()) in temporary.name
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_content_and_no_temporary(tmp_path, error):
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def fail_half_way():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_a_place_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(MembraneSegError, match=r"Cannot write .*choose a writable output folder"):
        write_text(tmp_path / "file" / "out.txt", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MembraneSegError, match="Cannot write"):
        write_text(tmp_path / "folder", "text")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_trouble_with_another_file_is_not_blamed_on_the_output(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out.txt"):
        (tmp_path / "absent.txt").read_text()


def test_a_killed_writer_leaves_the_old_file_and_its_leftover_can_be_cleared(tmp_path):
    path = tmp_path / "out.txt"
    write_text(path, "old")
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from membraneseg.io.atomic import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as t:\n    t.write_text('half')\n    time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.partial")) and time.monotonic() < deadline:
        time.sleep(0.02)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert path.read_text() == "old"
    assert remove_partial_files(tmp_path) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.txt"]
