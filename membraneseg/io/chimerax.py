"""The script that opens a result in ChimeraX: the tomogram as an image, the membranes on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from membraneseg import __version__
from membraneseg.io.atomic import write_text
from membraneseg.io.placement import MrcHeader
from membraneseg.io.rows import MembraneRow


def write_cxc(
    path: Path, tomogram: Path, glb_name: str, header: MrcHeader, rows: Sequence[MembraneRow]
) -> None:
    """Write a ChimeraX command file.

    Parameters
    ----------
    path : Path
        The script; ChimeraX runs it in its own folder.
    tomogram : Path
        The volume to show; named relative to the script where that is possible.
    glb_name : str
        The meshes, a file beside the script, one node per row in the order of `rows`.
    header : MrcHeader
        Of the tomogram: tells ChimeraX the voxel size that the user gave, if he did.
    rows : sequence of MembraneRow
        Without any, the meshes are not opened.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.
    """
    closed = [f"#2.{number}" for number, row in enumerate(rows, start=1) if row.closed]
    lines = [
        f"# membraneseg {__version__}: open this file in a new ChimeraX session.",
        "# #1 is the tomogram, #2 the membranes. Full colour: seen in the data. Pale: inferred.",
        "set bgColor white",
        f"open {_quoted(_relative(tomogram, path.parent))}",
        *_show_tomogram(header),
    ]
    if rows:
        lines += [f"open {_quoted(glb_name)}", "lighting soft"]
    lines.append("view")
    if closed:
        lines += ["# To measure the closed membranes again, in Å² and Å³ (see also membranes.csv):"]
        lines += [f"# measure {what} {model}" for model in closed for what in ("area", "volume")]
    write_text(path, "\n".join([*lines, ""]))


def _show_tomogram(header: MrcHeader) -> list[str]:
    """Show the middle slice as an image, and put it in place where the file says another one."""
    x, y, z = header.size_xyz
    lines = [
        f"volume #1 region 0,0,{z // 2},{x - 1},{y - 1},{z // 2} step 1 style image",
        "volume #1 showOutlineBox true",
    ]
    if header.voxel_size_given:
        origin = ",".join(f"{value:.9g}" for value in header.origin_zyx_A[::-1])
        lines.insert(0, f"volume #1 voxelSize {header.voxel_size_A:.9g} origin {origin}")
    return lines


def _relative(target: Path, folder: Path) -> str:
    """Path from the script to a file, with forward slashes; absolute on another Windows drive."""
    try:
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return target.resolve().as_posix()


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
