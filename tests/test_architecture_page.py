"""docs/explanation/architecture.md: each rule stands in the file that "Where is it?" names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.support.gateway import ROOT


def defined(file: Path) -> set[str]:
    """The names that a module defines: at its top, and in its classes."""
    found: set[str] = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (node for body in bodies for node in body):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def test_each_rule_stands_where_the_architecture_says() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    table = page.partition("## Where is it?")[2]
    rows = re.findall(r"^\| (.+) \| `(server/.+)` \| `(\w+)` \|$", table, re.M)
    assert len(rows) >= 15
    for rule, file, name in rows:
        assert name in defined(ROOT / file), f"{rule}: {file} has no {name}"
