"""Files that appear only whole: written under a temporary name, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from membraneseg.errors import MembraneSegError

PARTIAL_SUFFIX = ".partial"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds.

    Parameters
    ----------
    path : Path
        The file to make or replace. Missing parent folders are made.

    Yields
    ------
    Path
        ``NAME.PID.partial`` in the same folder. The block must create this file.

    Raises
    ------
    MembraneSegError
        If the file system refuses (no permission, no space, a folder of that name).

    Notes
    -----
    The content reaches the disk (fsync) before the rename, so a process killed at any instant
    leaves either the old file, the new file, or a ``.partial`` one; an exception leaves nothing.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        if error.filename and Path(error.filename) not in (temporary, path, *path.parents):
            raise  # the block stumbled over some other file
        raise MembraneSegError(
            f"Cannot write {path}: {error.strerror or error}; "
            "choose a writable output folder with -o, or free some space."
        ) from error
    except BaseException:
        _remove(temporary)
        raise
    _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def remove_partial_files(folder: Path) -> int:
    """Delete what killed runs left under `folder` (recursively); return how many files."""
    leftovers = sorted(folder.rglob(f"*{PARTIAL_SUFFIX}"))
    for leftover in leftovers:
        _remove(leftover)
    return len(leftovers)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:  # it was never made, or its folder is the very thing that refuses us
        return


def _sync(path: Path) -> None:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets folders be synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems refuse; the rename has happened all the same
        return
    finally:
        os.close(descriptor)
