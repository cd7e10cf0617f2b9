"""The generated filters: their form on the wire, and that they accept and refuse the same as the gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.gateway import ROOT
from tidegate import codegen, schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused

pytestmark = pytest.mark.process

OWN: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "x-resource": {"key": "id"},
    "properties": {
        "id": {"type": "integer"},
        "in": {"type": "string", "description": 'Ends in a quote, and a backslash: \\ and "'},
        "ship-to": {"type": ["string", "null"]},
        "ship_to": {"type": "number"},
        "str": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "integer"}},
        "maybe": {"type": ["array", "null"], "items": {"enum": ["a", "b"]}},
        "papers": {"type": ["object", "null"]},
        "rate": {"enum": [0.5, 1]},
        "and_": {"type": "string"},
        "anything": {},
    },
    "required": ["id", "in", "ship_to", "str", "list", "rate", "and_"],
}
PROGRAM = """
import sys, msgspec, app_contract as app
filters = msgspec.json.decode(sys.stdin.buffer.read())
for one in filters:
    try:
        taken = msgspec.convert(one, getattr(app, sys.argv[1]))
    except msgspec.ValidationError as error:
        print("refused", error)
    else:
        print("same" if msgspec.json.decode(msgspec.json.encode(taken)) == one else "other")
"""
TAKEN: dict[str, list[Any]] = {
    "users": [
        {},
        {"status": "active", "id": 1},
        {"status": {"in": ["active"], "ne": "inactive"}},
        {"name": {"contains": "a", "between": ["a", "b"]}, "or": [{"id": {"gt": 1}}, {"and": [{"id": {"in": [3]}}]}]},
    ],
    "tasks": [
        {"due_at": None, "notes": {"null": False, "startswith": "a"}, "tags": {"ina": ["a"]}},
        {"done": {"nes": True}, "priority": {"nbetween": [2, 3]}},
    ],
}
REFUSED: dict[str, list[Any]] = {
    "users": [
        {"staet": "active"},
        {"status": "asleep"},
        {"status": {"eqq": "active"}},
        {"status": {"in": ["asleep"]}},
        {"id": {"contains": "1"}},
        {"id": {"gt": "1"}},
        {"name": None},
        {"name": {"null": True}},
        {"password": "x"},
        {"or": [{"staet": "active"}]},
        {"id": {"between": [1]}},
    ],
    "tasks": [{"tags": ["a"]}, {"tags": {"ina": [1]}}, {"due_at": {"in": [None]}}, {"done": {"gt": False}}],
}


def generated(folder: Path, out: Path) -> Path:
    codegen.write(codegen.generate(schema.load(folder)), out)
    return out / "python"


def run(package: Path, *arguments: str, stdin: Any = None) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", *arguments]
    done = subprocess.run(
        command, env=environment, input=json.dumps(stdin), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of an application with odd names."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "schema" / "resources").mkdir(parents=True)
    (folder / "schema" / "resources" / "things.json").write_text(json.dumps(OWN))
    return generated(folder / "schema", folder / "out")


@pytest.mark.parametrize(("resource", "title"), [("users", "UserFilters"), ("tasks", "TaskFilters")])
def test_the_structs_accept_and_refuse_the_same_as_the_gateway(resource: str, title: str) -> None:
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    for filters in TAKEN[resource]:
        contract.decode(asking(resource, filters))
    for filters in REFUSED[resource]:
        with pytest.raises(Refused):
            contract.decode(asking(resource, filters))
    told = run(ROOT / "generated" / "python", PROGRAM, title, stdin=TAKEN[resource] + REFUSED[resource]).splitlines()
    assert told[: len(TAKEN[resource])] == ["same"] * len(TAKEN[resource])
    assert [line.split()[0] for line in told[len(TAKEN[resource]) :]] == ["refused"] * len(REFUSED[resource])


def asking(resource: str, filters: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"type": "list", "resource": resource, "filters": filters})


def test_filters_encode_python_names_as_wire_names(own: Path) -> None:
    program = """
import msgspec, app_contract as app
filters = app.ThingFilters(
    in_=app.TextConditions(in_=["a"], endswith="b"),
    ship_to_=app.NullableTextConditions(null=True), ship_to=2.5, str_=True,
    list_=app.ListConditions(ina=[1]), maybe=None, papers=app.NullConditions(nnull=True),
    rate=app.OrderConditions(gt=0.5), and__="x", anything=app.NullableEqualityConditions(ne=1),
    or_=[app.ThingFilters(id=1)], and_=[app.ThingFilters(maybe=app.NullableListConditions(nina=["a"]))],
)
print(msgspec.json.encode(filters, order="sorted").decode())
assert app.RESOURCES["things"].filters is app.ThingFilters
"""
    assert json.loads(run(own, program)) == {
        "in": {"in": ["a"], "endswith": "b"},
        "ship-to": {"null": True},
        "ship_to": 2.5,
        "str": True,
        "list": {"ina": [1]},
        "maybe": None,
        "papers": {"nnull": True},
        "rate": {"gt": 0.5},
        "and_": "x",
        "anything": {"ne": 1},
        "or": [{"id": 1}],
        "and": [{"maybe": {"nina": ["a"]}}],
    }
