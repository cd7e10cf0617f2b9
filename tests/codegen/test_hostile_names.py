"""One application in which everything has a hostile name: it is generated, imported, type-checked, and loses nothing.

The names come from one table and stand in every place where a schema may have a name.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.generated_applications import names
from tests.support.node import node_program
from tidegate import codegen, schema
from tidegate.schema.lint.names import RESERVED, UNFIT_IN_NAMES, folded
from tidegate.schema.lint.resources import DERIVED

pytestmark = [pytest.mark.process, pytest.mark.slow]

ANYONE = dict.fromkeys(("read", "create", "update", "delete"), "anyone")
TEXTS = [text for text in dict.fromkeys([*names.ENDS, *names.PROPERTIES]) if text]
FIT = [text for text in TEXTS if UNFIT_IN_NAMES.isdisjoint(text) and text >= " " and text not in {"and", "or"}]
COLUMNS = list({folded(text): text for text in FIT if folded(text) != "id"}.values())
TITLES = sorted({*names.TITLES, "T", "R"} - RESERVED - {"Order"})


def message(title: str, kind: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": {"type": {"const": kind}, **properties},
        "required": ["type"],
        "additionalProperties": False,
        **more,
    }


def strings(texts: list[str]) -> dict[str, Any]:
    return {text: {"type": "string", "description": f"It is {text!r}."} for text in texts}


def row(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {"id": {"type": "integer", "readOnly": True}, **properties},
        "required": ["id"],
        "additionalProperties": False,
    }


def tagged(text: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"kind": {"const": text}, "x": {"type": "integer"}},
        "required": ["kind"],
        "additionalProperties": False,
    }


ALL = {"join": "anyone", "send": "anyone"}
POINT = {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": False}
FILES: dict[str, Any] = {
    # Everything is named order: a message, its reply, a room, a resource, and properties with objects.
    "client/order.json": message(
        "OrderAsked",
        "order",
        {"order": POINT, **strings([text for text in ["", *TEXTS] if text not in {"type", "order", "ref"}])},
        **{"x-access": {"send": "anyone"}, "x-reply": "order"},
    ),
    "server/order.json": message("OrderSaid", "order", {"order": POINT}),
    "rooms/order.json": {
        "title": "Cart",
        "x-room": {"pattern": "order"},
        "x-access": ALL,
        "type": "object",
        "properties": {"order": POINT, "Order": {"$ref": "../resources/order.json"}, "orderAsked": POINT},
        "additionalProperties": False,
    },
    "resources/order.json": row("Order", {"order": POINT, **strings([text for text in COLUMNS if text != "order"])}),
    "rooms/enum.json": {"title": "Word", "x-room": {"pattern": "enum"}, "x-access": ALL, "enum": TEXTS},
    "rooms/tagged.json": {
        "title": "Shape",
        "x-room": {"pattern": "tagged"},
        "x-access": ALL,
        "oneOf": [tagged(text) for text in TEXTS],
    },
}
for number, text in enumerate(TEXTS):
    if text != "ref":
        FILES[f"client/m{number}.json"] = message(
            f"M{number}",
            f"m{text}"[:64],
            {"a": {"type": "string"}},
            **{"x-access": {"send": "anyone"}, "x-reply": "order"},
        )
    if text.isprintable() and not {"{", "}"} & set(text):  # in a pattern, braces are parameters
        FILES[f"rooms/r{number}.json"] = {
            "title": f"Room{number}",
            "x-room": {"pattern": f"{number} {text}"},
            "x-access": ALL,
            "type": "string",
        }
for number, title in enumerate(TITLES):
    other = f"t{(number * 7 + 1) % len(TITLES)}.json"
    FILES[f"rooms/t{number}.json"] = {
        "title": title,
        "x-room": {"pattern": f"t{number}"},
        "x-access": ALL,
        "type": "object",
        "properties": {title: {"$ref": other}},
    }
for number, text in enumerate(("a b", "a.b", "'", "`", "${x}", "__proto__", "class", "😀", "\u202e", "%s", "A", "*")):
    FILES[f"resources/{text}.json"] = row(f"Row{number}", {"name": {"type": "string"}})

PROGRAM = """
import json, sys, msgspec, app_contract as app
from pathlib import Path
from tidegate_protocol.plain import plain
from tidegate_protocol.typed import typed
told = json.loads(Path(sys.argv[1]).read_bytes())
for name in app.__all__:
    kind = getattr(app, name)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        msgspec.json.Decoder(kind)
for kind, title in told["titles"].items():
    assert app.CLIENT_MESSAGES[kind] is getattr(app, title), kind
for kind, value in told["messages"].items():
    held = typed(value, app.CLIENT_MESSAGES[kind])
    assert plain(held) == value, (kind, plain(held))
for pattern, values in told["rooms"].items():
    for value in values:
        held = typed(value, app.ROOMS[pattern])
        assert plain(held) == value, (pattern, value, plain(held))
types = app.RESOURCES["order"]
assert (types.row, types.create, types.update, types.filters) == (
    app.Order, app.OrderCreate, app.OrderUpdate, app.OrderFilters)
row = told["row"]
for kind, value in (
    (types.row, {"id": 1, **row}), (types.create, row), (types.update, row), (types.filters, told["filters"])
):
    assert plain(msgspec.convert(value, kind)) == value, kind
assert sorted(app.RESOURCES) == told["resources"]
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the generated code."""
    folder = tmp_path_factory.mktemp("hostile")
    for path, content in FILES.items():
        (folder / "schema" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "schema" / path).write_text(json.dumps(content), encoding="utf-8")
    schemas = schema.load(folder / "schema")
    assert [str(problem) for problem in schema.lint(schemas)] == []
    codegen.write(codegen.generate(schemas), folder / "out")
    (folder / "told.json").write_text(json.dumps(told()))
    return folder / "out"


def told() -> dict[str, Any]:
    """Values of each type, and what the tables must say."""
    asked = FILES["client/order.json"]["properties"].keys() - {"type", "order"}
    row = {text: text for text in FILES["resources/order.json"]["properties"].keys() - {"id", "order"}}
    messages = {content["properties"]["type"]["const"]: content for path, content in FILES.items() if "client/" in path}
    patterns = [content["x-room"]["pattern"] for content in FILES.values() if content["title"].startswith("Room")]
    return {
        "titles": {kind: content["title"] for kind, content in messages.items()},
        "messages": {
            **{kind: {"type": kind, "a": kind} for kind in messages},
            "order": {"type": "order", "order": {"x": 1.5}, **{text: text for text in asked}},
        },
        "rooms": {
            "order": [{"order": {"x": 1}, "orderAsked": {}, "Order": {"id": 1, "order": {"x": 2.5}}}],
            "enum": TEXTS,
            "tagged": [{"kind": text, "x": 1} for text in TEXTS],
            **{pattern: [pattern] for pattern in patterns},
            **{f"t{number}": [{title: {}}] for number, title in enumerate(TITLES)},
        },
        "row": {"order": {"x": 1}, **row},
        "filters": {"and": [{text: text} for text in row], "or": [{text: {"startswith": "a"}} for text in row], **row},
        "resources": sorted(path[10:].removesuffix(".json") for path in FILES if path.startswith("resources/")),
    }


def test_python_has_each_type_under_its_name_and_loses_nothing(out: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(out / "python"), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", PROGRAM, str(out.parent / "told.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_no_title_may_be_a_name_that_the_modules_define_or_import(out: Path) -> None:
    """Of the modules that have titled types too: a title would take the place of the other name."""
    titles = {content["title"] for content in FILES.values()}
    own = {title + suffix for title in titles for suffix in ("", *DERIVED)}
    found = set[str]()
    for module in ("__init__", "contract", "filters", "models"):
        for node in ast.parse((out / f"python/app_contract/{module}.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    source = (out / "typescript/app.ts").read_text(encoding="utf-8")
    found |= set(re.findall(r"^export (?:interface|type|const) (\w+)", source, re.MULTILINE))
    others = {name for name in found - own if re.fullmatch("[A-Z][A-Za-z0-9]*", name)}
    assert len(others) > 20
    assert others <= RESERVED


def test_python_is_clean_under_mypy(out: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-version=3.11",
        "--config-file=",
        "-p",
        "app_contract",
    ]
    done = subprocess.run(
        [*command, f"--cache-dir={out.parent / 'cache'}"],
        cwd=out / "python",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[:3000]


@pytest.mark.long
def test_typescript_takes_the_same_values(out: Path) -> None:
    values = told()
    lines = ['import type { ClientMessages, Resources, RoomData } from "./app.js";']
    lines += [
        f"export const m{i}: ClientMessages[{js(kind)}] = {js(value)};"
        for i, (kind, value) in enumerate(values["messages"].items())
    ]
    for i, (pattern, listed) in enumerate(values["rooms"].items()):
        lines.append(f"export const r{i}: RoomData<{js(pattern)}>[] = {js(listed)};")
    for kind, value in (("row", {"id": 1, **values["row"]}), ("create", values["row"]), ("filters", values["filters"])):
        lines.append(f'export const {kind}: Resources["order"]["{kind}"] = {js(value)};')
    lines += [f'export const k{i}: Resources[{js(name)}]["key"] = 1;' for i, name in enumerate(values["resources"])]
    (out / "typescript/use.ts").write_text("\n".join(lines), encoding="utf-8")
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--exactOptionalPropertyTypes"]
    done = subprocess.run(
        [node_program("tsc"), *options, "app.ts", "use.ts"],
        cwd=out / "typescript",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[:3000]


def js(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
