"""`membraneseg export`: a finished result in the formats of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from membraneseg.cli_output import print_results


def export(
    result: Annotated[Path, typer.Argument(help="output folder of membraneseg run or close")],
    to: Annotated[
        list[str],
        typer.Option(
            "--to",
            help="surface_morphometrics, membrain_pick, imod, star, obj or stl; repeatable",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder [RESULT/exports]")
    ] = None,
    spacing: Annotated[
        float, typer.Option(help="smallest distance of the points of star, nm")
    ] = 10.0,
) -> None:
    r"""Write a finished result for other programs, one folder per program.

    \b
    surface_morphometrics  labels as MRC and a config.yml
    membrain_pick          a mask per membrane, each as large as the tomogram
    imod                   contours of every membrane in every slice, membranes.mod
    star                   points on the surfaces with normals, RELION's angles
    obj, stl               meshes in Å
    """
    from membraneseg.exports import ExportRequest, export_result

    request = ExportRequest(result, output or result / "exports", tuple(to), spacing)
    print_results(export_result(request), [])
