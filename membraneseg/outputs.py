"""What a run leaves behind: the files of the output folder, each whole or not at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.config import RunConfig
from membraneseg.io.atomic import write_text
from membraneseg.io.chimerax import write_cxc
from membraneseg.io.imod import write_spheres_mod
from membraneseg.io.meshes import (
    VertexValues,
    membrane_colour,
    membrane_name,
    write_glb,
    write_obj,
    write_stl,
    write_vertices,
)
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import MrcHeader
from membraneseg.io.tables import write_membranes_csv, write_vesicles_csv
from membraneseg.morphometrics import measure_membranes
from membraneseg.report.content import ReportContent
from membraneseg.report.page import write_report
from membraneseg.result_folder import result_content
from membraneseg.run_facts import RunFacts, run_json
from membraneseg.segment.predict import Segmentation
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.labels import paint
from membraneseg.surface_stages import Surfaces
from membraneseg.types import Mesh, Tomogram
from membraneseg.vesicle_rows import row_of
from membraneseg.vesicles.spheres import Vesicle, find_vesicles, paint_vesicles

log = logging.getLogger(__name__)

NO_MEMBRANE = (
    "no membrane was found: look at probability.mrc; if it is empty, check that membranes are "
    "dark and that the voxel size is right"
)


@dataclass(frozen=True)
class Findings:
    """Everything that the stages found, in the tomogram's frame.

    Parameters
    ----------
    tomogram : Tomogram
        Densities; where only a mask is known, the mask, dark.
    frame : VolumeFrame
    segmentation : Segmentation or None
        None if no network has looked.
    surfaces : Surfaces
    warnings : tuple of str
    """

    tomogram: Tomogram
    frame: VolumeFrame
    segmentation: Segmentation | None
    surfaces: Surfaces
    warnings: tuple[str, ...]

    @property
    def meshes(self) -> Sequence[tuple[int, Mesh]]:
        """(label, Mesh) of each membrane."""
        return self.surfaces.meshes.meshes


@dataclass(frozen=True)
class RunResult:
    """Where everything is, the gist of it in a line or two, and what the report shows."""

    files: dict[str, Path]
    summary: list[str]
    content: ReportContent


def write_everything(
    folder: Path, findings: Findings, header: MrcHeader, config: RunConfig, facts: RunFacts
) -> RunResult:
    """Write the whole output folder.

    Parameters
    ----------
    folder : Path
        Exists.
    findings : Findings
    header : MrcHeader
        Of the tomogram, so that every volume lands on it.
    config : RunConfig
    facts : RunFacts

    Returns
    -------
    RunResult
    """
    frame = findings.frame
    density = findings.tomogram.voxels if facts.has_density else None
    measured = measure_membranes(findings.meshes, findings.surfaces.refined, frame, density)
    rows = measured.rows
    warnings = findings.warnings if rows else (*findings.warnings, NO_MEMBRANE)
    write_volumes(folder, findings, header, config)
    write_meshes(folder, findings.meshes, measured.vertex_values, config.mesh_formats)
    write_membranes_csv(folder / "membranes.csv", rows)
    closed = sum(row.closed for row in rows)
    found = f"{len(rows)} membranes ({closed} closed)"
    if facts.has_density:
        vesicles = find_vesicles(findings.tomogram.voxels, findings.meshes, frame, config.vesicles)
        write_vesicle_files(folder, vesicles, frame, header)
        found += f", {len(vesicles)} of them round vesicles"
    write_cxc(folder / "open.cxc", facts.tomogram, "membranes.glb", header, rows)
    write_text(folder / "run.json", run_json(findings.surfaces, frame, config, facts, warnings))
    content = result_content(folder)
    write_report(folder / "report.html", content)
    for text in warnings:
        log.warning(text)
    summary = [f"{found}; {len(warnings)} warnings"]
    names = {
        "membranes": "membranes.mrc",
        "observed part": "observed.mrc",
        "instances": "instances.mrc",
        "probability": "probability.mrc",
        "proteins": "proteins.mrc",
        "uncertainty": "uncertainty.mrc",
        "meshes": "membranes.glb",
        "table": "membranes.csv",
        "vesicles": "vesicles.csv",
        "ChimeraX": "open.cxc",
        "report": "report.html",
    }
    files = {what: folder / name for what, name in names.items() if (folder / name).exists()}
    return RunResult(files, summary, content)


def write_volumes(folder: Path, findings: Findings, header: MrcHeader, config: RunConfig) -> None:
    """membranes, observed, instances, probability, proteins and uncertainty as MRC."""
    frame = findings.frame
    labels = paint(
        findings.meshes, frame.shape_zyx, frame.voxel_size_A, frame.origin_zyx_A, config.labels
    )
    volumes: dict[str, tuple[npt.NDArray[Any], str]] = {
        "membranes.mrc": (labels.membranes, "membranes, inferred parts included"),
        "observed.mrc": (labels.observed, "membranes as far as the data show them"),
        "instances.mrc": (narrow_labels(labels.instances), "membrane ids"),
        "uncertainty.mrc": (labels.uncertainty, "standard deviation of the surface, A"),
    }
    if findings.segmentation is not None:
        volumes["probability.mrc"] = (findings.segmentation.membrane, "membrane probability")
        volumes["proteins.mrc"] = (findings.segmentation.protein, "proteins")
    for name, (voxels, note) in volumes.items():
        write_volume(folder / name, voxels, header, note)


def narrow_labels(labels: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """int16 where the labels fit, uint16 beyond 32767."""
    return labels.astype(np.int16 if labels.max(initial=0) <= 32767 else np.uint16)


def write_meshes(
    folder: Path,
    meshes: Sequence[tuple[int, Mesh]],
    values: Sequence[VertexValues],
    formats: Sequence[str],
) -> None:
    """membranes.glb with all, and meshes/ with one file per membrane and format."""
    if (folder / "meshes").is_dir():
        shutil.rmtree(folder / "meshes")
    (folder / "meshes").mkdir()
    named = [(membrane_name(label), mesh, membrane_colour(label)) for label, mesh in meshes]
    for one, own in zip(named, values, strict=True):
        name, mesh, _ = one
        write_vertices(folder / "meshes" / f"{name}.npz", mesh, own)
        if "glb" in formats:
            write_glb(folder / "meshes" / f"{name}.glb", [one], [own])
        if "obj" in formats:
            write_obj(folder / "meshes" / f"{name}.obj", [one])
        if "stl" in formats:
            write_stl(folder / "meshes" / f"{name}.stl", mesh)
    write_glb(folder / "membranes.glb", named, values)


def write_vesicle_files(
    folder: Path, vesicles: Sequence[Vesicle], frame: VolumeFrame, header: MrcHeader
) -> None:
    """vesicles.csv, vesicle_labels.mrc and vesicles.mod."""
    write_vesicles_csv(folder / "vesicles.csv", [row_of(vesicle) for vesicle in vesicles])
    painted = paint_vesicles(vesicles, frame)
    write_volume(folder / "vesicle_labels.mrc", narrow_labels(painted), header, "vesicle ids")
    centres = np.array([v.centre_zyx_A for v in vesicles]).reshape(-1, 3)
    radii = np.array([v.radius_A for v in vesicles])
    write_spheres_mod(folder / "vesicles.mod", centres, radii, header)
