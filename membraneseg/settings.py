"""Settings of any command: from TOML and `--set` to checked config dataclasses, and back."""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from membraneseg.errors import MembraneSegError
from membraneseg.io.toml import toml_text

Values = dict[str, Any]
Config = TypeVar("Config")


@dataclass(frozen=True)
class Wording:
    """How the error sentences of one command speak of its settings.

    Parameters
    ----------
    command : str
        Argument of `membraneseg settings`: "run".
    file : str
        What its TOML file is: "configuration".
    remedy : str
        What to check if that file cannot be read: "check --config".
    saved_as : str
        Where a good one is to be had: "the config.toml that a run has saved".
    example : str
        A setting that works after `--set`: "segment.flips=false".
    """

    command: str
    file: str
    remedy: str
    saved_as: str
    example: str


def read_values(path: Path, wording: Wording) -> Values:
    """Read nested plain values from a TOML file.

    Parameters
    ----------
    path : Path
    wording : Wording

    Returns
    -------
    dict

    Raises
    ------
    MembraneSegError
        If the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MembraneSegError(
            f"The {wording.file} {path} cannot be read ({error.strerror}): {wording.remedy}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MembraneSegError(
            f"The {wording.file} {path} is not TOML ({error}): start from {wording.saved_as}."
        ) from error


def with_settings(values: Mapping[str, Any], settings: Sequence[str], wording: Wording) -> Values:
    """Add `group.key=value` settings to nested plain values.

    Parameters
    ----------
    values : mapping
    settings : sequence of str
        The value as in TOML; strings may go without quotes, lists without brackets.
    wording : Wording

    Returns
    -------
    dict

    Raises
    ------
    MembraneSegError
        If a setting has no value, or its group is a value itself.
    """
    chosen = deepcopy(dict(values))
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name.strip():
            raise MembraneSegError(
                f"--set {setting} has no value: write --set group.key=value, e.g. "
                f"--set {wording.example}."
            )
        group = chosen
        *parents, key = name.strip().split(".")
        for parent in parents:
            group = group.setdefault(parent, {})
            if not isinstance(group, dict):
                raise MembraneSegError(
                    f"--set {setting}: '{parent}' is a value, not a group of settings; "
                    f"`membraneseg settings {wording.command}` lists them all."
                )
        group[key] = _parsed(text)
    return chosen


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    """Nested values of both mappings; where both say something, `above` counts."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def from_values(cls: type[Config], values: Mapping[str, Any], wording: Wording) -> Config:
    """Build a config dataclass from nested plain values.

    Parameters
    ----------
    cls : type
        A dataclass whose fields all have defaults and are str, int, float, bool, tuples of one of
        them, or such dataclasses.
    values : mapping
        Of a group that is named in part, the rest keeps the defaults that the group has there.
    wording : Wording

    Returns
    -------
    cls

    Raises
    ------
    MembraneSegError
        For an unknown key or a value of the wrong kind, and whatever the class itself refuses.
    """
    return typing.cast(Config, _filled(cls(), values, wording, ""))


def to_toml(config: object) -> str:
    """A config dataclass as TOML text that reads back to itself."""
    return toml_text(asdict(typing.cast(Any, config)))


def explain(cls: type[Any]) -> list[tuple[str, str, str]]:
    """(name, default, help) of every setting of a config dataclass."""
    return _explained(cls(), "")


def override(config: Config, **values: Any) -> Config:
    """A copy with the options that the command line gave (None: not given)."""
    given = {k: v for k, v in values.items() if v is not None}
    return typing.cast(Config, replace(typing.cast(Any, config), **given))


def _parsed(text: str) -> Any:
    """The value of a `--set`: TOML where it is TOML, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _explained(config: Any, prefix: str) -> list[tuple[str, str, str]]:
    rows = []
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            rows += _explained(value, f"{prefix}{item.name}.")
        else:
            rows.append((prefix + item.name, repr(value), str(item.metadata.get("help", ""))))
    return rows


def _filled(config: Any, values: Mapping[str, Any], wording: Wording, prefix: str) -> Any:
    """A copy of a config with nested values put in; its checks run once all are there."""
    hints = typing.get_type_hints(type(config))
    known = {item.name for item in fields(config)}
    chosen = {}
    for key, value in values.items():
        if key not in known:
            raise MembraneSegError(
                f"'{prefix}{key}' is not a setting of `membraneseg {wording.command}`: known are "
                f"{', '.join(prefix + k for k in sorted(known))}."
            )
        old = getattr(config, key)
        if is_dataclass(old) and not isinstance(value, Mapping):
            raise MembraneSegError(
                f"'{prefix}{key}' is a group of settings, not a value: write {prefix}{key}.key = "
                f"value; `membraneseg settings {wording.command}` lists them all."
            )
        if is_dataclass(old):
            chosen[key] = _filled(old, value, wording, f"{prefix}{key}.")
        else:
            chosen[key] = _converted(hints[key], value, prefix + key)
    return replace(config, **chosen)


def _converted(kind: Any, value: Any, name: str) -> Any:
    """Bring a TOML value to the type of its field, or say what is expected."""
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str):
            value = [_parsed(item) for item in value.split(",")]
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
