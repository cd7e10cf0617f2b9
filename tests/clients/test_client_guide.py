"""docs/reference/python-client.md: its code compiles and names real things, and its tables are complete."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import tidegate_client
from tests.support.gateway import ROOT
from tidegate_client import Client, LiveQuery, Resource, Room, TidegateError
from tidegate_client.backoff import CAP, FIRST

GUIDE = (ROOT / "docs" / "reference" / "python-client.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
OBJECTS = {"client": Client, "room": Room, "users": Resource, "live": LiveQuery}


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_use_what_exists(snippet: str) -> None:
    tree = compile(snippet, "guide", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "tidegate_client":
            assert all(hasattr(tidegate_client, name.name) for name in node.names)
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id in OBJECTS:
            method = getattr(OBJECTS[owner.id], node.func.attr)
            parameters = inspect.signature(method).parameters
            assert all(keyword.arg in parameters for keyword in node.keywords)


def test_every_exception_is_in_the_table() -> None:
    documented = set(re.findall(r"^\| `([A-Z]\w+)` \|", GUIDE, re.M))
    public = {getattr(tidegate_client, name) for name in tidegate_client.__all__}
    errors = {one.__name__ for one in public if inspect.isclass(one) and issubclass(one, TidegateError)}
    assert documented == errors - {"TidegateError"}


def test_the_delays_are_those_of_the_code() -> None:
    assert f"at most {FIRST:g} s, {FIRST * 2:g} s, {FIRST * 4:g} s ... {CAP:g} s" in GUIDE
