"""docs/reference/python-client.md: its code runs and names real things, and its tables are complete."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import tidegate_client
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tidegate_client import Client, LiveQuery, Resource, Room, TidegateError, connect
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


async def run(snippet: str, names: dict[str, Any]) -> None:
    """Run a snippet as it stands there, in a thread unless it has an `await` outside of functions."""
    code = compile(snippet, "guide", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        await eval(code, names)
    else:
        await asyncio.to_thread(exec, code, names)


@pytest.mark.process
async def test_the_snippets_run_one_after_another(tmp_path: Path) -> None:
    gateway, printed = GatewayProcess(tmp_path, "--dev"), list[str]()
    gateway.migrate()
    gateway.start()
    try:
        async with connect(gateway.url, token=gateway.token("kim", "--role", "admin")) as client:
            user = await client.resource("users").create({"name": "Kim", "email": "kim@example.org"})
            for _ in range(7):
                await client.resource("tasks").create({"user_id": user["id"], "title": "x"})
            known = {"client": client, "connect": connect, "print": lambda *words: printed.append(str(words))}
            for snippet in SNIPPETS:
                here = snippet.replace("ws://127.0.0.1:8787/ws", gateway.url).replace("timeout(60)", "timeout(0.2)")
                names = dict(known)
                ends = pytest.raises(TimeoutError) if "timeout(60)" in snippet else contextlib.nullcontext()
                async with asyncio.timeout(DEADLINE_S):
                    with ends:
                        await run(here, names)
                made = names["client"]
                if isinstance(made, Client) and made is not client:
                    await made.close()
            assert await connect_and_get(gateway.url, 7) == {"done": True}
    finally:
        gateway.stop()
    assert any("Hello" in line for line in printed)


async def connect_and_get(url: str, task: int) -> dict[str, Any]:
    async with connect(url) as client:
        row = await client.resource("tasks").get(task, fields=["done"])
        assert row is not None
        return {"done": row["done"]}
