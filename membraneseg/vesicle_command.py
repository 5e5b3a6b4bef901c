"""The work of `membraneseg vesicles`: files in, files out."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg.contrast import negative
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import write_text
from membraneseg.io.mrc import check_voxels, read_tomogram
from membraneseg.io.regions import read_region
from membraneseg.ledger import Ledger, Reporter, peak_memory_MB
from membraneseg.margins import region_with_data
from membraneseg.pipeline import settle
from membraneseg.request import RunRequest, check_output, input_key, prepare_output
from membraneseg.run_facts import versions
from membraneseg.settings import to_toml
from membraneseg.vesicle_config import VesicleRunConfig, load_vesicle_config
from membraneseg.vesicle_files import (
    TABLE,
    Setting,
    balls_from,
    read_vesicles,
    write_found,
    write_pictures,
    write_vesicles,
)
from membraneseg.vesicle_networks import probability_of
from membraneseg.vesicle_pipeline import FoundVesicles, vesicles_from
from membraneseg.vesicle_report import write_vesicle_report
from membraneseg.vesicles.corrections import add_vesicle, remove_vesicle
from membraneseg.vesicles.ellipsoids import bulges_of
from membraneseg.vesicles.rays import View
from membraneseg.vesicles.spheres import Vesicle

log = logging.getLogger(__name__)

FACTS, CONFIG = "vesicles.json", "config.toml"


@dataclass(frozen=True)
class VesicleRequest:
    """What to search, and where the results go.

    Parameters
    ----------
    tomogram, output : Path
    region : Path or None
        Mask or IMOD model of where vesicles may lie.
    resume : bool
        Take the network's output of an earlier run with the same input and settings.
    force : bool
        Replace an existing result.
    command : str
        As typed, for vesicles.json.
    """

    tomogram: Path
    output: Path
    region: Path | None = None
    resume: bool = False
    force: bool = False
    command: str = ""


@dataclass(frozen=True)
class VesicleResult:
    """Where everything is, and the gist of it in a line."""

    files: dict[str, Path]
    summary: list[str]


def search_vesicles(
    request: VesicleRequest, config: VesicleRunConfig, reporter: Reporter
) -> VesicleResult:
    """Find the vesicles of one tomogram and write the output folder.

    Parameters
    ----------
    request : VesicleRequest
    config : VesicleRunConfig
    reporter : Reporter

    Returns
    -------
    VesicleResult

    Raises
    ------
    MembraneSegError
        If the input, an option or the output folder is not usable; nothing is written then.
    """
    started = time.process_time()
    check_output(_as_run(request))
    setting, config, notes = _prepared(request, config)
    tomogram = setting.tomogram
    weights = config.weights_file
    key = input_key(request.tomogram, weights, config.as_run_config())
    ledger = Ledger(request.output / "stages", key, reporter, request.resume)
    probability = probability_of(tomogram, config, ledger)
    found = vesicles_from(probability, tomogram, config, setting.region, reporter)
    files = write_found(request.output, found, setting)
    files |= write_pictures(request.output, found, setting)
    write_text(request.output / CONFIG, to_toml(config))
    count = len(found.vesicles)
    facts = _facts_of(request, config, found) | {
        "processor_seconds": {**found.steps.seconds, "all": time.process_time() - started},
        "peak_memory_MB": peak_memory_MB(),
        "stages": [asdict(record) for record in ledger.records],
        "versions": versions(weights),
        "warnings": list(notes),
    }
    write_text(request.output / FACTS, json.dumps(facts, indent=2) + "\n")
    del probability, found  # volumes that the page does not need
    files["report"] = write_vesicle_report(request.output, setting)
    return VesicleResult(files, [f"{count} vesicles; {len(notes)} warnings"])


def _prepared(
    request: VesicleRequest, config: VesicleRunConfig
) -> tuple[Setting, VesicleRunConfig, tuple[str, ...]]:
    """Read the input, settle tilt range and contrast, and make the folder."""
    tomogram, header = read_tomogram(request.tomogram, config.voxel_size_A or None)
    check_voxels(tomogram)
    region = None if request.region is None else read_region(request.region, header)
    held = region_with_data(tomogram.voxels)
    region = region if held is None else held if region is None else region & held
    prepare_output(_as_run(request))
    folder = request.output / "stages"
    tomogram, run, notes = settle(tomogram, header, config.as_run_config(), folder)
    config = replace(config, tilt_range_deg=run.tilt_range_deg, contrast=run.contrast)
    for note in notes:
        log.warning(note)
    setting = Setting(request.tomogram, tomogram, header, config.tilt_range_deg, region)
    return setting, config, notes


def _as_run(request: VesicleRequest) -> RunRequest:
    """What `membraneseg run` would be asked for, to check and prepare the folder."""
    return RunRequest(request.tomogram, request.output, request.resume, force=request.force)


def _facts_of(
    request: VesicleRequest, config: VesicleRunConfig, found: FoundVesicles
) -> dict[str, Any]:
    """What vesicles.json says of input and outcome."""
    return {
        "command": request.command,
        "tomogram": str(request.tomogram.resolve()),
        "region": None if request.region is None else str(request.region.resolve()),
        "tilt_range_deg": config.tilt_range_deg,
        "bright": config.contrast == "bright",
        "vesicles": len(found.vesicles),
        "dropped": 0 if found.judged is None else int(found.judged.dropped.sum()),
        "steps": list(config.steps),
        "corrections": [],
    }


@dataclass(frozen=True, eq=False)
class Opened:
    """A finished result, ready to be corrected.

    Parameters
    ----------
    vesicles : list of Vesicle
    setting : Setting
    config : VesicleRunConfig
    """

    vesicles: list[Vesicle]
    setting: Setting
    config: VesicleRunConfig

    @property
    def view(self) -> View:
        """What refinement looks at."""
        tomogram = self.setting.tomogram
        return View(tomogram.voxels, tomogram.voxel_size_A, self.setting.tilt_range_deg)


def open_result(folder: Path) -> Opened:
    """Read a result of `membraneseg vesicles` with the tomogram that it came from.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Opened

    Raises
    ------
    MembraneSegError
        If the folder holds no such result, or the tomogram is gone.
    """
    facts = _facts(folder)
    config = load_vesicle_config(folder / CONFIG)
    path = Path(facts["tomogram"])
    tomogram, header = read_tomogram(path, config.voxel_size_A or None)
    if facts["bright"]:
        tomogram = negative(tomogram, header, folder / "stages")
    region = None if facts["region"] is None else read_region(Path(facts["region"]), header)
    setting = Setting(path, tomogram, header, float(facts["tilt_range_deg"]), region)
    return Opened(read_vesicles(folder / TABLE), setting, config)


def correct_vesicles(
    folder: Path, added_xyz_A: Sequence[Sequence[float]], removed: Sequence[int]
) -> VesicleResult:
    """Remove vesicles by their ids, add others by places near their centres, and save.

    Parameters
    ----------
    folder : Path
        Of `membraneseg vesicles`.
    added_xyz_A : sequence of three numbers
        Near centres, in Å in the tomogram's space; radius and centre refine themselves.
    removed : sequence of int

    Returns
    -------
    VesicleResult

    Raises
    ------
    MembraneSegError
        If there is no such result or vesicle, or no membrane round a place; nothing is written
        then.
    """
    opened = open_result(folder)
    vesicles = opened.vesicles
    for label in removed:
        vesicles = remove_vesicle(vesicles, label)
    tomogram = opened.setting.tomogram
    for place in added_xyz_A:
        balls = balls_from(vesicles, tomogram)
        vesicles = add_vesicle(
            vesicles,
            balls,
            np.asarray(place, dtype=np.float64)[::-1].copy(),
            (opened.view, tomogram.origin_zyx_A),
            opened.config.refinement,
        )
    return save_corrected(folder, opened, vesicles)


def save_corrected(folder: Path, opened: Opened, vesicles: list[Vesicle]) -> VesicleResult:
    """Write the corrected vesicles over the found ones, and note what changed.

    Parameters
    ----------
    folder : Path
    opened : Opened
        As it was before the corrections.
    vesicles : list of Vesicle

    Returns
    -------
    VesicleResult
    """
    bulges = None
    if opened.config.ellipsoids:
        balls = balls_from(vesicles, opened.setting.tomogram)
        bulges = bulges_of(balls, opened.view, opened.config.refinement)
    files = write_vesicles(folder, vesicles, opened.setting, bulges)
    before = {(v.id, *v.centre_zyx_A.tolist()) for v in opened.vesicles}
    now = {(v.id, *v.centre_zyx_A.tolist()) for v in vesicles}
    change = {
        "added": sorted(one[0] for one in now - before),
        "removed": sorted(one[0] for one in before - now),
    }
    facts = _facts(folder)
    facts["corrections"] = [*facts["corrections"], change]
    facts["vesicles"] = len(vesicles)
    write_text(folder / FACTS, json.dumps(facts, indent=2) + "\n")
    files["report"] = write_vesicle_report(folder, opened.setting)
    line = f"{len(now - before)} added, {len(before - now)} removed: {len(now)} vesicles"
    return VesicleResult(files, [line])


def _facts(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MembraneSegError(
            f"{folder} holds no result of `membraneseg vesicles` ({error}): give its output folder."
        ) from error
    return found
