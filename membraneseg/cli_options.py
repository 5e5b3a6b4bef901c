"""Options that several commands share, and what they make of the settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from membraneseg.config import RunConfig

ForceOption = Annotated[bool, typer.Option("--force", help="replace an existing result")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda")]
VoxelSizeOption = Annotated[
    float | None, typer.Option(help="voxel size in Å, if the header's is wrong")
]
ClosedOption = Annotated[
    str | None, typer.Option(help="auto: as the missing wedge explains; all; none")
]
TiltRangeOption = Annotated[
    float | None,
    typer.Option(help="half the tilt range in degrees (default: read off the tomogram)"),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="settings as TOML (each result holds its own)")
]
SettingOption = Annotated[
    list[str] | None, typer.Option("--set", help="one setting: group.key=value; repeatable")
]
JobsOption = Annotated[int | None, typer.Option(help="processes (default: one per core)")]


def chosen_config(
    file: Path | None,
    settings: Sequence[str] | None,
    named: Mapping[str, str | None],
    fields: Mapping[str, float | None],
) -> RunConfig:
    """Put the settings of a run together; later ones win.

    Parameters
    ----------
    file : Path or None
        Of --config.
    settings : sequence of str or None
        Of --set.
    named : mapping
        Settings by their dotted names, from options of their own; None where not given.
    fields : mapping
        Fields of RunConfig itself, likewise.

    Returns
    -------
    RunConfig
    """
    from membraneseg.config import load_config
    from membraneseg.settings import override

    return override(load_config(file, told(settings, named)), **fields)


def told(settings: Sequence[str] | None, named: Mapping[str, object]) -> list[str]:
    """Settings as --set takes them, those that have options of their own last: later ones win."""
    return [*(settings or ()), *(f"{k}={value}" for k, value in named.items() if value is not None)]


def default_output(given: Path, ending_in: str = "membraneseg") -> Path:
    """Folder beside the input that a command writes to: TOMO_membraneseg, or another ending."""
    name = given.name
    for ending in (".gz", ".bz2", ".mrc", ".rec", ".map", ".st"):
        name = name.removesuffix(ending)
    return given.with_name(f"{name}_{ending_in}")


def typed_command() -> str:
    """Return the command as it was typed, for run.json."""
    return " ".join(["membraneseg", *sys.argv[1:]])
