"""How the sources of both clients are built: no circular imports, short files, few constructor arguments."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.clients.words import PYTHON, TYPESCRIPT

LINES = 300
ARGUMENTS = 7
FILES = [*sorted(PYTHON.glob("*.py")), *sorted(TYPESCRIPT.rglob("*.ts"))]


def python_imports(file: Path) -> set[str]:
    """Modules of the client that `file` imports, also those under TYPE_CHECKING and inside functions."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module}


def typescript_imports(file: Path) -> set[str]:
    """Modules of the client that `file` imports or exports again, `import type` included."""
    return set(re.findall(r'from "\./(\w+)\.js"', file.read_text()))


def constructors(file: Path) -> list[int]:
    """The number of arguments of each constructor."""
    text = file.read_text()
    if file.suffix == ".ts":
        heads = re.findall(r"^  constructor\(([^{]*)\) \{", text, re.M)
        return [len([part for part in head.split(",") if part.strip()]) for head in heads]
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    made = [node.args for node in functions if node.name == "__init__"]
    return [len(found.args) - 1 + len(found.kwonlyargs) for found in made]


def test_no_imports_are_circular() -> None:
    python = {file.stem: python_imports(file) for file in PYTHON.glob("*.py")}
    typescript = {file.stem: typescript_imports(file) for file in TYPESCRIPT.glob("*.ts")}
    for graph in (python, typescript):
        assert sum(map(len, graph.values())) > 30
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_and_constructors_stay_small(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LINES
    assert max(constructors(file), default=0) <= ARGUMENTS


def test_constructors_are_found_in_both_languages() -> None:
    found = {
        suffix: sum(len(constructors(file)) for file in FILES if file.suffix == suffix) for suffix in (".py", ".ts")
    }
    assert all(count > 10 for count in found.values()), found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_file_opens_with_what_it_is_responsible_for(file: Path) -> None:
    text = file.read_text()
    assert re.match(r'"""|// ', text)
