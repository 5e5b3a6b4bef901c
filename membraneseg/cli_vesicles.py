"""`membraneseg vesicles`, its statistics over a set, and the viewer that corrects it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from membraneseg.cli_options import (
    ConfigOption,
    DeviceOption,
    ForceOption,
    SettingOption,
    TiltRangeOption,
    VoxelSizeOption,
    default_output,
    told,
    typed_command,
)
from membraneseg.cli_output import console, print_results, print_table
from membraneseg.errors import MembraneSegError

CORRECTION = ("tomogram", "output", "add", "remove")
"""All that a correction of an earlier result is told."""
OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="output folder [TOMO_vesicles]")
]
MaskOption = Annotated[
    Path | None,
    typer.Option(help="where vesicles may lie: MRC mask, or IMOD model of closed contours"),
]
EllipsoidsOption = Annotated[
    bool, typer.Option("--ellipsoids", help="mild ellipsoids instead of spheres")
]
AddOption = Annotated[
    list[str] | None,
    typer.Option(metavar="X,Y,Z", help="add the vesicle round a place in Å to a result"),
]
RemoveOption = Annotated[
    list[int] | None, typer.Option(metavar="ID", help="remove a vesicle from a result")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="keep what the network has computed")]


def vesicles(
    context: typer.Context,
    tomogram: Annotated[Path, typer.Argument(metavar="TOMO", help="tomogram (.mrc, .rec, .map)")],
    output: OutputOption = None,
    mask: MaskOption = None,
    ellipsoids: EllipsoidsOption = False,
    add: AddOption = None,
    remove: RemoveOption = None,
    voxel_size: VoxelSizeOption = None,
    tilt_range: TiltRangeOption = None,
    device: DeviceOption = None,
    config: ConfigOption = None,
    setting: SettingOption = None,
    resume: ResumeOption = False,
    force: ForceOption = False,
) -> None:
    """Find synaptic vesicles: spheres with centre, radius and membrane.

    Writes report.html, vesicles.csv, labels, meshes, files for IMOD,
    RELION, Pyto and ChimeraX, and steps/ with what each step found.
    --add and --remove correct an earlier result in the folder instead.
    `membraneseg settings vesicles` lists what --set understands.
    """
    from membraneseg.progress import BarReporter
    from membraneseg.vesicle_command import VesicleRequest, correct_vesicles, search_vesicles
    from membraneseg.vesicle_config import load_vesicle_config

    folder = output or default_output(tomogram, "vesicles")
    if add or remove:
        _refuse_other_options(context)
        result = correct_vesicles(folder, [_place(text) for text in add or []], remove or [])
    else:
        named: dict[str, object] = {"voxel_size_A": voxel_size, "tilt_range_deg": tilt_range}
        named |= {"segment.device": device, "ellipsoids": "true" if ellipsoids else None}
        chosen = load_vesicle_config(config, told(setting, named))
        request = VesicleRequest(tomogram, folder, mask, resume, force, typed_command())
        result = search_vesicles(request, chosen, BarReporter(console))
    print_results(result.files, result.summary)


def compare_steps(
    results: Annotated[
        list[Path], typer.Argument(help="folders of `membraneseg vesicles` that were evaluated")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="also as CSV: FILE")] = None,
    measure: Annotated[
        str, typer.Option(help="mask_dice, f1, diameter_error or centre_error_nm")
    ] = "mask_dice",
) -> None:
    """Compare the steps of `vesicles` over a set of tomograms, by paired tests.

    Every pair of steps is tested by the Wilcoxon signed-rank test and
    by the paired t test; p values are corrected after Benjamini and
    Hochberg. Run `membraneseg evaluate RESULT TRUTH` on each first.
    """
    from membraneseg.evaluate.vesicle_files import compare_results

    means, tests, path = compare_results(results, measure, output)
    print_table(f"{measure} after each step, mean ± standard deviation", means)
    print_table("Paired tests, corrected p values", tests)
    print_results({} if path is None else {"table": path}, [])


def view(
    result: Annotated[Path, typer.Argument(help="output folder of `membraneseg vesicles`")],
    edit: Annotated[
        bool, typer.Option("--edit", help="click to add or remove vesicles, undo, save")
    ] = False,
) -> None:
    r"""Look at the vesicles of a result in napari, and correct them.

    Needs napari: pip install "membraneseg\[view]".
    """
    from membraneseg.vesicle_viewer import show

    show(result, edit)


def _refuse_other_options(context: typer.Context) -> None:
    """Refuse whatever else was typed: a correction keeps to the settings of its result."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        typed = source is not None and source.name == "COMMANDLINE"
        if typed and parameter.name not in CORRECTION:
            raise MembraneSegError(
                f"{parameter.opts[0]} does not go with --add or --remove, which keep to the "
                "settings of the result that they correct: leave it out, or search again without "
                "them."
            )


def _place(text: str) -> tuple[float, float, float]:
    """Read x,y,z in Å."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise MembraneSegError(
            f"--add {text}: expected three numbers, x,y,z in Å, e.g. --add 1200,830.5,410."
        ) from error
    return x, y, z
