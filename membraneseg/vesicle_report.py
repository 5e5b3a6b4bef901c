"""The page of a result of `membraneseg vesicles`, made from the files in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg.io.glb import read_glb
from membraneseg.io.meshes import membrane_label
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.tables import read_as_text
from membraneseg.report.content import Meshes, Picture, ReportContent, RunFacts, StageCost
from membraneseg.report.page import write_report
from membraneseg.report.vesicles import VESICLES
from membraneseg.report.words import number_in
from membraneseg.types import Float64
from membraneseg.vesicle_files import (
    MESHES,
    OUTLIERS_PICTURE,
    PROBABILITY,
    PROFILES_PICTURE,
    TABLE,
    Setting,
)

PAGE = "report.html"
_PROFILES = (
    "Vesicles at even steps of how far the refinement moved them, those it moved most last. Left: "
    "the slice through the centre, outlined before and after. Middle and right: the mean density "
    "at each distance from the centre, only over directions that the tilts show and no neighbour "
    "covers, and its second derivative; dashed, the radius."
)
_OUTLIERS = (
    "Each point is a vesicle; its p value is that of its thickness, intensity and radius among all "
    "(Mahalanobis distance, χ²)."
)


def write_vesicle_report(folder: Path, setting: Setting) -> Path:
    """Write the page of a result of `membraneseg vesicles`, from the files in its folder.

    Parameters
    ----------
    folder : Path
        With table, meshes and vesicles.json; probability and pictures where there are any.
    setting : Setting
        The tomogram that they were found in, dark membranes.

    Returns
    -------
    Path
        Of report.html.

    Raises
    ------
    MembraneSegError
        If a file is missing or damaged.
    """
    write_report(folder / PAGE, vesicle_content(folder, setting))
    return folder / PAGE


def vesicle_content(folder: Path, setting: Setting) -> ReportContent:
    """Collect what the page of a result of `membraneseg vesicles` shows; see the function above."""
    facts: dict[str, Any] = json.loads((folder / "vesicles.json").read_text("utf-8"))
    rows = tuple(_in_nm(row) for row in read_as_text(folder / TABLE))
    meshes = tuple((membrane_label(name), mesh) for name, mesh, _ in read_glb(folder / MESHES))
    tomogram, probability = setting.tomogram, folder / PROBABILITY
    known = probability.is_file()
    return ReportContent(
        name=setting.path.name,
        voxels=tomogram.voxels,
        probability=read_tomogram(probability, tomogram.voxel_size_A)[0].voxels if known else None,
        voxel_size_A=tomogram.voxel_size_A,
        origin_zyx_A=tomogram.origin_zyx_A,
        meshes=meshes,
        rows=rows,
        warnings=tuple(facts["warnings"]),
        run=RunFacts(
            command=facts["command"],
            versions=facts["versions"],
            stages=_costs(facts),
        ),
        vertex_values=_values(rows, meshes),
        pictures=_pictures(folder, facts),
        subject=VESICLES,
    )


def _costs(facts: Mapping[str, Any]) -> tuple[StageCost, ...]:
    """What the network took by the clock, and each step after it of the processors."""
    steps = {k: v for k, v in facts["processor_seconds"].items() if k != "all"}
    peak_MB = float(facts["peak_memory_MB"])
    return (
        *(StageCost(**stage) for stage in facts["stages"]),
        *(StageCost(f"{name} (processor)", float(s), peak_MB) for name, s in steps.items()),
    )


def _in_nm(row: Mapping[str, str]) -> dict[str, str]:
    """Lengths of the vesicle in nm, as the page shows them; its place stays in Å."""
    shown = {"id": row["id"]}
    for name in ("radius", "outer_radius", "thickness"):
        length_A = row[f"{name}_A"]
        shown[f"{name}_nm"] = f"{float(length_A) / 10:.4g}" if length_A else ""
    others = ("membrane_intensity", "p_value", "refined", "x_A", "y_A", "z_A")
    return shown | {name: row[name] for name in others}


def _values(rows: tuple[Mapping[str, str], ...], meshes: Meshes) -> dict[int, dict[str, Float64]]:
    """One value per vesicle, the same at all vertices of its sphere."""
    by_id = {int(row["id"]): row for row in rows}
    return {
        label: {
            name: np.full(len(mesh.vertices_zyx_A), number_in(by_id.get(label, {}), name))
            for name in VESICLES.shades
        }
        for label, mesh in meshes
    }


def _pictures(folder: Path, facts: Mapping[str, Any]) -> tuple[Picture, ...]:
    dropped = int(facts["dropped"])
    crosses = f" Crosses: the {dropped} that were dropped." if dropped else ""
    later = " Made before corrections by hand." if facts["corrections"] else ""
    planned = (
        ("profiles", "Radial profiles", _PROFILES + later, PROFILES_PICTURE),
        ("outliers", "Outliers", _OUTLIERS + crosses + later, OUTLIERS_PICTURE),
    )
    return tuple(
        Picture(key, title, caption, (folder / name).read_bytes())
        for key, title, caption, name in planned
        if (folder / name).is_file()
    )
