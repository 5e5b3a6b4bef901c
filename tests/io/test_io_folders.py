"""Output folders appear whole, and never take anything of the user's with them."""

import pytest

from membraneseg.errors import MembraneSegError
from membraneseg.io.folders import check_output_folder, remove_partial_folders, whole_folder

SEAL = "scene.toml"


def fill(folder, text="new"):
    for name in ("a.txt", SEAL, "z.txt"):
        (folder / name).write_text(text)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_folder_appears_only_when_the_block_ends(tmp_path):
    with whole_folder(tmp_path / "set" / "one", SEAL) as new:
        fill(new)
        assert new.parent == tmp_path / "set"
        assert not (tmp_path / "set" / "one").exists()
    assert names(tmp_path / "set" / "one") == ["a.txt", "scene.toml", "z.txt"]
    assert names(tmp_path / "set") == ["one"]


def test_files_of_an_existing_folder_are_replaced_and_others_stay(tmp_path):
    fill(tmp_path, "old")
    (tmp_path / "mine.txt").write_text("mine")
    with whole_folder(tmp_path, SEAL) as new:
        fill(new)
    assert names(tmp_path) == ["a.txt", "mine.txt", "scene.toml", "z.txt"]
    assert {(tmp_path / n).read_text() for n in ("a.txt", SEAL, "z.txt")} == {"new"}


def test_the_seal_goes_first_and_comes_last(tmp_path, monkeypatch):
    fill(tmp_path, "old")
    moved = []
    path = type(tmp_path)
    replace = path.replace

    def watched(self, target):
        moved.append((self.name, (tmp_path / SEAL).exists()))
        return replace(self, target)

    monkeypatch.setattr(path, "replace", watched)
    with whole_folder(tmp_path, SEAL) as new:
        fill(new)
    assert [name for name, _ in moved][-1] == SEAL
    assert not any(sealed for _, sealed in moved)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("name", [".", "new"])
def test_an_exception_leaves_everything_as_it_was(tmp_path, error, name):
    (tmp_path / "old.txt").write_text("old")

    def fail():
        with whole_folder(tmp_path / name, SEAL) as new:
            fill(new)
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == ["old.txt"]


def test_leftovers_of_killed_writers_are_cleared_and_nothing_else(tmp_path):
    folder = tmp_path / "set"
    for leftover in (folder / "phantom_0002.77.partial", tmp_path / "set.78.partial"):
        leftover.mkdir(parents=True)
        fill(leftover)
    for kept in (folder / "phantom_0001", tmp_path / "other.79.partial", tmp_path / "settled"):
        kept.mkdir()
    remove_partial_folders(folder)
    assert names(folder) == ["phantom_0001"]
    assert names(tmp_path) == ["other.79.partial", "set", "settled"]


def test_a_folder_where_a_file_stands_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(MembraneSegError, match="is a file"):
        check_output_folder(tmp_path / "file", may_hold_files=True)
    with pytest.raises(MembraneSegError, match="not writable"):
        check_output_folder(tmp_path / "file" / "below", may_hold_files=True)
    cannot = pytest.raises(MembraneSegError, match=r"Cannot write .*choose a writable output")
    with cannot, whole_folder(tmp_path / "file" / "below", SEAL):
        pass
