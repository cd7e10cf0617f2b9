"""Imports have no circles, in Python and in TypeScript, not even circles that only a type checker sees.

The import table is in pyproject.toml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import grimp

from tests.support.gateway import ROOT

TYPESCRIPT = ROOT / "clients" / "typescript" / "src"
IMPORTED = re.compile(r"""\b(?:from|import\()\s*"(\.[^"]*)\.js\"""")


def circles(modules: Iterable[str], imports: Callable[[str], Iterable[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or not (Tarjan, 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for other in sorted(imports(module)):
            if other not in number:
                visit(other)
            if other in path:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            group = path[path.index(module) :]
            del path[path.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(modules):
        if module not in number:
            visit(module)
    return found


def test_no_modules_import_each_other() -> None:
    graph = grimp.build_graph("tidegate", "tidegate_protocol", "tidegate_client", exclude_type_checking_imports=False)
    assert len(graph.modules) > 100
    assert circles(graph.modules, graph.find_modules_directly_imported_by) == []


def typescript_imports(folder: Path) -> dict[str, set[str]]:
    """For each source file below `folder`, the source files that it imports, types included."""
    paths = {path.resolve(): path for ending in ("*.ts", "*.tsx") for path in folder.rglob(ending)}
    by_name = {path.with_suffix(""): path.relative_to(folder).as_posix() for path in paths}
    return {
        by_name[path.with_suffix("")]: {
            by_name[target]
            for name in IMPORTED.findall(path.read_text(encoding="utf-8"))
            if (target := (path.parent / name).resolve()) in by_name
        }
        for path in paths
    }


def test_no_typescript_files_import_each_other() -> None:
    graph = typescript_imports(TYPESCRIPT)
    assert len(graph) > 50
    assert sum(map(len, graph.values())) > 100
    assert circles(graph, graph.__getitem__) == []


def test_a_circle_of_typescript_files_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text('import type { B } from "./in/b.js";\n')
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.tsx").write_text('import {\n  type A,\n} from "../a.js";\nimport "react";\n')
    graph = typescript_imports(tmp_path)
    assert graph == {"a.ts": {"in/b.tsx"}, "in/b.tsx": {"a.ts"}}
    assert circles(graph, graph.__getitem__) == [["a.ts", "in/b.tsx"]]


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
    assert circles(graph, graph.__getitem__) == [["a", "b", "c"]]
