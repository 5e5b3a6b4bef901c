"""What a run was asked for, and whether its output folder can take it: checked before any work."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from membraneseg.config import RunConfig
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import remove_partial_files
from membraneseg.io.folders import check_output_folder

STAGES = ("segment", "fragments", "groups", "selected", "surfaces", "refined", "meshes")


@dataclass(frozen=True)
class RunRequest:
    """What to run on, and where the results go.

    Parameters
    ----------
    tomogram, output : Path
    resume : bool
        Take the finished stages of an earlier run with the same input and settings.
    first : str or None
        Compute again from this stage on.
    force : bool
        Replace an existing result.
    command : str
        As typed, for run.json.
    """

    tomogram: Path
    output: Path
    resume: bool = False
    first: str | None = None
    force: bool = False
    command: str = ""


def input_key(tomogram: Path, weights: Path, config: RunConfig) -> str:
    """Hash of the input's content and of what places it in space."""
    digest = hashlib.sha256()
    with tomogram.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    digest.update(f"{config.voxel_size_A} {config.tilt_range_deg} {config.contrast}".encode())
    return digest.hexdigest()


def check_output(request: RunRequest) -> None:
    """Refuse an output that cannot be written, or that holds an earlier result, before any work."""
    folder = request.output
    if request.first is not None and request.first not in STAGES:
        raise MembraneSegError(
            f"'{request.first}' is not a stage: --from takes one of {', '.join(STAGES)}."
        )
    for earlier in STAGES[: STAGES.index(request.first)] if request.first else ():
        if not (folder / "stages" / f"{earlier}.npz").is_file():
            raise MembraneSegError(
                f"--from {request.first} needs the stage '{earlier}' of an earlier run, which is "
                f"not in {folder}: start from '{earlier}' or run without --from."
            )
    check_output_folder(folder, request.resume or request.first is not None or request.force)


def prepare_output(request: RunRequest) -> None:
    """Make the folder; take away half-written files, and with --force the old stages and meshes."""
    try:
        (request.output / "stages").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MembraneSegError(
            f"The output folder {request.output} cannot be made ({error.strerror}): give another "
            "one with -o."
        ) from error
    for folder in (request.output, request.output / "stages", request.output / "meshes"):
        if folder.is_dir():
            remove_partial_files(folder)
    if request.force and not request.resume and request.first is None:
        shutil.rmtree(request.output / "stages")
        (request.output / "stages").mkdir()
