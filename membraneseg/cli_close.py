"""`membraneseg close`: surfaces from a mask or labels that somebody else made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from membraneseg.cli_options import (
    ClosedOption,
    ConfigOption,
    ForceOption,
    JobsOption,
    SettingOption,
    VoxelSizeOption,
    chosen_config,
    default_output,
    typed_command,
)
from membraneseg.cli_output import console, print_results


def close(
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="mask or labels (.mrc, .rec, .map)")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="output folder [MASK_membraneseg]")
    ] = None,
    tomogram: Annotated[
        Path | None, typer.Option(help="the tomogram under the mask: surfaces move onto it")
    ] = None,
    voxel_size: VoxelSizeOption = None,
    tilt_range: Annotated[
        float | None, typer.Option(help="half the tilt range in degrees [60, if parts are missing]")
    ] = None,
    closed: ClosedOption = None,
    jobs: JobsOption = None,
    config: ConfigOption = None,
    setting: SettingOption = None,
    force: ForceOption = False,
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
    from membraneseg.close import CloseRequest, close_mask
    from membraneseg.progress import BarReporter

    fields = {"voxel_size_A": voxel_size, "tilt_range_deg": tilt_range, "jobs": jobs}
    chosen = chosen_config(config, setting, {"fit.closure.closed": closed}, fields)
    request = CloseRequest(
        mask=mask,
        output=output or default_output(mask),
        tomogram=tomogram,
        force=force,
        command=typed_command(),
    )
    result = close_mask(request, chosen, BarReporter(console))
    print_results(result.files, result.summary)
