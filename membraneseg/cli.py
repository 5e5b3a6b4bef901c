"""The command line: options in, one line per result out; no science in here."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from membraneseg import __version__
from membraneseg.cli_close import close
from membraneseg.cli_export import export
from membraneseg.cli_options import (
    ClosedOption,
    ConfigOption,
    DeviceOption,
    ForceOption,
    JobsOption,
    SettingOption,
    TiltRangeOption,
    VoxelSizeOption,
    chosen_config,
    default_output,
    typed_command,
)
from membraneseg.cli_output import console, print_results, print_table
from membraneseg.cli_train import train_app
from membraneseg.cli_vesicles import compare_steps, vesicles, view
from membraneseg.errors import MembraneSegError
from membraneseg.phantom.presets import PRESETS

app = typer.Typer(
    name="membraneseg",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""From a cryo-electron tomogram to closed, trustworthy 3-D membranes.

    [bold]membraneseg run tomo.mrc[/bold] segments the tomogram with a slice U-Net, groups the
    pieces into membranes, closes the missing-wedge gaps with a Gaussian-process surface, and
    writes one mesh per membrane, labels, uncertainty, tables and a report into
    tomo_membraneseg/.

    Membranes must be dark, the tilt axis along y, the beam along z. Positions and sizes are in
    Å and follow the header, so every result lies on its tomogram in ChimeraX.

    Exit codes: 0 done (also when there is no membrane), 2 the input or an option is wrong.""",
)
app.add_typer(train_app, name="train")

SIMULATE_HELP = """Simulate a tilt series and its tomogram, with the truth beside it.

A PRESET says what stands in the ice; a SCENE.toml holds any settings, and every phantom saves
its own as scene.toml, which makes it again bit by bit. `membraneseg settings simulate` lists
everything that --set and a SCENE.toml understand.

\b
[bold]Presets[/bold]
{presets}

\b
[bold]Files[/bold]
  tomogram.mrc          float32, dark membranes
  tilt_series.mrc       electrons per pixel, ascending tilts; angles in tilt_series.rawtlt
  truth_membranes.mrc   1 in membranes; truth_instances.mrc: in which; truth_compartments.mrc:
                        inside which; truth_proteins.mrc: 1 in molecules; truth_atlas.mrc: class
  truth_meshes.glb      middle of each membrane, pale where the missing wedge hides it
  truth_*.csv           membranes, vesicles, particles, and the visibility of the surface
  truth.toml            facts: class names, counts, microscope, dose and defocus of each tilt
  scene.toml            every setting and the seed
  contact_sheet.png     slices and their truth

With --count 2 or more: folders phantom_0001 … with scenes of their own and with voxel size,
tilts, dose, defocus, ice and crowding drawn from ranges (--set ranges.defocus_um=2,4; what you
set yourself stays), phantoms.csv and one contact sheet. A killed set goes on with --resume; each
phantom appears whole or not at all.""".format(
    presets="\n".join(f"  {name:<20}  {preset.help}" for name, preset in PRESETS.items())
)

SETTINGS = {
    "run": ("membraneseg.config", "RunConfig"),
    "vesicles": ("membraneseg.vesicle_config", "VesicleRunConfig"),
    "simulate": ("membraneseg.scene_file", "SceneSettings"),
    "train": ("membraneseg.training", "TrainingSettings"),
}
"""Where the settings of a command are; looked up when asked for, as these modules load slowly."""

OutOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="output folder [TOMO_membraneseg]")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"membraneseg {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log every step")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Set up logging."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False)],
        force=True,
    )


@app.command()
def run(
    tomogram: Annotated[Path, typer.Argument(metavar="TOMO", help="tomogram (.mrc, .rec, .map)")],
    output: OutOption = None,
    voxel_size: VoxelSizeOption = None,
    tilt_range: TiltRangeOption = None,
    config: ConfigOption = None,
    setting: SettingOption = None,
    group: Annotated[
        str | None,
        typer.Option(help="how membranes are told apart: merge, rl or both (default: merge)"),
    ] = None,
    resume: Annotated[bool, typer.Option(help="go on where an earlier run stopped")] = False,
    first: Annotated[
        str | None, typer.Option("--from", help="compute again from this stage on")
    ] = None,
    force: ForceOption = False,
    device: DeviceOption = None,
    closed: ClosedOption = None,
    strict: Annotated[bool, typer.Option(help="drop the doubtful membranes")] = False,
    jobs: JobsOption = None,
) -> None:
    """Find the membranes of a tomogram: the whole way, from voxels to meshes and report.

    Writes volumes, meshes, tables, open.cxc for ChimeraX, report.html,
    run.json and stages/ (README.md has the list). `membraneseg settings`
    lists everything that --set and --config understand.
    """
    from membraneseg.pipeline import run_tomogram
    from membraneseg.progress import BarReporter
    from membraneseg.request import RunRequest

    named = {
        "segment.device": device,
        "group.method": group,
        "fit.closure.closed": closed,
        "refine.strict": "true" if strict else None,
    }
    fields = {"voxel_size_A": voxel_size, "tilt_range_deg": tilt_range, "jobs": jobs}
    chosen = chosen_config(config, setting, named, fields)
    request = RunRequest(
        tomogram=tomogram,
        output=output or default_output(tomogram),
        resume=resume,
        first=first,
        force=force,
        command=typed_command(),
    )
    result = run_tomogram(request, chosen, BarReporter(console))
    print_results(result.files, result.summary)


app.command()(close)
app.command()(export)
app.command()(vesicles)
app.command("compare-steps")(compare_steps)
app.command()(view)


@app.command(help=SIMULATE_HELP)
def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for everything")],
    source: Annotated[
        str, typer.Argument(metavar="[PRESET|SCENE.toml]", show_default=False)
    ] = "liposomes",
    seed: Annotated[
        int | None, typer.Option(help="equal seeds give equal phantoms [1]", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option(help="phantoms; from 2 on a set of folders")] = 1,
    voxel_size: Annotated[float | None, typer.Option(help="voxel size in Å")] = None,
    tilt_range: Annotated[
        float | None, typer.Option(help="tilts from minus to plus so many degrees")
    ] = None,
    dose: Annotated[
        float | None, typer.Option(help="dose of the whole series in electrons per Å²")
    ] = None,
    setting: SettingOption = None,
    resume: Annotated[bool, typer.Option(help="keep what an earlier call finished")] = False,
    force: ForceOption = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Simulate a tilt series and its tomogram, with the truth beside it."""
    from membraneseg.progress import BarReporter
    from membraneseg.scene_file import load_scene
    from membraneseg.simulate import SimulateRequest, simulate_to_folder

    request = SimulateRequest(output, count, resume, force, device)
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    if voxel_size is not None:
        options["voxel_size_A"] = voxel_size
    if tilt_range is not None:
        options["tilts"] = {"min_deg": -tilt_range, "max_deg": tilt_range}
    if dose is not None:
        options["microscope"] = {"dose_e_per_A2": dose}
    chosen = load_scene(source, setting or (), options)
    print_results(simulate_to_folder(request, chosen, BarReporter(console)), [])


@app.command()
def evaluate(
    result: Annotated[Path, typer.Argument(help="output folder of membraneseg run")],
    truth: Annotated[Path, typer.Argument(help="folder of membraneseg simulate")],
) -> None:
    """Score a result against a phantom's truth: one table, and evaluation.json in RESULT."""
    from membraneseg.demo import evaluate_to_file

    rows, path = evaluate_to_file(result, truth)
    print_table("Result against truth", rows)
    print_results({"scores": path}, [])


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="equal seeds give equal phantoms")] = 1,
    force: ForceOption = False,
) -> None:
    """Simulate a phantom, find its membranes, score them: a tour in a few minutes."""
    from membraneseg.demo import run_demo
    from membraneseg.progress import BarReporter

    outcome = run_demo(output, seed, force, BarReporter(console))
    print_table("Found against true", outcome.rows)
    print_results(outcome.files, [])


@app.command()
def report(
    result: Annotated[Path, typer.Argument(help="output folder of run, close or vesicles")],
) -> None:
    """Write report.html of a finished result again, from the files in its folder."""
    from membraneseg.report.page import write_report
    from membraneseg.result_folder import result_content
    from membraneseg.vesicle_command import FACTS, open_result
    from membraneseg.vesicle_report import write_vesicle_report

    path = result / "report.html"
    if (result / FACTS).is_file():
        write_vesicle_report(result, open_result(result).setting)
    else:
        write_report(path, result_content(result))
    print_results({"report": path}, [])


@app.command()
def settings(
    command: Annotated[
        str, typer.Argument(metavar=f"[{'|'.join(SETTINGS)}]", show_default=False)
    ] = "run",
) -> None:
    """List every setting of a command, its default, and what it means."""
    from membraneseg.settings import explain

    if command not in SETTINGS:
        raise MembraneSegError(f"'{command}' has no settings: give one of {', '.join(SETTINGS)}.")
    module, name = SETTINGS[command]
    rows = explain(getattr(import_module(module), name))
    table = Table("setting", "default", "meaning", box=None)
    for row in rows:
        table.add_row(*row)
    Console(width=max(100, Console().width)).print(table)


def main() -> None:
    """Entry point: an error that the user can mend is one sentence and exit code 2."""
    try:
        app()
    except MembraneSegError as error:
        typer.echo(f"membraneseg: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
