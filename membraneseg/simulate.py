"""The work of `membraneseg simulate`: one phantom or a set of them, whole, in a folder."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from membraneseg.devices import chosen_device
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import remove_partial_files, write_text
from membraneseg.io.folders import check_output_folder, remove_partial_folders, whole_folder
from membraneseg.io.structures import is_structure_name, read_atoms
from membraneseg.phantom.atoms import AtomModel
from membraneseg.phantom.build import molecule_kinds, molecules_of
from membraneseg.phantom.files import PHANTOM_FILES, SCENE_FILE, scene_text, write_phantom
from membraneseg.phantom.simulate import simulate_phantom
from membraneseg.phantom_sheets import SHEET_FILE, TABLE_FILE, write_phantom_sheet, write_set_files
from membraneseg.progress import Told
from membraneseg.scene_file import SceneSettings, members_of, recipe_of

log = logging.getLogger(__name__)

WRITING = "writing"
MEMBER_NAME = re.compile(r"phantom_\d{4,}")
DEVICES = ("auto", "cpu", "cuda")


class PhantomReporter(Protocol):
    """Somebody who watches phantoms being made (progress bars, or nobody)."""

    def phantoms(self, count: int) -> AbstractContextManager[Told]:
        """Enter the work on so many phantoms."""


@dataclass(frozen=True)
class SimulateRequest:
    """Where phantoms go, and how many.

    Parameters
    ----------
    output : Path
    count : int
        1 for a phantom in the folder itself, more for a set of folders in it.
    resume : bool
        Leave the finished ones of an earlier call with the same settings as they are.
    force : bool
        Replace an earlier result.
    device : str
        auto, cpu or cuda.
    """

    output: Path
    count: int = 1
    resume: bool = False
    force: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise MembraneSegError(
                f"--count is {self.count}, expected 1 for one phantom or more for a set of them; "
                "give a positive number."
            )
        if self.device not in DEVICES:
            raise MembraneSegError(
                f"--device is '{self.device}', expected one of {', '.join(DEVICES)}; give one of "
                "them."
            )
        if self.resume and self.force:
            raise MembraneSegError(
                "--resume keeps what is there and --force replaces it: give one of the two."
            )


def simulate_to_folder(
    request: SimulateRequest, settings: SceneSettings, reporter: PhantomReporter
) -> dict[str, Path]:
    """Simulate a phantom, or a set of them, and write everything that is true of it.

    Parameters
    ----------
    request : SimulateRequest
    settings : SceneSettings
    reporter : PhantomReporter

    Returns
    -------
    dict of str to Path
        What to look at first.

    Raises
    ------
    MembraneSegError
        If the folder cannot be used, holds other phantoms, or the scene cannot be built; then
        nothing has been written.

    Notes
    -----
    Each phantom's folder appears whole or not at all. A phantom of a set whose drawn settings
    cannot be fulfilled is left out with a warning; only if none can, that is an error.
    """
    folder = request.output.resolve()
    check_output_folder(folder, request.resume or request.force)
    device = chosen_device(request.device)
    structures = read_structures(settings)
    if request.resume:
        _check_earlier(folder, settings, request.count)
    remove_partial_folders(folder)
    remove_partial_files(folder)
    if request.count > 1:
        return _simulate_set(request, settings, structures, reporter)
    if not (request.resume and (folder / SCENE_FILE).exists()):
        with reporter.phantoms(1) as told:
            write = _simulated(settings, device, structures, partial(told, 0))
            if request.force:
                remove_phantoms(folder)
            write(folder)
    shown = ("tomogram.mrc", "truth_membranes.mrc", "truth_meshes.glb", SHEET_FILE, SCENE_FILE)
    return {Path(name).stem.replace("_", " "): folder / name for name in shown}


def read_structures(settings: SceneSettings) -> dict[str, AtomModel]:
    """Read the structure files that a scene needs, before any work is done."""
    kinds = molecule_kinds(settings)
    structures = {kind: read_atoms(Path(kind)) for kind in kinds if is_structure_name(kind)}
    molecules_of(settings, structures)  # refuses what is neither a file nor built in
    return structures


def remove_phantoms(folder: Path) -> None:
    """Delete what earlier calls wrote into a folder, and nothing else."""
    if not folder.is_dir():
        return
    for name in (*PHANTOM_FILES, SHEET_FILE, TABLE_FILE):
        (folder / name).unlink(missing_ok=True)
    for entry in folder.iterdir():
        if MEMBER_NAME.fullmatch(entry.name) and (entry / SCENE_FILE).is_file():
            shutil.rmtree(entry)


def _simulate_set(
    request: SimulateRequest,
    settings: SceneSettings,
    structures: Mapping[str, AtomModel],
    reporter: PhantomReporter,
) -> dict[str, Path]:
    folder, device = request.output.resolve(), chosen_device(request.device)
    members = members_of(settings, request.count)
    places = [folder / f"phantom_{member.member:04d}" for member in members]
    cleared, failed = request.resume, dict[Path, MembraneSegError]()
    with reporter.phantoms(request.count) as told:
        for done, (member, place) in enumerate(zip(members, places, strict=True)):
            if request.resume and (place / SCENE_FILE).exists():
                continue
            try:
                write = _simulated(member, device, structures, partial(told, done))
            except MembraneSegError as error:
                failed[place] = error
                log.warning("%s left out: %s", place.name, error)
                continue
            if not cleared:
                remove_phantoms(folder)
                cleared = True
            if not (folder / SCENE_FILE).exists():
                write_text(folder / SCENE_FILE, scene_text(recipe_of(settings)))
            write(place)
        if len(failed) == len(places):
            raise failed[places[0]]
        told(request.count, WRITING, 0.0)
        places = [place for place in places if place not in failed]
        write_set_files(folder, places)
        told(request.count, WRITING, 1.0)
    first = {"first phantom": places[0], "scene": folder / SCENE_FILE}
    return {**first, "table": folder / TABLE_FILE, "contact sheet": folder / SHEET_FILE}


def _simulated(
    settings: SceneSettings,
    device: str,
    structures: Mapping[str, AtomModel],
    told: Callable[[str, float], None],
) -> Callable[[Path], None]:
    """Simulate a phantom; return the function that writes it, so that nothing is written before."""
    started = time.monotonic()
    phantom = simulate_phantom(settings, settings.generator, told, device, structures)
    seconds = time.monotonic() - started

    def write(folder: Path) -> None:
        told(WRITING, 0.0)
        with whole_folder(folder, SCENE_FILE) as new:
            write_phantom(phantom, new, recipe_of(settings), seconds)
            told(WRITING, 0.7)
            write_phantom_sheet(new, folder.name)
        told(WRITING, 1.0)

    return write


def _check_earlier(folder: Path, settings: SceneSettings, count: int) -> None:
    """Refuse to go on with anything but what the finished phantoms were made with."""
    scene = folder / SCENE_FILE
    if not scene.exists():
        return
    if (folder / PHANTOM_FILES[0]).exists() == (count > 1):
        held = "a set of phantoms" if count == 1 else "a single phantom"
        raise MembraneSegError(
            f"{folder} holds {held}, and --count is {count}: give the same --count to go on, or "
            "another folder with -o."
        )
    if scene.read_text(encoding="utf-8") != scene_text(recipe_of(settings)):
        raise MembraneSegError(
            f"{scene} speaks of other settings, another seed or another version: give the same "
            "ones to go on, --force to replace what is there, or another folder with -o."
        )
