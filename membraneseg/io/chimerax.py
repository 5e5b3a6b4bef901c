"""The script that opens a result in ChimeraX: the tomogram as an image, the membranes on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from membraneseg import __version__
from membraneseg.colours import INFERRED, SEEN, SEQUENTIAL, css, membrane_colour
from membraneseg.io.atomic import write_text
from membraneseg.io.placement import MrcHeader
from membraneseg.io.rows import MembraneRow

UNCERTAIN_A = 20.0
"""Upper end of the palette of the uncertainty."""
_RAMP = ":".join(
    f"{number * UNCERTAIN_A / (len(SEQUENTIAL) - 1):g},{colour}"
    for number, colour in enumerate(SEQUENTIAL)
)
_MAPS = {
    "observed": (
        "Colour by what was seen (blue) and what was inferred (orange)",
        f"0,{css(INFERRED)}:1,{css(SEEN)}",
    ),
    "uncertainty": (
        f"Colour by the uncertainty of the position, from 0 to {UNCERTAIN_A:g} Å and more",
        _RAMP,
    ),
}
"""Of each map beside the script, what its palette shows, and that palette."""


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

    Notes
    -----
    observed.mrc and uncertainty.mrc, if they lie beside the script, are opened hidden, for the two
    palettes: ChimeraX knows no values per vertex, but colours a surface by a map. The commands of
    the palettes, and those that measure, are comments to be copied into its command line.
    """
    maps = [name for name in _MAPS if (path.parent / f"{name}.mrc").is_file()]
    lines = [
        f"# membraneseg {__version__}: open this file in a new ChimeraX session.",
        "# #1 is the tomogram, #2 the membranes. Full colour: seen in the data. Pale: inferred.",
        "set bgColor white",
        f"open {_quoted(_relative(tomogram, path.parent))} name tomogram",
        *_show_tomogram(header),
    ]
    if rows:
        lines += [f"open {_quoted(glb_name)}", "rename #2 membranes", "lighting soft"]
        lines += [f"rename #2.{n} {_quoted(_title(row))}" for n, row in enumerate(rows, start=1)]
        lines += _hidden_maps(maps, header)
    lines += ["view", "view name whole"]
    if rows:
        lines += _palettes(maps, rows)
        lines += _measures(rows)
    write_text(path, "\n".join([*lines, ""]))


def _title(row: MembraneRow) -> str:
    """Name of a membrane in ChimeraX's list of models."""
    size = "" if row.area_nm2 is None else f", {row.area_nm2:.0f} nm2"
    return f"membrane {row.id} ({'closed' if row.closed else 'open'}{size})"


def _hidden_maps(maps: Sequence[str], header: MrcHeader) -> list[str]:
    """Open what the palettes sample, from #3 on."""
    lines = []
    for number, name in enumerate(maps, start=3):
        lines.append(f'open "{name}.mrc" name {name}')
        if header.voxel_size_given:
            lines.append(_placed(number, header))
        lines.append(f"hide #{number} models")
    return lines


def _palettes(maps: Sequence[str], rows: Sequence[MembraneRow]) -> list[str]:
    """Commands for the user to copy, in comments: other colours, and back."""
    lines = ["# Copy what follows a # into ChimeraX's command line."]
    for number, name in enumerate(maps, start=3):
        what, palette = _MAPS[name]
        lines += [f"# {what}:", f"# color sample #2 map #{number} palette {palette}"]
    if maps:
        back = "; ".join(_own_colour(number, row) for number, row in enumerate(rows, start=1))
        lines += ["# Back to a colour per membrane:", f"# {back}"]
    return lines


def _measures(rows: Sequence[MembraneRow]) -> list[str]:
    """Commands for the user to copy, in comments: the view, a picture, areas and volumes."""
    lines = [
        "# The view of the beginning, and a picture of it:",
        "# view whole",
        "# save membranes.png width 2000 supersample 3",
    ]
    closed = [f"#2.{number}" for number, row in enumerate(rows, start=1) if row.closed]
    if closed:
        lines += ["# To measure the closed membranes again, in Å² and Å³ (see also membranes.csv):"]
        lines += [f"# measure {what} {model}" for model in closed for what in ("area", "volume")]
    return lines


def _own_colour(number: int, row: MembraneRow) -> str:
    return f"color #2.{number} {css(membrane_colour(row.id))}"


def _show_tomogram(header: MrcHeader) -> list[str]:
    """Show the middle slice as an image, and put it in place where the file says another one."""
    x, y, z = header.size_xyz
    lines = [
        f"volume #1 region 0,0,{z // 2},{x - 1},{y - 1},{z // 2} step 1 style image",
        "volume #1 showOutlineBox true",
    ]
    if header.voxel_size_given:
        lines.insert(0, _placed(1, header))
    return lines


def _placed(number: int, header: MrcHeader) -> str:
    """Command that says where a volume lies, where its file says something else."""
    origin = ",".join(f"{value:.9g}" for value in header.origin_zyx_A[::-1])
    return f"volume #{number} voxelSize {header.voxel_size_A:.9g} origin {origin}"


def _relative(target: Path, folder: Path) -> str:
    """Path from the script to a file, with forward slashes; absolute on another Windows drive."""
    try:
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return target.resolve().as_posix()


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
