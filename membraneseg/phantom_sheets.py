"""Contact sheets and tables of phantoms, from their folders: works as well for finished ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from membraneseg.io.atomic import whole_file
from membraneseg.io.columns import write_columns
from membraneseg.io.glb import read_glb
from membraneseg.io.meshes import membrane_label
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.report.contact_sheet import MOST_ROWS, SheetContent, phantom_sheet, set_sheet
from membraneseg.report.drawing import figure_png
from membraneseg.report.slices import Grid

SHEET_FILE, TABLE_FILE = "contact_sheet.png", "phantoms.csv"
PHANTOM_DPI, SET_DPI = 130, 100
TABLE_COLUMNS = {
    "name": "%s",
    "seed": "%d",
    "preset": "%s",
    "voxel_size_A": "%.4f",
    "tilt_range_deg": "%.3f",
    "dose_e_per_A2": "%.3f",
    "defocus_um": "%.3f",
    "membranes": "%d",
    "vesicles": "%d",
    "particles": "%d",
    "seconds": "%.1f",
}


def write_phantom_sheet(folder: Path, name: str) -> None:
    """Write contact_sheet.png of the phantom in a folder.

    Parameters
    ----------
    folder : Path
    name : str
        Of the phantom.
    """
    _write_figure(folder / SHEET_FILE, phantom_sheet(read_sheet(folder, name)), PHANTOM_DPI)


def write_set_files(folder: Path, members: Sequence[Path]) -> None:
    """Write phantoms.csv and contact_sheet.png of a set.

    Parameters
    ----------
    folder : Path
    members : sequence of Path
        Folders of its phantoms.
    """
    facts = [read_truth(member) for member in members]
    rows = [_table_row(member.name, fact) for member, fact in zip(members, facts, strict=True)]
    columns = {name: ([row[name] for row in rows], kind) for name, kind in TABLE_COLUMNS.items()}
    write_columns(folder / TABLE_FILE, columns)
    contents = [read_sheet(member, member.name) for member in members[:MOST_ROWS]]
    _write_figure(folder / SHEET_FILE, set_sheet(contents, len(members)), SET_DPI)


def read_sheet(folder: Path, name: str) -> SheetContent:
    """What a contact sheet shows of the phantom in a folder; volumes stay memory maps.

    Parameters
    ----------
    folder : Path
    name : str
        Of the phantom.

    Returns
    -------
    SheetContent
    """
    facts = read_truth(folder)
    size_A = float(facts["voxel_size_A"])
    tomogram, instances, molecules = (
        read_tomogram(folder / file, size_A)[0]
        for file in ("tomogram.mrc", "truth_instances.mrc", "truth_proteins.mrc")
    )
    meshes = tuple(
        (membrane_label(node), mesh) for node, mesh, _ in read_glb(folder / "truth_meshes.glb")
    )
    preset = str(facts.get("preset", ""))
    return SheetContent(
        title=" · ".join(dict.fromkeys(part for part in (name, preset) if part)),
        caption=caption_of(facts),
        grid=Grid(tomogram.voxels.shape, size_A, tomogram.origin_zyx_A),
        voxels=tomogram.voxels,
        instances=instances.voxels,
        molecules=molecules.voxels,
        meshes=meshes,
    )


def caption_of(facts: dict[str, Any]) -> str:
    """How a phantom was recorded, in one line.

    Parameters
    ----------
    facts : dict
        Of its truth.toml.

    Returns
    -------
    str
    """
    angles = facts["tilts"]["angles_deg"]
    low, high = angles[0], angles[-1]
    tilts = f"±{high:.0f}°" if abs(low + high) < 0.5 else f"{low:.0f}° to {high:+.0f}°"
    microscope = facts["microscope"]
    parts = [
        f"seed {facts['seed']}",
        f"{facts['voxel_size_A']:.3g} Å per voxel",
        f"{tilts} in {len(angles)} tilts",
        f"{microscope['dose_e_per_A2']:.0f} e/Å²",
        f"{microscope['defocus_um']:.1f} µm underfocus",
        _counted(sum(facts["membranes"].values()), "membrane"),
        _counted(sum(facts["particles"].values()), "particle"),
    ]
    return " · ".join(parts)


def _table_row(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "seed": facts["seed"],
        "preset": facts.get("preset", ""),
        "voxel_size_A": facts["voxel_size_A"],
        "tilt_range_deg": facts["tilt_range_deg"],
        "dose_e_per_A2": facts["microscope"]["dose_e_per_A2"],
        "defocus_um": facts["microscope"]["defocus_um"],
        "membranes": sum(facts["membranes"].values()),
        "vesicles": facts["whole_vesicles"],
        "particles": sum(facts["particles"].values()),
        "seconds": facts.get("seconds"),
    }


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _write_figure(path: Path, figure: Figure, dots_per_inch: int) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(figure_png(figure, dots_per_inch))
