"""Keeps the account of a run: which stage is done, from what, how long it took, how much memory.

Every stage has a key: the hash of the previous stage's key and of its own settings; the first
key is the hash of the input. A stored stage counts only if its key is the wanted one, so a run
with other settings never picks up a stale result.
"""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.io.stages import SliceStream, load_stage, save_slices, save_stage

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
Arrays = Mapping[str, npt.NDArray[Any]]
Made = TypeVar("Made")
Value = TypeVar("Value")


class Reporter(Protocol):
    """Somebody who watches the stages go by (a progress bar, or nobody)."""

    def stage(self, name: str) -> AbstractContextManager[Progress]:
        """Enter a stage; the value takes the share done, 0–1."""


@dataclass(frozen=True)
class StageRecord:
    """What run.json says of one stage."""

    name: str
    seconds: float
    peak_memory_MB: float
    resumed: bool


@dataclass(frozen=True)
class Codec(Generic[Made, Value]):
    """How what a stage makes becomes arrays (or slices) on disk, and its value comes back."""

    to_arrays: Callable[[Made], Arrays | SliceStream]
    from_arrays: Callable[[Arrays], Value]


def peak_memory_MB() -> float:
    """Largest resident memory of this process so far, in MB."""
    scale = 1024.0**2 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def hash_of(previous: str, name: str, settings: object) -> str:
    """Key of a stage: depends on the previous key, its name and every setting."""
    text = json.dumps([previous, name, _plain(settings)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Ledger:
    """Runs stages in order, keeps their results, and remembers what happened.

    Parameters
    ----------
    folder : Path
        Where the stage files are.
    key : str
        Hash of the input.
    reporter : Reporter
    resume : bool
        Take stored results whose key fits.
    first : str or None
        Name of the stage from which on everything is computed again.
    """

    folder: Path
    key: str
    reporter: Reporter
    resume: bool = False
    first: str | None = None
    records: list[StageRecord] = field(default_factory=list)

    def run(
        self,
        name: str,
        settings: object,
        compute: Callable[[Progress], Made],
        codec: Codec[Made, Value],
    ) -> Value:
        """Load the stage's stored value, or compute and store it."""
        self.key = hash_of(self.key, name, settings)
        path = self.folder / f"{name}.npz"
        if name == self.first:
            self.resume = False
            self.first = None
        started = time.monotonic()
        stored = load_stage(path, self.key) if self.resume else None
        with self.reporter.stage(name) as progress:
            if stored is None:
                if self.first is not None:
                    raise MembraneSegError(
                        f"--from {self.first} needs the stage '{name}' of an earlier run with the "
                        f"same input and settings, and {path} is not: start from '{name}' or "
                        "run without --from."
                    )
                self.resume = False
                _save(path, codec.to_arrays(compute(progress)), self.key)
                stored = load_stage(path, self.key)
                assert stored is not None
                resumed = False
            else:
                resumed = True
            value = codec.from_arrays(stored)
            progress(1.0)
        seconds = time.monotonic() - started
        self.records.append(StageRecord(name, seconds, peak_memory_MB(), resumed))
        log.info("%s: %.1f s%s", name, seconds, " (resumed)" if resumed else "")
        return value


def _save(path: Path, content: Arrays | SliceStream, key: str) -> None:
    """Write what a stage made; a stream is computed only now, while it is written."""
    if isinstance(content, SliceStream):
        save_slices(path, content, key)
    else:
        save_stage(path, content, key)


def _plain(settings: object) -> object:
    """Config dataclasses as mappings; anything else as it is."""
    if isinstance(settings, list | tuple):
        return [_plain(s) for s in settings]
    return asdict(settings) if is_dataclass(settings) else settings  # type: ignore[arg-type]
