"""The pages name every command and every file, and show only pictures that there are."""

import re
from dataclasses import fields
from pathlib import Path

import typer.main

from membraneseg.cli import app
from membraneseg.exports import KINDS
from membraneseg.io.tables import MEMBRANE_COLUMNS
from membraneseg.types import Mesh

ROOT = Path(__file__).parent.parent
PAGES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")}


def test_every_command_is_on_a_page():
    text = "\n".join(PAGES.values())
    commands = typer.main.get_command(app).commands
    assert {"run", "close", "export", "report"} <= set(commands)
    assert [name for name in commands if f"membraneseg {name}" not in text] == []


def test_every_column_and_every_value_per_vertex_is_in_the_file_contract():
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    names = [*MEMBRANE_COLUMNS, *(item.name for item in fields(Mesh))]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_export_is_explained():
    text = (ROOT / "docs" / "how-to" / "export.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []


def test_every_viewer_and_script_that_a_page_names_exists():
    named = {
        name for text in PAGES.values() for name in re.findall(r"\b(view_\w+|\w+_\w+)\.py", text)
    }
    there = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert {path.stem for path in (ROOT / "scripts").glob("view_*.py")} <= named
    sources = {path.stem for path in ROOT.rglob("*.py") if ".venv" not in path.parts}
    assert named - there - sources == set()


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    names = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES}
    assert {name for name in names if name not in navigation} == set()
