"""Output folders: refused before any work if they cannot be used, filled whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import PARTIAL_SUFFIX


def check_output_folder(folder: Path, may_hold_files: bool) -> None:
    """Refuse an output folder that is a file, is in use, or cannot be written.

    Parameters
    ----------
    folder : Path
        Need not exist.
    may_hold_files : bool
        Whether the user said what is to become of what it holds (--resume, --force).

    Raises
    ------
    MembraneSegError
    """
    if folder.exists() and not folder.is_dir():
        raise MembraneSegError(f"The output {folder} is a file: give the name of a folder with -o.")
    if folder.exists() and any(folder.iterdir()) and not may_hold_files:
        raise MembraneSegError(
            f"The output folder {folder} already holds files: add --resume to go on, --force to "
            "replace the result, or give another folder with -o."
        )
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise MembraneSegError(
            f"The output folder {folder} cannot be written ({nearest} is not writable): give a "
            "folder of your own with -o."
        )


@contextmanager
def whole_folder(path: Path, seal: str) -> Iterator[Path]:
    """Yield a temporary folder whose files appear in `path` when the block succeeds.

    Parameters
    ----------
    path : Path
        The folder to make, or to put the files into; other files in it stay.
    seal : str
        The file that says that the folder is whole: the last one to appear, and when files of
        the same names are replaced, the first one to go.

    Yields
    ------
    Path
        Beside a new folder, inside one that exists. The block writes plain files into it.

    Raises
    ------
    MembraneSegError
        If the file system refuses.

    Notes
    -----
    A new folder appears by one rename. A process killed at any instant leaves no `path` with a
    `seal` and only some of its files; what it does leave, `remove_partial_folders` takes away.
    """
    existed = path.is_dir()
    temporary = (path if existed else path.parent) / f"{path.name}.{os.getpid()}{PARTIAL_SUFFIX}"
    try:
        with _blamed_on(path):
            temporary.mkdir(parents=True)
        yield temporary
        with _blamed_on(path):
            if existed:
                _move_in(temporary, path, seal)
            else:
                temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_partial_folders(path: Path) -> None:
    """Delete what killed `whole_folder` calls left for `path` or for folders right below it."""
    for place, pattern in ((path.parent, f"{glob.escape(path.name)}.*"), (path, "*")):
        for leftover in place.glob(pattern + PARTIAL_SUFFIX):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def _blamed_on(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MembraneSegError(
            f"Cannot write {path}: {error.strerror or error}; "
            "choose a writable output folder with -o, or free some space."
        ) from error


def _move_in(temporary: Path, path: Path, seal: str) -> None:
    (path / seal).unlink(missing_ok=True)
    for new in sorted(temporary.iterdir(), key=lambda file: file.name == seal):
        new.replace(path / new.name)
