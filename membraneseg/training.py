"""The work of `membraneseg train unet`: a network from synthetic slices, phantoms and real data."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from membraneseg.devices import chosen_device
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import whole_file, write_text
from membraneseg.io.folders import check_output_folder
from membraneseg.ledger import Reporter
from membraneseg.matching_tomogram import described, judge, match_tomogram
from membraneseg.report.curves import curves_figure
from membraneseg.report.drawing import figure_png
from membraneseg.segment.looks import Looks
from membraneseg.segment.train import Examples, TrainConfig, train
from membraneseg.segment.truth_free import Comparison
from membraneseg.segment.unet import DEFAULT_WEIGHTS, UNetConfig, load_weights
from membraneseg.settings import Wording, from_values, merged, read_values, to_toml, with_settings
from membraneseg.training_data import find_phantoms, read_example, read_real
from synth2d.config import SliceConfig

WEIGHTS_FILE, RECIPE_FILE = "slice_unet.safetensors", "training.toml"
SCRATCH = "none"
COMPARISON_FILE = "comparison.json"
MATCH_TRAINING = {"steps": 600, "learning_rate": 2e-4, "checkpoint_every": 100}
"""What a training that matches a tomogram does unless told otherwise: minutes, small changes."""
WORDING = Wording(
    command="train",
    file="recipe",
    remedy="check --config",
    saved_as="the training.toml that a training has saved",
    example="training.steps=500",
)


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that a training.toml can say."""

    start: str = field(
        default="", metadata={"help": "weight file to start from; empty: the shipped one, or none"}
    )
    phantoms: tuple[str, ...] = field(
        default=(), metadata={"help": "folders of phantoms, or of sets of them"}
    )
    real: tuple[str, ...] = field(
        default=(), metadata={"help": "tomogram, labels, tomogram, labels …"}
    )
    match: str = field(
        default="", metadata={"help": "tomogram that the synthetic slices shall look like"}
    )
    matched_share: float = field(
        default=Examples.matched_share,
        metadata={"help": "share of the synthetic slices that look like the one to match"},
    )
    volume_share: float = field(
        default=Examples.volume_share,
        metadata={"help": "share of the examples that are crops of phantoms and real tomograms"},
    )
    training: TrainConfig = field(default_factory=lambda: TrainConfig(learning_rate=5e-4))
    looks: Looks = field(default_factory=Looks)
    slices: SliceConfig = field(default_factory=SliceConfig)

    def __post_init__(self) -> None:
        for name in ("volume_share", "matched_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected 0 to 1; correct {name}"
                )
        if len(self.real) % 2:
            raise MembraneSegError(
                f"real names {len(self.real)} files, expected pairs of tomogram and labels; give "
                "the labels of each tomogram after it"
            )


@dataclass(frozen=True)
class TrainingResult:
    """What a training has made.

    Parameters
    ----------
    scores : dict
        On held-out synthetic slices.
    files : dict of str to Path
    comparison : Comparison or None
        Of the shipped network (first) with the new one (second), on the tomogram to match.
    """

    scores: dict[str, float]
    files: dict[str, Path]
    comparison: Comparison | None = None


def load_training(
    path: Path | None, settings: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> TrainingSettings:
    """Put the settings of a training together: TOML file, `--set`, command line's own options.

    Raises
    ------
    MembraneSegError
        For an unreadable file, an unknown key or a value that is refused.
    """
    values = read_values(path, WORDING) if path is not None else {}
    values = merged(with_settings(values, settings, WORDING), options or {})
    if values.get("match"):
        values = merged({"training": MATCH_TRAINING}, values)
    try:
        return from_values(TrainingSettings, values, WORDING)
    except ValueError as error:  # the slices' own checks
        raise MembraneSegError(f"slices: {error}; correct it in the settings") from error


def pairs_of(given: Sequence[str]) -> list[str]:
    """Split `TOMO=LABELS` options into tomogram, labels, tomogram, labels and so on."""
    files: list[str] = []
    for pair in given:
        tomogram, equals, labels = pair.partition("=")
        if not equals or not tomogram or not labels:
            raise MembraneSegError(
                f"--real {pair} is no pair, expected TOMO=LABELS; name the labels after an = sign."
            )
        files += [tomogram, labels]
    return files


def train_unet(
    folder: Path, settings: TrainingSettings, resume: bool, force: bool, reporter: Reporter
) -> TrainingResult:
    """Train, or fine-tune, a slice U-Net.

    Parameters
    ----------
    folder : Path
        Gets the weights with their description, checkpoint.pt, curve.csv, curve.png,
        training.toml and, with `match`, comparison.json.
    settings : TrainingSettings
    resume, force : bool
        Go on with an interrupted training of the same settings; start over.
    reporter : Reporter

    Returns
    -------
    TrainingResult

    Raises
    ------
    MembraneSegError
        If the folder holds another training, or an input cannot be used.
    """
    recipe = to_toml(settings)
    _check_folder(folder, settings, resume, force)
    config = replace(settings.training, device=chosen_device(settings.training.device))
    start = _start(settings.start)
    unet = load_weights(start)[1] if start else UNetConfig()
    with reporter.stage("read examples") as progress:
        examples = _examples(settings, unet, progress)
    matched = None
    if settings.match:
        with reporter.stage("measure tomogram") as progress:
            matched = match_tomogram(Path(settings.match), config.device, progress)
        examples = replace(examples, appearance=matched.appearance)
    folder.mkdir(parents=True, exist_ok=True)
    if force:
        for name in ("checkpoint.pt", "curve.csv"):
            (folder / name).unlink(missing_ok=True)
    write_text(folder / RECIPE_FILE, recipe)
    with reporter.stage("train") as progress:
        steps = settings.training.steps
        scores = train(folder, unet, examples, config, start, lambda done: progress(done / steps))
    names = {"weights": WEIGHTS_FILE, "curve": "curve.png", "recipe": RECIPE_FILE}
    files = {name: folder / file for name, file in names.items()}
    rows = _draw_curve(folder)
    comparison = None
    if matched is not None:
        comparison = judge(matched, files["weights"], config.device)
        files["comparison"] = folder / COMPARISON_FILE
        text = json.dumps(described(matched, comparison), indent=2)
        write_text(files["comparison"], text + "\n")
    return TrainingResult(scores or rows[-1], files, comparison)


def _draw_curve(folder: Path) -> list[dict[str, float]]:
    """Draw curve.png from curve.csv; return its rows."""
    with (folder / "curve.csv").open(newline="") as source:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(source)]
    with whole_file(folder / "curve.png") as partial:
        partial.write_bytes(figure_png(curves_figure(rows)))
    return rows


def _check_folder(folder: Path, settings: TrainingSettings, resume: bool, force: bool) -> None:
    """Refuse to mix two trainings, or to overwrite one."""
    if resume and force:
        raise MembraneSegError("--resume goes on and --force starts over: give one of the two.")
    folder = folder.resolve()
    check_output_folder(folder, resume or force)
    if force or not folder.is_dir() or not any(folder.iterdir()):
        return
    saved = folder / RECIPE_FILE
    # settings, not text: a folder of an older version lacks what has a default since
    if not saved.is_file() or load_training(saved) != settings:
        raise MembraneSegError(
            f"{folder} holds a training with other settings: give the same ones to go on, or "
            "another folder with -o."
        )


def _start(wanted: str) -> Path | None:
    if wanted == SCRATCH:
        return None
    return Path(wanted) if wanted else DEFAULT_WEIGHTS


def _examples(settings: TrainingSettings, unet: UNetConfig, progress: Any) -> Examples:
    """Read every labelled volume; slices are drawn later, on the fly."""
    places = find_phantoms([Path(folder) for folder in settings.phantoms])
    pairs = list(zip(settings.real[::2], settings.real[1::2], strict=True))
    total = max(len(places) + len(pairs), 1)
    volumes = []
    for place in places:
        volumes.append(read_example(place, unet))
        progress(len(volumes) / total)
    for tomogram, labels in pairs:
        volumes.append(read_real(Path(tomogram), Path(labels), unet))
        progress(len(volumes) / total)
    slices = replace(settings.slices, context=unet.context)
    share = settings.matched_share
    return Examples(slices, tuple(volumes), settings.volume_share, settings.looks, None, share)
