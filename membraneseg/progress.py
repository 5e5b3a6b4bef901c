"""Progress bars of the command line; everything else only knows a callable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class BarReporter:
    """Shows one bar per stage, with its name and the time it takes."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Show a bar while the stage runs."""
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=40),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as bars:
            task = bars.add_task(name, total=1.0)
            yield lambda share: bars.update(task, completed=share)


class SilentReporter:
    """Shows nothing: for use from Python."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Do nothing."""
        yield lambda share: None
