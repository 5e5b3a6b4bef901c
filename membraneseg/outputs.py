"""What a run leaves behind: the files of the output folder, each whole or not at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.config import RunConfig
from membraneseg.coords import zyx_to_xyz
from membraneseg.io.atomic import write_text
from membraneseg.io.chimerax import write_cxc
from membraneseg.io.imod import write_spheres_mod
from membraneseg.io.meshes import (
    membrane_colour,
    membrane_name,
    write_glb,
    write_obj,
    write_stl,
    write_vertices,
)
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import MrcHeader
from membraneseg.io.rows import MembraneRow, VesicleRow
from membraneseg.io.tables import write_membranes_csv, write_vesicles_csv
from membraneseg.report.content import ReportContent, StageCost
from membraneseg.report.content import RunFacts as ReportFacts
from membraneseg.report.page import write_report
from membraneseg.run_facts import RunFacts, run_json, versions
from membraneseg.segment.predict import Segmentation
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.labels import paint
from membraneseg.surface.measure import Measures, measure
from membraneseg.surface.refined import RefinedMembrane
from membraneseg.surface_stages import Surfaces
from membraneseg.types import Mesh, Tomogram
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
    rows = membrane_rows(findings)
    warnings = findings.warnings if rows else (*findings.warnings, NO_MEMBRANE)
    write_volumes(folder, findings, header, config)
    write_meshes(folder, findings.meshes, config.mesh_formats)
    write_membranes_csv(folder / "membranes.csv", rows)
    closed = sum(row.closed for row in rows)
    found = f"{len(rows)} membranes ({closed} closed)"
    if facts.has_density:
        vesicles = find_vesicles(
            findings.tomogram.voxels, findings.meshes, findings.frame, config.vesicles
        )
        write_vesicle_files(folder, vesicles, findings.frame, header)
        found += f", {len(vesicles)} of them round vesicles"
    write_cxc(folder / "open.cxc", facts.tomogram, "membranes.glb", header, rows)
    content = report_content(findings, rows, warnings, facts)
    write_report(folder / "report.html", content)
    write_text(
        folder / "run.json", run_json(findings.surfaces, findings.frame, config, facts, warnings)
    )
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


def membrane_rows(findings: Findings) -> list[MembraneRow]:
    """One row of membranes.csv per membrane, in the order of the meshes."""
    by_label = {one.membrane.label: one for one in findings.surfaces.refined}
    rows = []
    for label, mesh in findings.meshes:
        refined = by_label[label]
        measures = measure(mesh, refined.membrane.surface, findings.frame)
        rows.append(_row(label, refined, measures))
    return rows


def _row(label: int, refined: RefinedMembrane, measures: Measures) -> MembraneRow:
    x, y, z = zyx_to_xyz(measures.centroid_zyx_A)
    warnings = list(refined.membrane.warnings)
    if refined.profile.doubtful:
        warnings.append("doubtful: the density shows no clear dark line")
    return MembraneRow(
        id=label,
        closed=refined.membrane.surface.closed,
        area_nm2=measures.area_nm2,
        volume_nm3=measures.volume_nm3,
        equivalent_radius_nm=measures.equivalent_radius_nm,
        mean_curvature_per_nm=measures.mean_curvature_per_nm,
        gaussian_curvature_per_nm2=measures.gaussian_curvature_per_nm2,
        observed_fraction=measures.observed_fraction,
        median_sigma_A=measures.median_sigma_A,
        thickness_nm=refined.profile.thickness_nm,
        x_A=float(x),
        y_A=float(y),
        z_A=float(z),
        warnings="; ".join(dict.fromkeys(warnings)),
    )


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


def write_meshes(folder: Path, meshes: Sequence[tuple[int, Mesh]], formats: Sequence[str]) -> None:
    """membranes.glb with all, and meshes/ with one file per membrane and format."""
    if (folder / "meshes").is_dir():
        shutil.rmtree(folder / "meshes")
    (folder / "meshes").mkdir()
    named = [(membrane_name(label), mesh, membrane_colour(label)) for label, mesh in meshes]
    for one in named:
        name, mesh, _ = one
        write_vertices(folder / "meshes" / f"{name}.npz", mesh)
        if "glb" in formats:
            write_glb(folder / "meshes" / f"{name}.glb", [one])
        if "obj" in formats:
            write_obj(folder / "meshes" / f"{name}.obj", [one])
        if "stl" in formats:
            write_stl(folder / "meshes" / f"{name}.stl", mesh)
    write_glb(folder / "membranes.glb", named)


def write_vesicle_files(
    folder: Path, vesicles: Sequence[Vesicle], frame: VolumeFrame, header: MrcHeader
) -> None:
    """vesicles.csv, vesicle_labels.mrc and vesicles.mod."""
    rows = []
    for vesicle in vesicles:
        x, y, z = zyx_to_xyz(vesicle.centre_zyx_A)
        rows.append(
            VesicleRow(
                id=vesicle.id,
                x_A=float(x),
                y_A=float(y),
                z_A=float(z),
                radius_A=vesicle.radius_A,
                outer_radius_A=vesicle.outer_radius_A,
                thickness_A=vesicle.thickness_A,
                membrane_intensity=vesicle.membrane_intensity,
                p_value=vesicle.p_value,
                refined=vesicle.refined,
            )
        )
    write_vesicles_csv(folder / "vesicles.csv", rows)
    painted = paint_vesicles(vesicles, frame)
    write_volume(folder / "vesicle_labels.mrc", narrow_labels(painted), header, "vesicle ids")
    centres = np.array([v.centre_zyx_A for v in vesicles]).reshape(-1, 3)
    radii = np.array([v.radius_A for v in vesicles])
    write_spheres_mod(folder / "vesicles.mod", centres, radii, header)


def report_content(
    findings: Findings, rows: Sequence[MembraneRow], warnings: tuple[str, ...], facts: RunFacts
) -> ReportContent:
    """Everything that the page shows, as plain values."""
    return ReportContent(
        name=facts.tomogram.name,
        voxels=findings.tomogram.voxels,
        probability=None if findings.segmentation is None else findings.segmentation.membrane,
        voxel_size_A=findings.frame.voxel_size_A,
        origin_zyx_A=findings.frame.origin_zyx_A,
        meshes=tuple(findings.meshes),
        rows=tuple(_as_text(row) for row in rows),
        warnings=warnings,
        run=ReportFacts(
            facts.command,
            versions(facts.weights),
            {},
            tuple(StageCost(s.name, s.seconds, s.peak_memory_MB) for s in facts.stages),
        ),
    )


def _as_text(row: MembraneRow) -> dict[str, str]:
    """Numbers with four digits that count, as the page shows them."""
    return {
        name: f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
        for name, value in asdict(row).items()
    }
