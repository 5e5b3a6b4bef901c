"""`membraneseg train`: networks for other data than the shipped weights were made for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from membraneseg.cli_options import ConfigOption, SettingOption
from membraneseg.cli_output import console, print_results, print_table

OutputOption = Annotated[Path, typer.Option("-o", "--output", help="folder for weights and curves")]
PhantomsOption = Annotated[
    list[Path] | None,
    typer.Option(help="folder of phantoms or sets (membraneseg simulate); repeatable"),
]
RealOption = Annotated[
    list[str] | None,
    typer.Option(metavar="TOMO=LABELS", help="a tomogram and its labels; repeatable"),
]
MatchOption = Annotated[
    Path | None,
    typer.Option(metavar="TOMO", help="tomogram whose look the synthetic slices shall have"),
]
StartOption = Annotated[
    str | None,
    typer.Option(help="weight file to start from, or none (default: the shipped one)"),
]
StepsOption = Annotated[
    int | None, typer.Option(help="steps of 8 examples [4000; with --match 600]")
]

train_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Train networks on synthetic slices, phantoms and your own labelled tomograms.",
)


@train_app.callback()
def choose() -> None:
    """Keep `unet` a command of its own."""


@train_app.command()
def unet(
    output: OutputOption,
    phantoms: PhantomsOption = None,
    real: RealOption = None,
    match: MatchOption = None,
    start: StartOption = None,
    steps: StepsOption = None,
    config: ConfigOption = None,
    setting: SettingOption = None,
    resume: Annotated[bool, typer.Option(help="go on with an interrupted training")] = False,
    force: Annotated[bool, typer.Option("--force", help="start over")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda")] = None,
) -> None:
    """Train the slice U-Net, or fine-tune the shipped one.

    Every step sees 8 examples: synthetic slices drawn on the fly, and crops of phantoms and of
    real tomograms with labels (60 % of them, where any are given: --set volume_share=). Labels are
    volumes of the tomogram's shape: 0 background, 1 membrane; or 0, 1 protein, 2 membrane; 255
    unknown. Slices without a label count as unknown, so that one drawn slice is enough.

    --match TOMO measures how membranes and noise look in a tomogram, where the shipped network
    finds membranes, and draws most slices to look like that. At the end it says whether the new
    network is better or worse there than the shipped one, from densities that neither saw.

    Writes slice_unet.safetensors with its .json, curve.csv, curve.png, training.toml,
    checkpoint.pt, and with --match comparison.json. Use the weights with:
    membraneseg run TOMO --set segment.weights=FILE

    `membraneseg settings train` lists everything that --set and --config understand.
    """
    from membraneseg.matching_tomogram import comparison_rows, sentence
    from membraneseg.progress import BarReporter
    from membraneseg.training import load_training, pairs_of, train_unet

    training = {"steps": steps, "device": device}
    options: dict[str, Any] = {
        "training": {k: v for k, v in training.items() if v is not None},
        "phantoms": None if phantoms is None else [str(path) for path in phantoms],
        "real": None if real is None else pairs_of(real),
        "start": start,
        "match": None if match is None else str(match),
    }
    settings = load_training(
        config, setting or [], {k: v for k, v in options.items() if v is not None}
    )
    result = train_unet(output, settings, resume, force, BarReporter(console))
    print_table(
        "Held-out synthetic slices",
        [(name.replace("_", " "), f"{value:.3f}") for name, value in result.scores.items()],
    )
    summary = []
    if result.comparison is not None:
        print_table("On the tomogram, without truth", comparison_rows(result.comparison))
        summary.append(sentence(result.comparison))
    print_results(result.files, summary)
