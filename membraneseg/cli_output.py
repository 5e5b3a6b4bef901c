"""What every command prints with: bars and logs on stderr, results on stdout."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

console = Console(stderr=True)


def print_table(title: str, rows: list[tuple[str, str]]) -> None:
    """Print measures and their values."""
    table = Table("measure", "value", title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def print_results(files: dict[str, Path], summary: list[str]) -> None:
    """Print a summary, and where everything was written."""
    for line in summary:
        typer.echo(line)
    width = max(map(len, files), default=0)
    for name, path in files.items():
        typer.echo(f"{name:<{width}}  {path}")
