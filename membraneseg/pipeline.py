"""The order of the stages: from a tomogram on disk to the folder of results."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from membraneseg import stage_values as values
from membraneseg.config import RunConfig
from membraneseg.contrast import BRIGHT_NOTE, is_bright, negative
from membraneseg.group.config import VolumeGeometry
from membraneseg.group.faint import Volume
from membraneseg.group.following import follow_membranes
from membraneseg.group.fragments import trace_fragments
from membraneseg.group.merging import group_membranes
from membraneseg.group.slice_links import co_circular, walker
from membraneseg.io.atomic import write_text
from membraneseg.io.mrc import MrcHeader, check_voxels, read_tomogram
from membraneseg.ledger import Codec, Ledger, Progress, Reporter
from membraneseg.margins import silent_in_margins, without_margins
from membraneseg.outputs import Findings, RunResult, write_everything
from membraneseg.request import RunRequest, check_output, input_key, prepare_output
from membraneseg.run_facts import RunFacts
from membraneseg.segment.predict import Segmentation, predicted_slices
from membraneseg.segment.rescale import Prediction
from membraneseg.segment.tilt_range import (
    ASSUMED_TILT_RANGE_DEG,
    beam_and_tilt_axis,
    measure_tilt_range,
)
from membraneseg.segment.unet import file_sha256, load_weights
from membraneseg.settings import to_toml
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.select import select_points
from membraneseg.surface_stages import surfaces_of
from membraneseg.types import Float32, MembraneGroup, Tomogram
from rl_agent.policy import load_policy

log = logging.getLogger(__name__)


def run_tomogram(request: RunRequest, config: RunConfig, reporter: Reporter) -> RunResult:
    """Find the membranes of one tomogram and write the output folder.

    Parameters
    ----------
    request : RunRequest
    config : RunConfig
    reporter : Reporter
        Told which stage runs and how far it is.

    Returns
    -------
    RunResult

    Raises
    ------
    MembraneSegError
        If the input, an option or the output folder is not usable; nothing is written then.
    """
    check_output(request)
    tomogram, header = read_tomogram(request.tomogram, config.voxel_size_A or None)
    check_voxels(tomogram)
    weights = config.segment.weights_file
    load_weights(weights)
    prepare_output(request)
    settled, config, warnings = settle(tomogram, header, config, request.output / "stages")
    write_text(request.output / "config.toml", to_toml(config))
    key = input_key(request.tomogram, weights, config)
    resume = request.resume or request.first is not None
    ledger = Ledger(request.output / "stages", key, reporter, resume, request.first)
    findings = find_membranes(settled, config, ledger, weights, tomogram.voxels)
    findings = replace(findings, warnings=(*warnings, *findings.warnings))
    facts = RunFacts(request.command, request.tomogram, weights, tuple(ledger.records))
    with reporter.stage("outputs") as progress:
        result = write_everything(request.output, findings, header, config, facts)
        progress(1.0)
    return result


def settle(
    tomogram: Tomogram, header: MrcHeader, config: RunConfig, folder: Path
) -> tuple[Tomogram, RunConfig, tuple[str, ...]]:
    """Bring a tomogram into the state that the stages expect.

    Parameters
    ----------
    tomogram : Tomogram
    header : MrcHeader
        The tomogram's own.
    config : RunConfig
    folder : Path
        Exists; takes the tomogram where it had to be changed.

    Returns
    -------
    tomogram : Tomogram
        Margins without data filled, membranes dark.
    config : RunConfig
        Tilt range and contrast settled.
    notes : tuple of str
        What was noticed.
    """
    tomogram, notes = without_margins(tomogram, header, folder)
    config, more = with_tilt_range(config, tomogram)
    notes = (*notes, *more)
    if is_bright(tomogram, config.contrast, config.segment):
        config, notes = replace(config, contrast="bright"), (*notes, BRIGHT_NOTE)
        tomogram = negative(tomogram, header, folder)
    return tomogram, config, notes


def find_membranes(
    tomogram: Tomogram,
    config: RunConfig,
    ledger: Ledger,
    weights: Path,
    as_read: npt.NDArray[np.generic],
) -> Findings:
    """Run every stage in order; each sees only the values of those before it.

    `as_read`, the voxels (Z, Y, X) of the file, tells where there are margins without data.
    """
    shape = (tomogram.voxels.shape[0], tomogram.voxels.shape[1], tomogram.voxels.shape[2])
    frame = VolumeFrame(shape, tomogram.voxel_size_A, tomogram.origin_zyx_A, config.tilt_range_deg)
    segmentation = segmented(tomogram, config, ledger, weights, as_read)
    groups = groups_in(segmentation.membrane, frame, config, ledger, tomogram.voxels)
    found = surfaces_of(groups, tomogram.voxels, frame, config, ledger)
    return Findings(tomogram, frame, segmentation, found, found.notes)


def segmented(
    tomogram: Tomogram,
    config: RunConfig,
    ledger: Ledger,
    weights: Path,
    as_read: npt.NDArray[np.generic],
) -> Segmentation:
    """Voxels to the probability of membrane, from a memory map to memory maps."""

    def compute(progress: Progress) -> Iterator[Prediction]:
        network, unet = load_weights(weights)
        planes = predicted_slices(tomogram, network, unet, config.segment, progress)
        return silent_in_margins(planes, as_read)

    to_slices = partial(values.segmentation_to_slices, tomogram.voxels.shape)
    codec = Codec(to_slices, values.segmentation_from_arrays)
    return ledger.run("segment", [config.segment, file_sha256(weights)], compute, codec)


def groups_in(
    probability: Float32,
    frame: VolumeFrame,
    config: RunConfig,
    ledger: Ledger,
    density: Volume | None = None,
) -> list[MembraneGroup]:
    """Probability (Z, Y, X) to curves, curves to membranes, membranes to trusted points.

    Where the probability fails, closed membranes are followed in the density, if there is one.
    """
    geometry = VolumeGeometry(frame.voxel_size_A, frame.origin_zyx_A, frame.tilt_range_deg)
    codec = Codec(values.groups_to_arrays, values.groups_from_arrays)
    fragments = ledger.run(
        "fragments",
        config.fragments,
        lambda progress: trace_fragments(probability, config.fragments, progress),
        Codec(values.fragments_to_arrays, values.fragments_from_arrays),
    )

    def compute(progress: Progress) -> list[MembraneGroup]:
        linker = co_circular if config.group.method == "merge" else walker(load_policy())
        found = group_membranes(
            fragments, probability, geometry, config.group, progress, linker=linker
        )
        volumes: list[Volume] = [probability] if density is None else [probability, density]
        return follow_membranes(found, volumes, geometry, config.group)

    groups = ledger.run("groups", config.group, compute, codec)

    def select(progress: Progress) -> list[MembraneGroup]:
        chosen = []
        for done, group in enumerate(groups, start=1):
            chosen.append(select_points(group, geometry, config.select))
            progress(done / len(groups))
        return chosen

    return ledger.run("selected", config.select, select, codec)


def with_tilt_range(config: RunConfig, tomogram: Tomogram) -> tuple[RunConfig, tuple[str, ...]]:
    """Settle the tilt range: as told, or as measured, or assumed (with a warning)."""
    warnings = []
    axes = beam_and_tilt_axis(tomogram.voxels)
    beam, tilt_axis = axes[0], axes[1]
    if beam != "z":
        warnings.append(
            f"the beam seems to run along {beam}, but is expected along z: rotate the tomogram by "
            "90° about x (IMOD: trimvol -rx) and run again"
        )
    elif tilt_axis != "y":
        warnings.append(
            f"the tilt axis seems to run along {tilt_axis}, but is expected along y: rotate the "
            "tomogram by 90° about z and run again"
        )
    if config.tilt_range_deg:
        return config, tuple(warnings)
    measured = measure_tilt_range(tomogram.voxels)
    if measured is None:
        warnings.append(
            f"no missing wedge shows in the tomogram's spectrum; ±{ASSUMED_TILT_RANGE_DEG:.0f}° "
            "was assumed: give --tilt-range if you know it"
        )
    settled = replace(config, tilt_range_deg=measured or ASSUMED_TILT_RANGE_DEG)
    return settled, tuple(warnings)
