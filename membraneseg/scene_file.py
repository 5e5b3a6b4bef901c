"""What `membraneseg simulate` is told: a preset or a SCENE.toml, settings on top, and a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.io.structures import is_structure_name
from membraneseg.phantom.config import PhantomConfig
from membraneseg.phantom.presets import PRESETS
from membraneseg.phantom.ranges import SETTINGS_OF_RANGES, Ranges, draw_settings
from membraneseg.settings import Values, Wording, from_values, merged, read_values, with_settings

WORDING = Wording(
    command="simulate",
    file="scene",
    remedy=f"give a scene.toml, or one of the presets {', '.join(PRESETS)}",
    saved_as="the scene.toml that every phantom has in its folder",
    example="liposomes.count=20",
)
DEFAULT_PRESET = "liposomes"


@dataclass(frozen=True)
class SceneSettings(PhantomConfig):
    """Everything that a SCENE.toml can say."""

    preset: str = field(
        default="", metadata={"help": f"start from the settings of: {', '.join(PRESETS)}"}
    )
    seed: int = field(default=1, metadata={"help": "equal seeds give equal phantoms"})
    member: int = field(
        default=0, metadata={"help": "number of the phantom in its set; 0: one by itself"}
    )
    ranges: Ranges = field(default_factory=Ranges)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preset and self.preset not in PRESETS:
            raise MembraneSegError(unknown_preset(self.preset))
        for name in ("seed", "member"):
            if getattr(self, name) < 0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected 0 or more; correct {name}"
                )

    @property
    def generator(self) -> np.random.Generator:
        """Where all the randomness of this phantom comes from."""
        entropy = [self.seed, self.member] if self.member else self.seed
        return np.random.default_rng(np.random.SeedSequence(entropy))


def load_scene(
    source: str = DEFAULT_PRESET,
    settings: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> SceneSettings:
    """Put the settings of a phantom together.

    Parameters
    ----------
    source : str
        Name of a preset, or path of a TOML file: any settings, `preset`, `seed` and `ranges`.
    settings : sequence of str
        `group.key=value`, on top of it.
    options : mapping, optional
        Nested values of the command line's own options, on top of all.

    Returns
    -------
    SceneSettings
        The ranges of a set leave alone what was asked for in so many words (not by a preset).

    Raises
    ------
    MembraneSegError
        For an unknown preset, an unreadable file, an unknown key or a value that is refused.
    """
    values = {"preset": source} if source in PRESETS else _file_values(source)
    values = with_settings(values, settings, WORDING)
    values = _located(merged(values, options or {}), Path.cwd())
    preset = values.get("preset", "")
    if isinstance(preset, str) and preset:
        if preset not in PRESETS:
            raise MembraneSegError(unknown_preset(preset))
        asked = values
        values = merged(PRESETS[preset].settings, asked)
        values["ranges"] = _ranges(asked)
    else:
        values["ranges"] = _ranges(values)
    return from_values(SceneSettings, values, WORDING)


def recipe_of(settings: SceneSettings) -> Values:
    """The settings as nested plain values; of one phantom of a set, without the ranges."""
    recipe = asdict(settings)
    if settings.member:
        del recipe["ranges"]
    return recipe


def members_of(settings: SceneSettings, count: int) -> list[SceneSettings]:
    """Settings of each phantom of a set: its number, and its parameters drawn from the ranges.

    Parameters
    ----------
    settings : SceneSettings
    count : int

    Returns
    -------
    list of SceneSettings
        Each depends on the seed and its own number only.
    """
    members = []
    for number in range(1, count + 1):
        one = replace(settings, member=number)
        drawing = np.random.SeedSequence([settings.seed, number]).spawn(1)[0]
        members.append(draw_settings(one, settings.ranges, np.random.default_rng(drawing)))
    return members


def unknown_preset(name: str) -> str:
    """The sentence for a name that is neither a preset nor a file."""
    return (
        f"'{name}' is no preset and no file: give one of {', '.join(PRESETS)}, or the path of a "
        "SCENE.toml."
    )


def _file_values(source: str) -> Values:
    path = Path(source)
    if not path.exists() and path.suffix.lower() != ".toml":
        raise MembraneSegError(unknown_preset(source))
    values: Values = _located(read_values(path, WORDING), path.resolve().parent)
    return values


def _located(values: Any, folder: Path) -> Any:
    """Make the names of structure files absolute, so that they hold wherever a scene is used."""
    if isinstance(values, Mapping):
        return {key: _located(value, folder) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_located(value, folder) for value in values]
    if isinstance(values, str):
        names = [name.strip() for name in values.split(",")]
        if any(is_structure_name(name) for name in names):
            return ",".join(str(folder / n) if is_structure_name(n) else n for n in names)
    return values


def _ranges(asked: Mapping[str, Any]) -> Any:
    """The ranges asked for; empty ones for whatever else was asked for in so many words."""
    ranges = asked.get("ranges", {})
    if not isinstance(ranges, Mapping):
        return ranges  # for from_values to refuse
    fixed: Values = {}
    for name, settings in SETTINGS_OF_RANGES.items():
        if any(_is_given(asked, setting.split(".")) for setting in settings):
            fixed[name] = []
    return merged(fixed, ranges)


def _is_given(values: Mapping[str, Any], keys: Sequence[str]) -> bool:
    inner = values.get(keys[0])
    if len(keys) == 1:
        return inner is not None
    return isinstance(inner, Mapping) and _is_given(inner, keys[1:])
