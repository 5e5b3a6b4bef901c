"""Imports point down: the house of the packages, enforced."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEAVES = ("gp_fit", "synth2d", "rl_agent")
STAGES = ("segment", "group", "surface", "vesicles", "phantom")
BASE = ("types", "coords", "errors", "__version__")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, by its full dotted name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(path: Path) -> set[str]:
    return {n for n in imported(path) if n.split(".")[0] in ("membraneseg", *LEAVES)}


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_imports_nothing_of_ours_but_itself(leaf):
    files = list((ROOT / leaf).rglob("*.py"))
    assert files
    for path in files:
        assert all(n.split(".")[0] == leaf for n in ours(path)), path


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_itself_the_base_and_leaves(stage):
    files = list((ROOT / "membraneseg" / stage).rglob("*.py"))
    assert files
    for path in files:
        if path.name == "files.py":  # the one file of a stage's package that may write through io
            continue
        for name in ours(path):
            parts = name.split(".")
            allowed = parts[0] in LEAVES or len(parts) == 1 or parts[1] in (stage, *BASE)
            assert allowed, f"{path} imports {name}"


def test_the_base_knows_neither_stages_nor_files():
    for module in ("types", "coords", "errors"):
        for name in ours(ROOT / "membraneseg" / f"{module}.py"):
            assert name.split(".")[1] in BASE, name


def test_no_package_prints():
    for package in ("membraneseg", *LEAVES):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                assert not (called and node.func.id == "print"), f"{path}:{node.lineno}"
