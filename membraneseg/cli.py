"""The command line: options in, one line per result out; no science in here."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from membraneseg import __version__
from membraneseg.errors import MembraneSegError

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
console = Console(stderr=True)

OutOption = Annotated[
    Path | None, typer.Option("-o", "--output", help="output folder [TOMO_membraneseg]")
]
ForceOption = Annotated[bool, typer.Option("--force", help="replace an existing result")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda")]


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
    voxel_size: Annotated[
        float | None, typer.Option(help="voxel size in Å, if the header's is wrong")
    ] = None,
    tilt_range: Annotated[
        float | None, typer.Option(help="half the tilt range in degrees [read off the tomogram]")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="settings as TOML (each run saves its config.toml)")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="one setting: stage.key=value; repeatable")
    ] = None,
    resume: Annotated[bool, typer.Option(help="go on where an earlier run stopped")] = False,
    first: Annotated[
        str | None, typer.Option("--from", help="compute again from this stage on")
    ] = None,
    force: ForceOption = False,
    device: DeviceOption = None,
) -> None:
    """Find the membranes of a tomogram: the whole way, from voxels to meshes and report.

    Writes membranes.mrc, observed.mrc, instances.mrc, probability.mrc, proteins.mrc,
    uncertainty.mrc, meshes/, membranes.glb, membranes.csv, vesicles.csv, vesicle_labels.mrc,
    vesicles.mod, open.cxc, report.html, config.toml, run.json and stages/.

    `membraneseg settings` lists everything that --set and --config understand.
    """
    from membraneseg.config import load_config, override
    from membraneseg.pipeline import run_tomogram
    from membraneseg.progress import BarReporter
    from membraneseg.request import RunRequest

    settings = list(setting or [])
    if device is not None:
        settings.append(f"segment.device={device}")
    chosen = override(
        load_config(config, settings), voxel_size_A=voxel_size, tilt_range_deg=tilt_range
    )
    request = RunRequest(
        tomogram=tomogram,
        output=output or default_output(tomogram),
        resume=resume,
        first=first,
        force=force,
        command=" ".join(["membraneseg", *sys.argv[1:]]),
    )
    result = run_tomogram(request, chosen, BarReporter(console))
    _print_results(result.files, result.summary)


@app.command()
def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for tomogram and truth")],
    seed: Annotated[int, typer.Option(help="equal seeds give equal phantoms")] = 1,
    voxel_size: Annotated[float, typer.Option(help="voxel size in Å")] = 13.5,
    tilt_range: Annotated[float, typer.Option(help="half the tilt range in degrees")] = 60.0,
    dose: Annotated[float, typer.Option(help="total dose in electrons per Å²")] = 120.0,
    count: Annotated[int, typer.Option(help="number of vesicles")] = 12,
    force: ForceOption = False,
) -> None:
    """Make a phantom tomogram of liposomes, with its perfect truth beside it.

    Writes tomogram.mrc, truth_membranes.mrc, truth_instances.mrc, truth_proteins.mrc,
    truth_meshes.glb, truth_vesicles.csv and truth.toml.
    """
    from membraneseg.demo import simulate_to_folder
    from membraneseg.phantom.simulate import PhantomConfig
    from membraneseg.progress import BarReporter

    chosen = PhantomConfig(
        voxel_size_A=voxel_size,
        tilt_range_deg=tilt_range,
        dose_e_per_A2=dose,
        vesicle_count=count,
    )
    files = simulate_to_folder(output, chosen, seed, force, BarReporter(console))
    _print_results(files, [])


@app.command()
def evaluate(
    result: Annotated[Path, typer.Argument(help="output folder of membraneseg run")],
    truth: Annotated[Path, typer.Argument(help="folder of membraneseg simulate")],
) -> None:
    """Score a result against a phantom's truth: one table, and evaluation.json in RESULT."""
    from membraneseg.demo import evaluate_to_file

    rows, path = evaluate_to_file(result, truth)
    _print_table("Result against truth", rows)
    _print_results({"scores": path}, [])


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
    _print_table("Found against true", outcome.rows)
    _print_results(outcome.files, [])


@app.command()
def report(
    result: Annotated[Path, typer.Argument(help="output folder of membraneseg run")],
) -> None:
    """Write report.html of a finished run again."""
    from membraneseg.pipeline import rewrite_report

    _print_results({"report": rewrite_report(result)}, [])


@app.command()
def settings() -> None:
    """List every setting of a run, its default, and what it means."""
    from membraneseg.config import explain

    table = Table("setting", "default", "meaning", box=None)
    for row in explain():
        table.add_row(*row)
    Console(width=max(100, Console().width)).print(table)


def default_output(tomogram: Path) -> Path:
    """Folder beside the tomogram that a run writes to: TOMO_membraneseg."""
    name = tomogram.name
    for ending in (".gz", ".bz2", ".mrc", ".rec", ".map", ".st"):
        name = name.removesuffix(ending)
    return tomogram.with_name(f"{name}_membraneseg")


def _print_table(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table("measure", "value", title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _print_results(files: dict[str, Path], summary: list[str]) -> None:
    for line in summary:
        typer.echo(line)
    width = max(map(len, files), default=0)
    for name, path in files.items():
        typer.echo(f"{name:<{width}}  {path}")


def main() -> None:
    """Entry point: an error that the user can mend is one sentence and exit code 2."""
    try:
        app()
    except MembraneSegError as error:
        typer.echo(f"membraneseg: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
