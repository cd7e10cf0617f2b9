"""The size of files and of constructors: what a reader can hold in mind.

A file has at most 300 lines, a test file 500. A constructor takes at most 7 arguments besides `self`.
That imports have no circles is checked in tests/test_imports.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import ROOT
from tests.support.words import TOOLS

LINES, TEST_LINES, ARGUMENTS = 300, 500, 7
KNOW_THEIR_PLACE = ("support/gateway", "support/selection", "bench/peer")
"""Test files that find the project from where they are."""
FOLDERS = ("server/tidegate", "clients/python", "clients/typescript/src", "tests", "clients/typescript/test")


def sources(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in {".py", ".ts", ".tsx"} and TOOLS.isdisjoint(path.relative_to(ROOT).parts):
            yield path


def long_files(folder: str) -> set[str]:
    most = TEST_LINES if "test" in folder else LINES
    return {
        path.relative_to(ROOT).as_posix()
        for path in sources(folder)
        if len(path.read_text(encoding="utf-8").splitlines()) > most
    }


def wide_constructors(folder: str) -> set[str]:
    """`file:Class` of each class whose `__init__` takes too much. Generated fields of values do not count."""
    found = set()
    for path in sources(folder):
        if path.suffix != ".py":
            continue
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "__init__" in text else ():
            if not isinstance(node, ast.ClassDef):
                continue
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    taken = method.args
                    count = len(taken.posonlyargs) + len(taken.args) + len(taken.kwonlyargs) - 1
                    if count > ARGUMENTS:
                        found.add(f"{path.relative_to(ROOT).as_posix()}:{node.name}")
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_are_short(folder: str) -> None:
    assert long_files(folder) == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_constructors_take_few_arguments(folder: str) -> None:
    assert wide_constructors(folder) == set()


def test_the_measures_see_what_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "a.py").write_text("class A:\n    def __init__(self, a, b, c, d, e, f, g, *, h): ...\n" + "\n" * 299)
    (folder / "b.py").write_text("class B:\n    def __init__(self, a, b, c, d, e, f, *, g): ...\n" + "\n" * 298)
    assert long_files("server") == {"server/a.py"}
    assert wide_constructors("server") == {"server/a.py:A"}


def test_tests_find_the_project_by_name_not_by_counting_folders() -> None:
    """A test file that moves would look into another folder, and might find nothing to check."""
    counting = {
        path.relative_to(ROOT).as_posix()
        for path in sources("tests")
        if path.suffix == ".py" and "__file__).parents[" in path.read_text(encoding="utf-8")
    }
    assert counting - {"tests/test_house.py"} == {f"tests/{name}.py" for name in KNOW_THEIR_PLACE}
