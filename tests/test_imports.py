"""Imports have no circles, not even circles that only a type checker sees. The import table is in pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import grimp


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


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
    assert circles(graph, graph.__getitem__) == [["a", "b", "c"]]
