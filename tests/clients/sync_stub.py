"""Makes `tidegate_client/sync.pyi`: the types of the client without `await`, from the sources of the asyncio client.

`python -m tests.clients.sync_stub` writes it; a test holds it against the sources. A method keeps its name, parameters
and docstring; `async def` becomes `def`, and an asynchronous iterator an iterator.
"""

from __future__ import annotations

import ast

from tests.clients.words import BETWEEN_PARTS, PYTHON
from tidegate.codegen.python import formatted

STUB = PYTHON / "sync.pyi"
CLASSES = {
    "Stream": ["streams"],
    "RoomEvents": ["room_events"],
    "Resource": ["resource"],
    "Room": ["room"],
    "LiveQuery": ["live"],
    "Parts": ["parts"],
    "Client": ["client", "client_rows"],
}
HEADS = {
    "Stream": "class Stream(Iterator[ItemT], Generic[ItemT]):",
    "RoomEvents": "class RoomEvents(Iterator[RoomEvent[DataT]], Generic[DataT]):",
    "Resource": "class Resource(Generic[RowT]):",
    "Room": "class Room(Iterator[Message[DataT]], Generic[DataT]):",
    "LiveQuery": "class LiveQuery(Iterator[Change[RowT]], Generic[RowT]):",
    "Parts": "class Parts(Iterator[PartT], Generic[PartT]):",
    "Client": "class Client:",
}
ITEMS = {
    "Stream": "ItemT",
    "RoomEvents": "RoomEvent[DataT]",
    "Room": "Message[DataT]",
    "LiveQuery": "Change[RowT]",
    "Parts": "PartT",
}
ATTRIBUTES = {"Resource": ["name: str", "model: type[RowT] | None"]}
ENTERED = {"Room", "LiveQuery", "Parts", "Client"}
HIDDEN = {"start", "push", "take", "fail"} | {name for names in BETWEEN_PARTS.values() for name in names}
OWN = {"Client", "LiveQuery", "Parts", "Resource", "Room", "RoomEvents", "Stream"}
TIMEOUT = '''
def timeout(seconds: float) -> AbstractContextManager[None]:
    """Everything in the block ends within `seconds` in all, or raises TimeoutError; a block within a block too."""
'''
EXIT = (
    "    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, "
    "trace: TracebackType | None) -> None: ..."
)


def tree(module: str) -> ast.Module:
    return ast.parse((PYTHON / f"{module}.py").read_text())


def methods(module: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    found = [node for node in tree(module).body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    body = max(found, key=lambda node: len(node.body)).body
    return [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The method without its body; of overloads, the last one alone has a docstring."""
    doc = ast.get_docstring(node, clean=False)
    body: list[ast.stmt] = [ast.Expr(ast.Constant(doc or ...))]
    made = ast.FunctionDef(node.name, node.args, body, node.decorator_list, node.returns, lineno=0, col_offset=0)
    return ast.unparse(ast.fix_missing_locations(made))


def indented(text: str) -> str:
    """Continuation lines of docstrings are indented already."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if '"""' in line), len(lines))
    return "\n".join("    " + line if number <= start and line else line for number, line in enumerate(lines))


def class_stub(name: str) -> str:
    parts = [HEADS[name], *(f"    {line}" for line in ATTRIBUTES.get(name, []))]
    for module in CLASSES[name]:
        nodes = methods(module)
        overloaded = {node.name for node in nodes if any(ast.unparse(of) == "overload" for of in node.decorator_list)}
        for node in nodes:
            is_overload = any(ast.unparse(of) == "overload" for of in node.decorator_list)
            if node.name.startswith("_") or node.name in HIDDEN or (node.name in overloaded and not is_overload):
                continue
            parts.append(indented(signature(node)))
    if name in ITEMS:
        parts += ["    def __iter__(self) -> Self: ...", f"    def __next__(self) -> {ITEMS[name]}: ..."]
    if name in ENTERED:
        parts += ["    def __enter__(self) -> Self: ...", EXIT]
    return "\n".join(parts)


def connect_stub() -> str:
    (node,) = (one for one in tree("connecting").body if isinstance(one, ast.FunctionDef) and one.name == "connect")
    node.returns = ast.Name("Client")
    return signature(node)


def named(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def imports(body: str) -> str:
    """Where the sources get each name that the stub uses."""
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    found: dict[str, str] = {}
    for module in [*(one for of in CLASSES.values() for one in of), "connecting"]:
        for node in tree(module).body:
            if isinstance(node, ast.ImportFrom):
                origin = "." * node.level + (node.module or "")
                found |= {alias.asname or alias.name: f"from {origin} import {named(alias)}" for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.asname or alias.name: f"import {named(alias)}" for alias in node.names}
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found.setdefault(node.targets[0].id, f"from .{module} import {node.targets[0].id}")
    variables = {name for name in used if name.endswith("T") and len(name) > 1 and name[0].isupper()}
    found |= {name: f"from typing import {name}" for name in ("Generic", "Self", "TypeVar", "overload")}
    found |= {"Iterator": "from collections.abc import Iterator", "TracebackType": "from types import TracebackType"}
    lines = sorted({found[name] for name in used - OWN - variables if name in found} | {found["TypeVar"]})
    lines.append("from contextlib import AbstractContextManager")
    return "\n".join([*lines, *(f'{name} = TypeVar("{name}")' for name in sorted(variables))])


def stub() -> str:
    body = "\n\n".join(
        [
            *map(class_stub, CLASSES),
            connect_stub(),
            TIMEOUT,
        ]
    )
    head = '"""The types of `tidegate_client.sync`. Generated by `python -m tests.clients.sync_stub`: do not edit."""'
    return formatted(f"{head}\n\n{imports(body)}\n\n{body}\n")


if __name__ == "__main__":
    STUB.write_text(stub())
