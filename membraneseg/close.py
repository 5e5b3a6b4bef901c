"""The work of `membraneseg close`: from anybody's mask or labels to surfaces."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from membraneseg import stage_values as values
from membraneseg.config import RunConfig
from membraneseg.contrast import BRIGHT_NOTE, is_bright_under, negative
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import write_text
from membraneseg.io.mrc import check_voxels, read_tomogram
from membraneseg.io.placement import MrcHeader
from membraneseg.ledger import Codec, Ledger, Progress, Reporter
from membraneseg.mask_groups import LabelledMask, groups_of, read_labels, shows_hidden_parts
from membraneseg.outputs import Findings, RunResult, write_everything
from membraneseg.request import RunRequest, check_output, prepare_output
from membraneseg.run_facts import RunFacts
from membraneseg.segment.tilt_range import ASSUMED_TILT_RANGE_DEG
from membraneseg.settings import to_toml
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface_stages import surfaces_of
from membraneseg.types import MembraneGroup, Tomogram

log = logging.getLogger(__name__)

NOTHING_HIDDEN_DEG = 90.0


@dataclass(frozen=True)
class CloseRequest:
    """What to close, and where the results go.

    Parameters
    ----------
    mask, output : Path
    tomogram : Path or None
        The densities under the mask, to refine the surfaces on.
    force : bool
        Replace an existing result.
    command : str
        As typed, for run.json.
    """

    mask: Path
    output: Path
    tomogram: Path | None = None
    force: bool = False
    command: str = ""


def close_mask(request: CloseRequest, config: RunConfig, reporter: Reporter) -> RunResult:
    """Turn a mask or labels into one surface per membrane and write the output folder.

    Parameters
    ----------
    request : CloseRequest
    config : RunConfig
    reporter : Reporter
        Told which stage runs and how far it is.

    Returns
    -------
    RunResult

    Raises
    ------
    MembraneSegError
        If the mask, the tomogram, an option or the output folder is not usable; nothing is written
        then.
    """
    folder = RunRequest(request.mask, request.output, force=request.force)
    check_output(folder)
    mask, header = read_tomogram(request.mask, config.voxel_size_A or None)
    labelled = read_labels(np.asarray(mask.voxels), request.mask)
    density = None if request.tomogram is None else _density(request, mask, header)
    marked = labelled.voxels != 0
    bright = density is not None and is_bright_under(marked, density, config.contrast)
    prepare_output(folder)
    if density is not None and bright:
        config = replace(config, contrast="bright")
        density = negative(density, header, request.output / "stages")
    write_text(request.output / "config.toml", to_toml(config))
    key = _input_key(request, config)
    ledger = Ledger(request.output / "stages", key, reporter)
    groups, notes = _groups(labelled, mask, config, ledger)
    config, more = _with_wedge(config, groups, mask)
    frame = _frame(mask, config.tilt_range_deg)
    voxels = None if density is None else density.voxels
    found = surfaces_of(groups, voxels, frame, config, ledger, of_mask=True)
    shown = density or replace(mask, voxels=(labelled.voxels == 0).astype(np.int8))
    told = (BRIGHT_NOTE,) if bright else ()
    findings = Findings(shown, frame, None, found, (*notes, *more, *told, *found.notes))
    facts = RunFacts(
        request.command,
        request.tomogram or request.mask,
        None,
        tuple(ledger.records),
        has_density=density is not None,
    )
    with reporter.stage("outputs") as progress:
        result = write_everything(request.output, findings, header, config, facts)
        progress(1.0)
    return result


def _groups(
    labelled: LabelledMask, mask: Tomogram, config: RunConfig, ledger: Ledger
) -> tuple[list[MembraneGroup], tuple[str, ...]]:
    """Group the middle of the mask; say what was left out."""
    frame = _frame(mask, config.tilt_range_deg or ASSUMED_TILT_RANGE_DEG)
    notes = list(labelled.notes)

    def compute(progress: Progress) -> list[MembraneGroup]:
        groups, more = groups_of(labelled, frame, config, progress)
        notes.extend(more)
        return groups

    codec = Codec(values.groups_to_arrays, values.groups_from_arrays)
    settings = [config.fragments, config.group]
    return ledger.run("groups", settings, compute, codec), tuple(notes)


def _with_wedge(
    config: RunConfig, groups: list[MembraneGroup], mask: Tomogram
) -> tuple[RunConfig, tuple[str, ...]]:
    """Settle what may count as hidden: as told, or nothing if the mask shows all directions."""
    if config.tilt_range_deg:
        return config, ()
    frame = _frame(mask, ASSUMED_TILT_RANGE_DEG)
    if shows_hidden_parts(groups, frame):
        fit = replace(config.fit, wedge_evidence=False)
        note = (
            "the mask also shows membranes that face the beam, so none count as hidden by the "
            "missing wedge; if they should, give --tilt-range"
        )
        return replace(config, tilt_range_deg=NOTHING_HIDDEN_DEG, fit=fit), (note,)
    note = (
        f"membranes that face the beam are missing in the mask: a tilt range of "
        f"±{ASSUMED_TILT_RANGE_DEG:.0f}° was assumed; give --tilt-range if you know it"
    )
    return replace(config, tilt_range_deg=ASSUMED_TILT_RANGE_DEG), (note,)


def _frame(mask: Tomogram, tilt_range_deg: float) -> VolumeFrame:
    z, y, x = (int(n) for n in mask.voxels.shape)
    return VolumeFrame((z, y, x), mask.voxel_size_A, mask.origin_zyx_A, tilt_range_deg)


def _density(request: CloseRequest, mask: Tomogram, header: MrcHeader) -> Tomogram:
    """Read the tomogram under the mask."""
    assert request.tomogram is not None
    given = mask.voxel_size_A if header.voxel_size_given else None
    density, _ = read_tomogram(request.tomogram, given)
    if density.voxels.shape != mask.voxels.shape:
        raise MembraneSegError(
            f"{request.tomogram} has {density.voxels.shape} voxels and {request.mask} "
            f"{mask.voxels.shape}, expected the same: give the tomogram that the mask was made on."
        )
    check_voxels(density)
    return replace(density, voxel_size_A=mask.voxel_size_A, origin_zyx_A=mask.origin_zyx_A)


def _input_key(request: CloseRequest, config: RunConfig) -> str:
    """Hash of the mask's content and of what places it in space."""
    digest = hashlib.sha256(request.mask.read_bytes())
    digest.update(f"{config.voxel_size_A} {config.tilt_range_deg}".encode())
    return digest.hexdigest()
