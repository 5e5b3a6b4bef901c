"""`membraneseg close`: surfaces from a mask or labels that somebody else made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from membraneseg.cli_output import console, print_results


def close(
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="mask or labels (.mrc, .rec, .map)")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="output folder [MASK_membraneseg]")
    ] = None,
    tomogram: Annotated[
        Path | None, typer.Option(help="the tomogram under the mask: surfaces move onto it")
    ] = None,
    voxel_size: Annotated[
        float | None, typer.Option(help="voxel size in Å, if the header's is wrong")
    ] = None,
    tilt_range: Annotated[
        float | None, typer.Option(help="half the tilt range in degrees [60, if parts are missing]")
    ] = None,
    closed: Annotated[
        str | None, typer.Option(help="auto: as the missing wedge explains; all; none")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="processes [one per core]")] = None,
    config: Annotated[Path | None, typer.Option(help="settings as TOML, as for run")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="one setting: stage.key=value; repeatable")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an existing result")] = False,
) -> None:
    """Close the membranes of anybody's mask or labels (MemBrain-seg, TARDIS, IMOD, by hand).

    A mask of 0 and 1 is grouped into membranes first; of integer labels
    each is one membrane, or as many as it has loose pieces. Labels much
    thicker than the others count as what membranes enclose and are left
    out. Vesicles are closed, sheets end where the mask ends.

    Writes what `membraneseg run` writes, without probability.mrc and
    proteins.mrc; vesicles and thicknesses are measured only with
    --tomogram.
    """
    from membraneseg.cli import default_output
    from membraneseg.close import CloseRequest, close_mask
    from membraneseg.config import load_config
    from membraneseg.progress import BarReporter
    from membraneseg.settings import override

    settings = list(setting or [])
    if closed is not None:
        settings.append(f"fit.closure.closed={closed}")
    chosen = override(
        load_config(config, settings),
        voxel_size_A=voxel_size,
        tilt_range_deg=tilt_range,
        jobs=jobs,
    )
    request = CloseRequest(
        mask=mask,
        output=output or default_output(mask),
        tomogram=tomogram,
        force=force,
        command=" ".join(["membraneseg", *sys.argv[1:]]),
    )
    result = close_mask(request, chosen, BarReporter(console))
    print_results(result.files, result.summary)
