"""Progress bars of the command line; everything else only knows a callable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

Told = Callable[[int, str, float], None]
"""Takes how many phantoms are done, the name of the step at work, and its share done, 0–1."""


class BarReporter:
    """Shows one bar per stage, with its name and the time it takes."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Show a bar while the stage runs."""
        with Progress(*_columns(), console=self.console) as bars:
            task = bars.add_task(name, total=1.0)
            yield lambda share: bars.update(task, completed=share)

    @contextmanager
    def phantoms(self, count: int) -> Iterator[Told]:
        """Show a bar per step of one phantom; of a set, one for it all and one for the step."""
        with Progress(*_columns(), console=self.console) as bars:
            whole = bars.add_task(f"phantom 1 of {count}", total=count, visible=count > 1)
            steps: dict[str, TaskID] = {}

            def told(done: int, step: str, share: float) -> None:
                name = f"phantom {min(done + 1, count)} of {count}"
                bars.update(whole, description=name, completed=done)
                if step not in steps:
                    for task in steps.values() if count > 1 else ():
                        bars.remove_task(task)
                    if count > 1:
                        steps.clear()
                    steps[step] = bars.add_task(step, total=1.0)
                bars.update(steps[step], completed=share)

            yield told


class SilentReporter:
    """Shows nothing: for use from Python."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Do nothing."""
        yield lambda share: None

    @contextmanager
    def phantoms(self, count: int) -> Iterator[Told]:
        """Do nothing."""
        yield lambda done, step, share: None


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description:<17}"),
        BarColumn(bar_width=40),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
