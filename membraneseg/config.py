"""The configuration of a whole run: one frozen dataclass per stage, from TOML and `--set`."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from membraneseg.errors import MembraneSegError
from membraneseg.group.fragments import FragmentConfig
from membraneseg.group.merging import GroupConfig
from membraneseg.segment.predict import SegmentConfig
from membraneseg.surface.fit import SurfaceConfig
from membraneseg.surface.labels import LabelConfig
from membraneseg.surface.refined import RefineConfig
from membraneseg.surface.select import SelectConfig
from membraneseg.vesicles.spheres import VesicleConfig

MESH_FORMATS = ("glb", "obj", "stl")


@dataclass(frozen=True)
class RunConfig:
    """Everything that `membraneseg run` can be told."""

    voxel_size_A: float = field(
        default=0.0, metadata={"help": "voxel size in Å; 0: the one in the header"}
    )
    tilt_range_deg: float = field(
        default=0.0, metadata={"help": "half the tilt range; 0: read off the tomogram"}
    )
    mesh_formats: tuple[str, ...] = field(
        default=("glb",), metadata={"help": f"one file per membrane, of {MESH_FORMATS}"}
    )
    segment: SegmentConfig = field(default_factory=SegmentConfig)
    fragments: FragmentConfig = field(default_factory=FragmentConfig)
    group: GroupConfig = field(default_factory=GroupConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    fit: SurfaceConfig = field(default_factory=SurfaceConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)
    vesicles: VesicleConfig = field(default_factory=VesicleConfig)

    def __post_init__(self) -> None:
        if self.tilt_range_deg and not 10.0 <= self.tilt_range_deg <= 90.0:
            raise MembraneSegError(
                f"The tilt range is {self.tilt_range_deg}°: give half the range of the tilt "
                "series, between 10 and 90 (for -60° to +60°: --tilt-range 60)."
            )
        for name in self.mesh_formats:
            if name not in MESH_FORMATS:
                raise MembraneSegError(
                    f"'{name}' is not a mesh format: choose from {', '.join(MESH_FORMATS)}."
                )


def load_config(path: Path | None, settings: Sequence[str] = ()) -> RunConfig:
    """Build the configuration of a run.

    Parameters
    ----------
    path : Path or None
        A TOML file with the structure that every run saves as `config.toml`.
    settings : sequence of str
        `stage.key=value` overrides; the value as in TOML, strings may go without quotes.

    Raises
    ------
    MembraneSegError
        For an unreadable file, an unknown key, or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text())
        except OSError as error:
            raise MembraneSegError(
                f"The configuration {path} cannot be read ({error.strerror}): check --config."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MembraneSegError(
                f"The configuration {path} is not TOML ({error}): start from the config.toml "
                "that a run has saved."
            ) from error
    for setting in settings:
        _apply(values, setting)
    return typing.cast(RunConfig, from_mapping(RunConfig, values, ""))


def _apply(values: dict[str, Any], setting: str) -> None:
    """Put one `stage.key=value` into the nested mapping (in place)."""
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise MembraneSegError(
            f"--set {setting} has no value: write --set stage.key=value, e.g. "
            "--set segment.flips=false."
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *parents, key = name.strip().split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise MembraneSegError(f"--set {setting}: '{parent}' is not a stage.")
    values[key] = value


def from_mapping(cls: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    """Build a config dataclass from nested plain values, refusing unknown keys."""
    hints = typing.get_type_hints(cls)
    known = {f.name for f in fields(cls)}
    chosen = {}
    for key, value in values.items():
        if key not in known:
            raise MembraneSegError(
                f"'{prefix}{key}' is not a setting: known are "
                f"{', '.join(prefix + k for k in sorted(known))}."
            )
        chosen[key] = _converted(hints[key], value, prefix + key)
    return cls(**chosen)


def _converted(kind: Any, value: Any, name: str) -> Any:
    """Bring a TOML value to the type of its field, or say what is expected."""
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise MembraneSegError(f"'{name}' is a stage, not a value: write {name}.key = value.")
        return from_mapping(typing.cast(type, kind), value, name + ".")
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str):
            value = value.split(",")
        inner = typing.get_args(kind)[0]
        items = value if isinstance(value, Sequence) else [value]
        return tuple(_converted(inner, item, name) for item in items)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and type(value) is not kind:
        raise MembraneSegError(
            f"'{name}' is {value!r}: a value of type {kind.__name__} is expected."
        )
    return value


def to_toml(config: RunConfig) -> str:
    """The resolved configuration as TOML text that `load_config` reads back."""
    return tomli_w.dumps(asdict(config))


def explain(cls: type[Any] = RunConfig, prefix: str = "") -> list[tuple[str, str, str]]:
    """(name, default, help) of every setting, for `membraneseg settings`."""
    rows = []
    for item in fields(cls):
        kind = typing.get_type_hints(cls)[item.name]
        if is_dataclass(kind):
            rows += explain(typing.cast(type, kind), f"{prefix}{item.name}.")
            continue
        default = item.default
        if default is dataclasses.MISSING and callable(item.default_factory):
            default = item.default_factory()
        rows.append((prefix + item.name, repr(default), str(item.metadata.get("help", ""))))
    return rows


def override(config: RunConfig, **values: Any) -> RunConfig:
    """A copy with the options that the command line gave (None: not given)."""
    return replace(config, **{k: v for k, v in values.items() if v is not None})
